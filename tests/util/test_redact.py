"""Text from elsewhere, made fit for a line."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.util.redact import LOGIN, redact_logins, sanitize


@given(st.text())
def test_is_one_printable_line(text: str) -> None:
    assert sanitize(text).isprintable()


def test_leaves_what_is_fit_and_escapes_the_rest() -> None:
    assert sanitize("Müller's Zoë 80 %") == "Müller's Zoë 80 %"
    assert sanitize("a\n\x1b[2J\udcff") == r"a\n\x1b[2J\udcff"


def test_is_cut() -> None:
    assert sanitize("abcdef", 3) == "abc…"
    assert sanitize("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tcp://me:pass@host:1883/x", "tcp://***@host:1883/x"),
        ("http://token@host", "http://***@host"),
        ("http://me:12345@host", "http://***@host"),
        ("//me:pass@host", "//***@host"),
        ('parse "tcp://me:p/a?s#s@w@host": no', 'parse "tcp://***@host": no'),
        ("a tcp://me:pass@b, tcp://me:pass@c", "a tcp://***@b, tcp://***@c"),
        ("mqtt://***@host", "mqtt://***@host"),
        ("http://host:8080/@me", "http://host:8080/@me"),
        ("http://[fe80::1]:80/a@b", "http://[fe80::1]:80/a@b"),
        ("http://host/x?mail=me@host", "http://host/x?mail=me@host"),
        ("me@host // pass", "me@host // pass"),
        ('tcp://me:"pass@host', "tcp://***@host"),
        ("http://host/a//me:pass@b/c", "http://host/a//***@b/c"),
    ],
)
def test_a_login_in_an_address_is_cut_out(text: str, shown: str) -> None:
    assert redact_logins(text) == shown
    assert re.sub(LOGIN, "//***@", text) == shown


@pytest.mark.parametrize(
    "part",
    ["//:x", "//a:b", "//", "//a ", "//a:", "//1:1", '//:"', '"://', "//@", "//@:", "//@/", "//[", "//a?", ':"', "a "],
)
@pytest.mark.parametrize("end", ["@", " @", ""])
def test_time_is_in_proportion_to_the_length(part: str, end: str) -> None:
    def seconds(length: int) -> float:
        text = "@" + part * (length // len(part)) + end
        began = time.process_time()
        redact_logins(text)
        return time.process_time() - began

    assert seconds(1_000_000) < 1


def test_a_long_text_is_cut_at_once() -> None:
    began = time.process_time()
    assert sanitize("\x00" * 10_000_000, 8) == r"\x00\x00…"
    assert time.process_time() - began < 0.1
