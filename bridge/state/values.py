"""What kinds of JSON value evcc's state is made of, and a value as JSON text."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard

import orjson

from bridge.state.names import is_secret

_TIME = re.compile(r"(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_LONGEST_TIME = 80  # characters, with any fraction
_FRACTION = re.compile(r"\.\d+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SERIES_KEYS = ({"start", "end"}, {"ts", "val"})


MOST_VALUES = 300_000
"""The most values, all in all, of a state or a frame: evcc's has a tenth of it where it has many forecasts."""
LARGE = 2**20
"""The bytes of a document or frame from which on its values are counted."""


def is_number(value: Any) -> TypeGuard[float]:
    """A JSON number; in Python a boolean is one too, in JSON it is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_series(value: Any) -> bool:
    """A time series: items with start and end, with ts and val, or (evcc from 0.314) lists of 2 or 3 numbers."""
    return isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(map(_is_slot, value))


def is_devices(value: Any) -> bool:
    """A list of loadpoints, meters or plans, whose members have keys; not a time series."""
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value) and not is_series(value)


def is_excessive(value: Any) -> bool:
    """Whether there are more values within an object or a list than evcc ever has."""
    count, waiting = 0, [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            count += len(value)
            if count > MOST_VALUES:
                return True
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return False


def unix_seconds(value: str) -> int | None:
    """An RFC 3339 time as whole unix seconds; None for Go's zero time in any zone; ValueError for any other text."""
    match = _TIME.fullmatch(value) if len(value) <= _LONGEST_TIME else None
    if match is None:
        raise ValueError("this is no time as evcc writes it")
    if int(match[1]) <= 1:
        return None
    moment = datetime.fromisoformat(_FRACTION.sub("", value))
    return math.floor((moment - _EPOCH).total_seconds())


def text(value: Any) -> bytes:
    """A value as compact JSON, without what its keys call a secret."""
    # copied, since orjson leaves kilobytes unused behind what it returns, and topics are kept
    return bytes(memoryview(orjson.dumps(without_secrets(value))))


def without_secrets(value: Any) -> Any:
    """A copy of a value without what its keys call a secret."""
    if isinstance(value, Mapping):
        return {key: without_secrets(child) for key, child in value.items() if not is_secret(key)}
    return list(map(without_secrets, value)) if isinstance(value, list) else value


def _is_slot(item: Any) -> bool:
    if isinstance(item, Mapping):
        return any(keys <= item.keys() for keys in _SERIES_KEYS)
    return isinstance(item, list | tuple) and len(item) in {2, 3} and all(map(is_number, item))
