"""JSON from outside: whatever is parsed can be serialized again, and evcc's has no logins in it."""

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.util.redact import redact_logins

_AT = (b"@", rb"\u0040")


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
    return _without_logins(value) if any(at in text for at in _AT) else value


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
