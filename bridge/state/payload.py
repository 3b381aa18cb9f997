"""A value of evcc's state as an MQTT payload, the way evcc's own MQTT integration writes it."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard

import orjson

from bridge.state.names import is_secret

_TIME = re.compile(r"(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_FRACTION = re.compile(r"\.\d+")
_SERIES_KEYS = ({"start", "end"}, {"ts", "val"})


def payload(value: Any) -> bytes:
    """One scalar as a payload; b"" erases the topic (null, an empty string, Go's zero time).

    Numbers have at most 3 decimals and never an exponent, whole ones are exact; RFC 3339
    times become unix seconds. A value that is no scalar gives its compact JSON text.
    """
    match value:
        case None:
            return b""
        case bool():
            return b"true" if value else b"false"
        case int():
            return b"%d" % value
        case float():
            return _number(value)
        case str():
            return _text(value)
        case _:
            return text(value)


def text(value: Any) -> bytes:
    """A value as compact JSON, which is how time series are published; without what a key says is a secret."""
    # copied, since orjson leaves kilobytes unused behind what it returns, and topics are kept
    return bytes(memoryview(orjson.dumps(without_secrets(value))))


def without_secrets(value: Any) -> Any:
    """A copy of a value without what a key in it says is a secret."""
    if isinstance(value, Mapping):
        return {key: without_secrets(child) for key, child in value.items() if not is_secret(key)}
    return list(map(without_secrets, value)) if isinstance(value, list) else value


def is_number(value: Any) -> TypeGuard[float]:
    """A JSON number; in Python a boolean is one too, in JSON it is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_series(value: Any) -> bool:
    """A time series: items with start and end, with ts and val, or (evcc from 0.314) lists of 2 or 3 numbers."""
    return isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(map(_is_slot, value))


def unix_seconds(value: str) -> int | None:
    """An RFC 3339 time as whole unix seconds; None for Go's zero time; ValueError for any other text."""
    match = _TIME.fullmatch(value)
    if match is None:
        raise ValueError(value)
    if int(match[1]) <= 1:
        return None
    moment = datetime.fromisoformat(_FRACTION.sub("", value))
    return math.floor((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def _is_slot(item: Any) -> bool:
    if isinstance(item, Mapping):
        return any(keys <= item.keys() for keys in _SERIES_KEYS)
    return isinstance(item, list | tuple) and len(item) in {2, 3} and all(map(is_number, item))


def _number(value: float) -> bytes:
    if not math.isfinite(value):
        return b""
    digits = f"{value:.3f}".rstrip("0").rstrip(".")
    return b"0" if digits == "-0" else digits.encode()


def _text(value: str) -> bytes:
    if len(value) >= 20 and value[4] == "-" and value[10] == "T":
        try:
            seconds = unix_seconds(value)
        except (ValueError, OverflowError):
            pass  # looks like a time and is none: a title may say anything
        else:
            return b"" if seconds is None else b"%d" % seconds
    return value.encode(errors="replace")
