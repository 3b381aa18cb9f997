"""Whether evcc is in the time zone in which times that name none are read."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from bridge.state.state import State

# evcc's key `timezone`: `CEST +02:00`, as it was when evcc started
_NAMED = re.compile(r"(?:([A-Z]{1,6}) )?([+-])([0-9]{2}):([0-9]{2})")
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?([+-][0-9]{2}:[0-9]{2})")
_HALF_A_YEAR = timedelta(days=182)
_EARLIEST = 2000  # Go's zero time has the offset of a zone in year 1
_DEEPEST = 3


def offset_elsewhere(state: State, zone: tzinfo, now: datetime) -> str | None:
    """The offset that evcc's state names where times without a zone have another one; None where it names none such.

    Newer releases name it (`timezone`); of an older one the times in its state count, except those of plans, which have
    the offset of whoever set them. `Z` is no sign of a zone: much of what evcc reads from others is in UTC.
    """
    named = state.site.get("timezone")
    if isinstance(named, str) and (found := _NAMED.fullmatch(named)):
        return None if _is_of(zone, found, now) else named
    for part in (state.site, *state.loadpoints):
        for key, value in part.values.items():
            if "plan" not in key.lower():
                for text in _moments(value, _DEEPEST):
                    if (offset := _offset_if_elsewhere(text, zone)) is not None:
                        return offset
    return None


def described(zone: tzinfo, now: datetime) -> str:
    """A zone with its present offset, such as `Europe/Berlin +01:00`."""
    offset = f"{now.astimezone(zone):%z}"
    return f"{zone} {offset[:3]}:{offset[3:5]}"


def _is_of(zone: tzinfo, found: re.Match[str], now: datetime) -> bool:
    """Whether a zone has this offset now; or in the other half of the year, by this name."""
    name, sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    other = (now + _HALF_A_YEAR).astimezone(zone)
    if now.astimezone(zone).utcoffset() == offset:
        return True
    return (other.tzname(), other.utcoffset()) == (name, offset)


def _moments(value: Any, levels: int) -> Iterator[str]:
    """The texts in a value that may be times; of a list those of its first item."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and levels:
        for child in value.values():
            yield from _moments(child, levels - 1)
    elif isinstance(value, list) and value and levels:
        yield from _moments(value[0], levels - 1)


def _offset_if_elsewhere(text: str, zone: tzinfo) -> str | None:
    """The offset of a time, if the zone has another one then."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1] + found[2])
        same = moment.year < _EARLIEST or moment.astimezone(zone).utcoffset() == moment.utcoffset()
    except (ValueError, OverflowError):
        return None
    return None if same else found[2]
