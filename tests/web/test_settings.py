"""Where the page may be, and from where it may be read."""

import pytest
from pydantic import ValidationError

from bridge.settings import Web
from bridge.settings.kinds import is_loopback


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("127.0.0.1:7071", "127.0.0.1:7071"),
        ("localhost:80", "127.0.0.1:80"),
        ("7071", "127.0.0.1:7071"),
        (":7071", "127.0.0.1:7071"),
        ("[::1]:7071", "[::1]:7071"),
        ("::1:7071", "[::1]:7071"),
        (" 127.0.0.1:07071 ", "127.0.0.1:7071"),
        ("", None),
    ],
)
def test_an_address(text: str, taken: str | None) -> None:
    assert Web(listen=text).listen == taken


@pytest.mark.parametrize("text", ["evcc.local:7071", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "1.2.3.4:x", "*:1"])
def test_no_address(text: str) -> None:
    with pytest.raises(ValidationError):
        Web(listen=text, token="a-long-token")  # type: ignore[arg-type]


@pytest.mark.parametrize(("listen", "loopback"), [("127.0.0.9:1", True), ("[::1]:1", True), ("0.0.0.0:1", False)])
def test_what_only_this_machine_reaches(listen: str, loopback: bool) -> None:
    assert is_loopback(listen) is loopback


@pytest.mark.parametrize(
    ("text", "taken"), [("10.0.0.1", "10.0.0.1/32"), ("10.0.0.1/8", "10.0.0.0/8"), ("::1", "::1/128")]
)
def test_a_network(text: str, taken: str) -> None:
    assert Web.model_validate({"allow": [text]}).allow == (taken,)


@pytest.mark.parametrize("text", ["proxy", "10.0.0.0/99", ""])
def test_no_network(text: str) -> None:
    with pytest.raises(ValidationError):
        Web.model_validate({"allow": [text]})
