"""Text from elsewhere, made fit for a line: nothing in it moves a cursor or begins a line of its own, or is a login."""

import re

HIDDEN = "***"
# a password with a slash in it is none by the book, but errors quote what was configured; digits would be a port.
# `most` keeps a long text from being read again and again
_LOGIN = r"//(?:[^\s/?#@:\[]{most}:\d{most}[^\s\d/@][^\s\"'<>]{most}|[^\s/?#\"'<>]{most})@"
LOGIN = _LOGIN.replace("{most}", "*")
"""A login in an address, as a pattern for what reads a text once, however long: Go's expressions."""
_CUT = re.compile(_LOGIN.replace("{most}", "{0,500}"))


def sanitize(text: str, longest: int | None = None) -> str:
    """`text` with everything unprintable escaped, cut to `longest` characters."""
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return line if longest is None or len(line) <= longest else f"{line[:longest]}…"


def redact_logins(text: str) -> str:
    """`text` without the logins in its addresses: `tcp://me:secret@host` is `tcp://***@host`."""
    return _CUT.sub(f"//{HIDDEN}@", text) if "@" in text else text
