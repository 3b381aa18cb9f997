import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.commands.text import shown, text_of, unquoted
from bridge.errors import Refused


@pytest.mark.parametrize("payload", [b"80", b" 80 ", b"80\n", b"\t80\r\n"])
def test_space_around_a_value_does_not_count(payload: bytes) -> None:
    assert text_of(payload) == "80"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff\xfe", "takes text in UTF-8"),
        (b"\xed\xa0\x80", "takes text in UTF-8"),
        (b"8\x000", "takes text without NUL characters"),
        (b"  \n", "got nothing but space"),
    ],
)
def test_what_is_no_text_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        text_of(payload)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ('"80"', "80"),
        ('" pv "', "pv"),
        ('"a\\u00fc"', "aü"),
        ('"', '"'),
        ('"a"b"', '"a"b"'),
        ("'80'", "'80'"),
        ("80", "80"),
    ],
)
def test_quotes_of_json_are_taken_off(text: str, inside: str) -> None:
    assert unquoted(text) == inside


@pytest.mark.parametrize("text", ['""', '" "', '"\\n"'])
def test_nothing_in_quotes_is_nothing(text: str) -> None:
    with pytest.raises(Refused, match="got nothing but space"):
        unquoted(text)


@given(st.text())
def test_what_is_shown_is_short_and_printable(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 61
