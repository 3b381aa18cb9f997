"""Moments and times of the day in every form that clients write them.

A local time that a change to daylight-saving time skips is moved forward by the length of the gap (02:30 means
03:30 then), as Java, JavaScript and Go move it, so that a plan is kept rather than lost. A local time that comes
twice is the first one.
"""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo

from bridge.errors import Refused
from bridge.settable.value import Value, shown

FORMS = "2026-11-27T07:00:00Z, 2026-11-27T07:00 (local), 07:00 (next), or unix seconds"

_DATED = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?"
    r"\s*+([Zz]|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})?"
)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_UNIX = re.compile(r"[0-9]{1,15}(?:\.[0-9]*)?")
# unix seconds reach this in the year 5138, milliseconds had it in 1973
_MILLISECONDS = 100_000_000_000


def read_time(text: str, now: datetime, zone: tzinfo) -> datetime:
    """A moment to come, in UTC and whole seconds; Refused when it is none, or past."""
    try:
        moment = _moment(text, now, zone)
    except (ValueError, OverflowError):
        raise Refused(f"takes a time that exists, got {shown(text)}") from None
    if moment <= now:
        raise Refused(f"takes a time to come, got {shown(text)}, which is past")
    return moment


def written(moment: datetime) -> str:
    """A moment as evcc takes it: RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read_clock(text: str) -> Value:
    """A time of the day, as `07:00`."""
    found = _CLOCK.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0):
        raise Refused(f"takes a time of the day like 07:00, got {shown(text)}")
    clock = f"{int(found[1]):02}:{found[2]}"
    return Value(clock, {"value": clock})


def next_on(weekdays: Collection[int], clock: str, now: datetime, zone: tzinfo) -> datetime:
    """The next moment, in UTC, at which it is such a time of the day on one of these days (0: Sunday)."""
    of_day = time.fromisoformat(clock)
    return next(
        moment
        for moment in _occurrences(of_day, now, zone)
        if moment > now and moment.astimezone(zone).isoweekday() % 7 in weekdays
    )


def _moment(text: str, now: datetime, zone: tzinfo) -> datetime:
    if _UNIX.fullmatch(text):
        return _from_unix(text)
    if found := _DATED.fullmatch(text):
        *numbers, offset = found.groups()
        year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
        local = datetime(year, month, day, hour, minute, second, tzinfo=_offset(offset, zone))
        return local.astimezone(UTC)
    if found := _CLOCK.fullmatch(text):
        clock = time(int(found[1]), int(found[2]), int(found[3] or 0))
        return next(moment for moment in _occurrences(clock, now, zone) if moment > now)
    raise Refused(f"takes a time like {FORMS}; got {shown(text)}")


def _from_unix(text: str) -> datetime:
    number = int(text.partition(".")[0])
    return datetime.fromtimestamp(number // 1000 if number >= _MILLISECONDS else number, UTC)


def _offset(text: str | None, zone: tzinfo) -> tzinfo:
    if text is None:
        return zone
    return UTC if text in "Zz" else datetime.strptime(text.replace(":", "").ljust(5, "0"), "%z").tzinfo or UTC


def _occurrences(clock: time, now: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Today's (both, where it comes twice), and those of the days after it for a week and a day."""
    today = now.astimezone(zone).date()
    for days in range(9):
        for fold in (0, 1):
            local = datetime.combine(today + timedelta(days), clock.replace(fold=fold), zone)
            moment = local.astimezone(UTC)
            if fold == 0 or moment.astimezone(zone).time() == clock:
                yield moment
