import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.state.known import words
from bridge.state.names import DEEPEST_TOPIC, KEPT_BACK, LONGEST_TOPIC, Selection, escape, is_secret, renamed


@pytest.mark.parametrize("name", ["my.car_2", "zoe:old", "db:5", "Grüner Honda", "a b", "", "100%", "-"])
def test_names_that_a_level_can_hold_stay(name: str) -> None:
    assert escape(name) == name


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("a/b", "a%2Fb"),
        ("+", "%2B"),
        ("#1", "%231"),
        ("\0", "%00"),
        ("a\nb\tc", "a%0Ab%09c"),
        ("\x7f", "%7F"),
        ("\x85", "%C2%85"),
        ("\ufdd0", "%EF%B7%90"),
        ("\U0001fffe\U0010ffff", "%F0%9F%BF%BE%F4%8F%BF%BF"),
        ("/+#", "%2F%2B%23"),
        ("set", "%73et"),  # a command otherwise
    ],
)
def test_what_a_level_cannot_hold_is_percent_encoded(name: str, escaped: str) -> None:
    assert escape(name) == escaped


@given(st.text())
def test_a_name_is_one_level_and_twice_escaped_the_same(name: str) -> None:
    escaped = escape(name)

    assert not re.search(r"[/+#\x00-\x1f\x7f-\x9f]", escaped)
    assert escape(escaped) == escaped
    escaped.encode()


@pytest.mark.parametrize(
    "key", ["password", "Password", "mqttPassword", "accessToken", "TOKEN", "clientSecret", "privateKey", "certificate"]
)
def test_secrets(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize("key", ["power", "mode", "plan", "smartCostLimit", "user", ""])
def test_no_secrets(key: str) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize(
    ("prefix", "key", "name"),
    [
        ("site/forecast", "feedin", "feedIn"),
        ("site/forecast/solar/today", "energy", "yield"),
        ("site/pv/1", "excessdcpower", "excessDCPower"),
        ("site/battery/devices/2", "excessdcpower", "excessDCPower"),
        ("site", "feedin", "feedin"),
        ("site/forecast/feedin", "feedin", "feedin"),
        ("site/pv/1", "energy", "energy"),
        ("site/forecast/solar", "energy", "energy"),
        ("site/forecast/solar/today/more", "energy", "energy"),
        ("site/forecast/grid", "energy", "energy"),
    ],
)
def test_evccs_odd_names(prefix: str, key: str, name: str) -> None:
    assert renamed(prefix, key) == name


_CONTRACT = words("""
    auth authDisabled config database deviceColors eebus hems/config influx mcp messaging messagingEvents
    modbusproxy mqtt network ocpp ocppforwarder remote shm sponsor tariffs releaseNotes
    authProviders log
""")


def test_what_the_contract_keeps_back_is_kept_back_and_no_more() -> None:
    assert _CONTRACT == KEPT_BACK


@pytest.mark.parametrize("key", sorted(_CONTRACT))
def test_kept_back(key: str) -> None:
    nothing_asked = Selection()

    assert not nothing_asked.takes(f"site/{key}")
    assert not nothing_asked.takes(f"site/{key}/below/it")
    assert nothing_asked.takes(f"site/{key}2")
    assert nothing_asked.takes(f"loadpoints/1/{key}")
    assert Selection(include=(f"site/{key}*",)).takes(f"site/{key}/below/it")


@pytest.mark.parametrize("topic", ["site/hems", "site/hems/status", "site/hems/status/dimmed", "site/hems/configured"])
def test_the_status_of_hems_is_wanted(topic: str) -> None:
    assert Selection().takes(topic)


@pytest.mark.parametrize(
    ("include", "exclude", "topic", "taken"),
    [
        ((), (), "site/gridPower", True),
        ((), ("site/grid*",), "site/gridPower", False),
        ((), ("site/grid*",), "site/grid/power", False),
        ((), ("site/grid*",), "site/pvPower", True),
        ((), ("*",), "site/pvPower", False),
        (("site/pvPower",), ("*",), "site/pvPower", True),
        (("site/pvPower",), ("*",), "site/pvPower2", False),
        (("site/mqtt/*",), (), "site/mqtt/topic", True),
        (("site/mqtt/*",), (), "site/mqtt", False),
        (("*",), (), "site/network/host", True),
        ((), ("loadpoints/[12]/*",), "loadpoints/2/mode", False),
        ((), ("loadpoints/[12]/*",), "loadpoints/3/mode", True),
        ((), ("SITE/*",), "site/pvPower", True),
        ((), ("site/(",), "site/(", False),
    ],
)
def test_selection(include: tuple[str, ...], exclude: tuple[str, ...], topic: str, *, taken: bool) -> None:
    assert Selection(include, exclude).takes(topic) is taken


@pytest.mark.parametrize("include", [(), ("*",)])
def test_what_a_broker_does_not_take_is_never_published(include: tuple[str, ...]) -> None:
    selection = Selection(include)

    assert not selection.takes("site/" + "x" * LONGEST_TOPIC)
    assert not selection.takes("site" + "/x" * (DEEPEST_TOPIC + 1))


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3), st.text())
def test_any_globs_select(include: list[str], exclude: list[str], topic: str) -> None:
    assert Selection(tuple(include), tuple(exclude)).takes(topic) in {True, False}
