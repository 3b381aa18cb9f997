"""Outside text made fit for a log line or a message: one printable line, without the login of an address.

Every pattern takes time in proportion to the length of the text, whatever the text.
"""

import re

HIDDEN = "***"

LOGIN = r"//(?:[^\s/?#@:\[]*:\d*[^\s\d/@][^\s\"'<>]*|[^\s/?#\"'<>]*)@"
"""The login of an address, for an engine without backtracking such as Go's; here `redact_logins` is linear.

A slash in a password is not allowed in an address, but error messages quote addresses as they were configured.
Digits after the colon are a port.
"""

_ADDRESS = re.compile(r"//(?:[^\s\"'<>]++|(?<=:)[\"'<>])++")
# only for a text that ends with @: then .*@ never searches
_UP_TO_AT = re.compile(r"//(?:[^/?#@:\[]*+:\d*+[^\d/@].*@|[^/?#]*@)", re.DOTALL)


def sanitize(text: str, longest: int | None = None) -> str:
    """`text` with everything unprintable escaped, cut to `longest` characters."""
    start = text if longest is None else text[: longest + 1]
    line = start if start.isprintable() else "".join(map(_escape, start))
    return line if longest is None or len(line) <= longest else f"{line[:longest]}…"


def redact_logins(text: str) -> str:
    """`text` without the logins in its addresses: `tcp://me:secret@host` becomes `tcp://***@host`."""
    return _ADDRESS.sub(_redact, text) if "@" in text else text


def _redact(address: re.Match[str]) -> str:
    text = address[0]
    end = text.rfind("@") + 1
    return _UP_TO_AT.sub(f"//{HIDDEN}@", text[:end]) + text[end:] if end else text


def _escape(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()
