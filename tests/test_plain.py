"""Text from elsewhere, made fit for a line."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.plain import plain


@given(st.text())
def test_is_one_printable_line(text: str) -> None:
    assert plain(text).isprintable()


def test_leaves_what_is_fit_and_escapes_the_rest() -> None:
    assert plain("Müller's Zoë 80 %") == "Müller's Zoë 80 %"
    assert plain("a\n\x1b[2J\udcff") == r"a\n\x1b[2J\udcff"


def test_is_cut() -> None:
    assert plain("abcdef", 3) == "abc…"
    assert plain("abc", 3) == "abc"
