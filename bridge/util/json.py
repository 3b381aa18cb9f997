"""JSON from outside: whatever is parsed can be serialized again, and evcc's has no logins in it."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from bridge.util.redact import redact_logins

# a string with // and a later @, found without unescaping and without taking the value apart
_ADDRESS = re.compile(rb'//(?:[^"@\\]++|\\.)*+(@?)', re.DOTALL)
_ESCAPED = re.compile(rb"\\(?:/|u00(?:2[fF]|40))")  # a slash or @ that is written as an escape


def parse_json(text: bytes | str) -> Any:
    """The value of a JSON text.

    ValueError, with the reason, when it is no JSON or nested more deeply than 252 levels: deeper values could be
    parsed, but not serialized again within an answer.
    """
    value = orjson.loads(text)
    try:
        orjson.dumps([[value]])
    except TypeError:
        raise ValueError("it is nested too deeply") from None
    return value


def parse_evcc_json(text: bytes) -> Any:
    """The value of a JSON text of evcc, without the logins in addresses: it may be published or logged anywhere."""
    value = parse_json(text)
    return _without_logins(value) if _may_have_login(text) else value


def _may_have_login(text: bytes) -> bool:
    if _ESCAPED.search(text):
        return True
    return b"@" in text and any(address[1] for address in _ADDRESS.finditer(text))


def _without_logins(value: Any) -> Any:
    match value:
        case str():
            return redact_logins(value)
        case Mapping():
            return {redact_logins(key): _without_logins(child) for key, child in value.items()}
        case list():
            return list(map(_without_logins, value))
        case _:
            return value
