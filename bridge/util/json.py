"""JSON from elsewhere: what is read can be written again, and what evcc says may be told."""

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.util.redact import redact_logins

_AT = (b"@", rb"\u0040")


def parse_json(text: bytes | str) -> Any:
    """The value in a JSON text; ValueError with a reason when it is none, or nested more deeply than 252 levels.

    Deeper nesting could be read, but neither published nor sent, alone or within something else.
    """
    value = orjson.loads(text)
    try:
        orjson.dumps([[value]])
    except TypeError:
        raise ValueError("it is nested too deeply") from None
    return value


def parse_evcc_json(text: bytes) -> Any:
    """As `parsed`, what evcc says: without logins in addresses, wherever it may be shown later."""
    value = parse_json(text)
    return _discreet(value) if any(at in text for at in _AT) else value


def _discreet(value: Any) -> Any:
    match value:
        case str():
            return redact_logins(value)
        case Mapping():
            return {redact_logins(key): _discreet(child) for key, child in value.items()}
        case list():
            return list(map(_discreet, value))
        case _:
            return value
