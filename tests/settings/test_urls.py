"""Addresses with logins in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.settings.urls import Address, checked, masked, without_login

SCHEMES = ("mqtt", "mqtts", "ws", "wss", "unix")
words = st.text(min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("mqtt://broker", "mqtt://broker"),
        (" MQTT://broker:1884/ ", "mqtt://broker:1884"),
        ("wss://broker/mqtt", "wss://broker/mqtt"),
        ("mqtt://[fd00::1]:1883", "mqtt://[fd00::1]:1883"),
        ("mqtt://[fe80::1%eth0]", "mqtt://[fe80::1%eth0]"),
        ("mqtt://küche.local", "mqtt://küche.local"),
        ("mqtt://my_broker.", "mqtt://my_broker."),
        ("unix:///run/mosquitto.sock", "unix:///run/mosquitto.sock"),
    ],
)
def test_takes_addresses(url: str, plain: str) -> None:
    assert checked(url, SCHEMES) == plain


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "broker:1883",
        "http://broker",
        "mqtt://",
        "mqtt:///topic",
        "mqtt://bro ker",
        "mqtt://broker:port",
        "mqtt://broker:99999",
        "mqtt://broker?x=1",
        "mqtt://broker#x",
        "mqtt://[fd00::1",
        "mqtt://user@broker",
        "unix://",
        "mqtt://192.168.1..10",
        "mqtt://.broker",
        "mqtt://" + "x" * 64,
        "mqtt://😀.local",
        "mqtt://xn--zzzz",
        "mqtt://broker:0",
        "mqtt://broker/evcc",
    ],
)
def test_refuses_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        checked(url, SCHEMES)


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("mqtt://broker", Address("mqtt", "broker", 1883, ""), "broker:1883"),
        ("mqtts://broker", Address("mqtts", "broker", 8883, ""), "broker:8883"),
        ("wss://broker/ws", Address("wss", "broker", 443, "/ws"), "broker:443"),
        ("https://host:7443/evcc", Address("https", "host", 7443, "/evcc"), "host:7443"),
        ("unix:///run/mqtt", Address("unix", "", 0, "/run/mqtt"), "/run/mqtt"),
    ],
)
def test_takes_addresses_apart(url: str, address: Address, shown: str) -> None:
    assert Address.of(url) == address
    assert address.shown == shown
    assert address.tls == (address.scheme in {"https", "mqtts", "wss"})


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"url": "mqtt://u:p@h"}, {"url": "mqtt://h", "user": "u", "password": "p"}),
        ({"url": "mqtt://u@h"}, {"url": "mqtt://h", "user": "u"}),
        ({"url": "mqtt://:p@h"}, {"url": "mqtt://h", "password": "p"}),
        ({"url": "mqtt://@h"}, {"url": "mqtt://h"}),
        ({"url": "mqtt://u:a@b@h"}, {"url": "mqtt://h", "user": "u", "password": "a@b"}),
        ({"url": "mqtt://a%40b:%2F%3A@h/p"}, {"url": "mqtt://h/p", "user": "a@b", "password": "/:"}),
        ({"url": "mqtt://u:p@h", "password": "q"}, {"url": "mqtt://h", "user": "u", "password": "q"}),
        ({"url": "mqtt://h/@"}, {"url": "mqtt://h/@"}),
        ({"url": 5}, {"url": 5}),
        ({}, {}),
        ("text", "text"),
    ],
)
def test_moves_the_login_out_of_the_address(section: object, expected: object) -> None:
    assert without_login(section) == expected


@pytest.mark.parametrize(
    "url", ["mqtt://broker:1883", "http://[fd00::1]:7070/evcc", "localhost", "http//evcc", "ftp://evcc"]
)
def test_shows_what_holds_no_password(url: str) -> None:
    assert masked(url) == url


@given(password=words)
def test_hides_whatever_may_be_a_password(password: str) -> None:
    for url in (f"mqtt://user:<{password}>@host", f"user:<{password}>@host", f"mqtt://user:<{password}>"):
        assert f"<{password}>" not in masked(url)


@given(url=st.text(max_size=40) | st.from_regex(r"(mqtt|ws)://.{0,30}", fullmatch=True))
def test_any_text_is_an_address_or_a_reason(url: str) -> None:
    try:
        plain = checked(url, SCHEMES)
    except ValueError:
        return
    assert checked(plain, SCHEMES) == plain
    assert Address.of(plain).scheme in SCHEMES
