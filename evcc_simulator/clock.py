"""The house's own clock, and instants as evcc writes them: RFC 3339 in Go's spelling."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any


@dataclass(slots=True)
class Clock:
    """Seconds since 1970 as the simulated house sees them.

    `start` is what it shows at first; `speed` is how many of its seconds pass in one real second,
    0 for a clock that only `advance` moves.
    """

    start: float = field(default_factory=time.time)
    speed: float = 1.0
    tick: Callable[[], float] = time.monotonic
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.tick()

    def now(self) -> float:
        return self.start + (self.tick() - self._began) * self.speed

    def advance(self, seconds: float) -> None:
        self.start += seconds


NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time."""

_SHAPE = "0000-00-00T00:00:00"


def moment(text: str) -> datetime:
    """The instant of an RFC 3339 text; ValueError when it is none, or has no zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or len(text) <= len(_SHAPE) or text[10] != "T":
        raise ValueError(text)
    return found


def rfc3339(instant: datetime) -> str:
    """As Go's time.RFC3339Nano: no trailing zeros in the fraction, Z for UTC."""
    text = instant.replace(microsecond=0).isoformat()
    if instant.microsecond:
        at = len(_SHAPE)
        text = f"{text[:at]}.{instant.microsecond:06d}".rstrip("0") + text[at:]
    return text.replace("+00:00", "Z")


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def midnight(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def shifted(value: Any, by: timedelta) -> Any:
    """The same JSON value with every instant in it moved; Go's zero time stays."""
    match value:
        case dict():
            return {key: shifted(item, by) for key, item in value.items()}
        case list():
            return [shifted(item, by) for item in value]
        case str() if value != NEVER and value[4:5] == "-" and value[10:11] == "T":
            return rfc3339(moment(value) + by)
        case _:
            return value


def days_since(day: str, instant: datetime) -> timedelta:
    return timedelta(days=(midnight(instant).date() - date.fromisoformat(day)).days)
