"""Payloads as text: decoded, without what clients put around a value."""

import orjson

from bridge.errors import Refused

_LONGEST_SHOWN = 60


def text_of(payload: bytes) -> str:
    """A payload without surrounding space; Refused when it is not UTF-8, or holds a NUL or nothing."""
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        raise Refused("takes text in UTF-8") from None
    if "\0" in text:
        raise Refused("takes text without NUL characters")
    return _filled(text)


def unquoted(text: str) -> str:
    """A JSON string's content, for clients that send `"80"`; any other text as it is. Refused when it is empty."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return text
    try:
        inner = str(orjson.loads(text)).strip()
    except orjson.JSONDecodeError:
        return text
    return _filled(inner)


def _filled(text: str) -> str:
    if not text:
        raise Refused("got nothing but space")
    return text


def shown(text: str) -> str:
    """Text as a sentence can show it: one line, printable, short."""
    short = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return "".join(letter if letter.isprintable() else "?" for letter in short)
