"""Fields of requests over MQTT: what each takes, and how a payload is read."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from bridge.errors import Refused
from bridge.state.values import is_number, unix_seconds
from bridge.util.json import parse_json
from bridge.util.redact import sanitize

_LONGEST = 65_536  # bytes
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Field(ABC):
    """One field of a request: what it takes in words, whether it must be there, and whether it may be null."""

    takes: str
    required: bool = False
    nullable: bool = False

    @abstractmethod
    def accepts(self, value: Any) -> bool:
        """Whether a JSON value is one of those that the field takes."""


@dataclass(frozen=True, slots=True)
class Text(Field):
    """Text that matches a pattern, all of it."""

    pattern: str = r".*\S.*"

    def accepts(self, value: Any) -> bool:
        """Whether it is such a text."""
        return isinstance(value, str) and re.fullmatch(self.pattern, value, re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Number(Field):
    """A number between two others, both included."""

    low: float = 0.0
    high: float = 1e9

    def accepts(self, value: Any) -> bool:
        """Whether it is such a number; an infinite one never is."""
        return is_number(value) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Whole(Number):
    """A whole number between two others, both included."""

    def accepts(self, value: Any) -> bool:
        """Whether it is such a number."""
        return isinstance(value, int) and Number.accepts(self, value)


@dataclass(frozen=True, slots=True)
class Flag(Field):
    """True or false."""

    def accepts(self, value: Any) -> bool:
        """Whether it is one of them."""
        return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Weekdays(Field):
    """Days of the week, from 0 for Sunday to 6 for Saturday."""

    def accepts(self, value: Any) -> bool:
        """Whether it is a list of them."""
        return isinstance(value, list) and bool(value) and all(type(day) is int and 0 <= day <= 6 for day in value)


@dataclass(frozen=True, slots=True)
class Zone(Field):
    """The name of a time zone."""

    def accepts(self, value: Any) -> bool:
        """Whether there is such a zone."""
        try:
            return isinstance(value, str) and bool(ZoneInfo(value))
        except (ValueError, OSError, LookupError):
            return False


@dataclass(frozen=True, slots=True)
class Moment(Field):
    """A time in the past or to come: RFC 3339 with an offset, or unix seconds."""

    def accepts(self, value: Any) -> bool:
        """Whether it is such a time."""
        try:
            return bool(timestamp(value))
        except (ValueError, OverflowError, OSError):
            return False


@dataclass(frozen=True, slots=True)
class Future(Field):
    """A time to come in any form that commands take; whether it is one is found when it is read."""

    def accepts(self, value: Any) -> bool:
        """Whether it can be a time."""
        return is_number(value) or (isinstance(value, str) and bool(value.strip()))


def timestamp(value: Any) -> str:
    """A time as evcc takes it, RFC 3339 in UTC; ValueError, OverflowError or OSError when it is none."""
    seconds = value if is_number(value) else unix_seconds(str(value))
    if seconds is None:
        raise ValueError(value)
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_fields(fields: Mapping[str, Field], payload: bytes) -> dict[str, Any]:
    """The fields in a request's payload; Refused when one is missing or wrong. Unknown ones are ignored."""
    if len(payload) > _LONGEST:
        raise Refused(f"{len(payload)} bytes are too many for a request: {_LONGEST} are read")
    try:
        values = parse_json(payload or b"{}")
    except ValueError as error:
        raise Refused(f"the request is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise Refused('the request is no JSON object, such as {} or {"type": "grid"}')
    return {key: values[key] for key, field in fields.items() if _is_given(values, key, field)}


def _is_given(values: Mapping[str, Any], key: str, field: Field) -> bool:
    if values.get(key) is None:
        if field.nullable and key in values:
            return True
        if field.required:
            raise Refused(f"{key} is missing: {field.takes}")
        return False
    if not field.accepts(values[key]):
        got = sanitize(orjson.dumps(values[key]).decode(), _LONGEST_SHOWN)
        raise Refused(f"{key} takes {field.takes}, got {got}")
    return True
