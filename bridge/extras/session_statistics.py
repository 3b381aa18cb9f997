"""Statistics of charging sessions: evcc's list is read row by row, and summed by month, year and all time."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.errors import Invalid
from bridge.state.flatten import flatten, payload
from bridge.state.values import is_number, text, unix_seconds
from bridge.util.json import parse_evcc_json

Row = Mapping[str, Any]

# rows are found without parsing the list as a whole, which would take memory and block the event loop; row by row
# each step takes microseconds, however long the list is
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_PART = rb'[^{}"]++|' + _STRING
_OBJECT = rb"\{(?:" + _PART + rb"|\{(?:" + _PART + rb")*+\})*+\}"
_ROW = re.compile(rb"[\s,]*+(" + _OBJECT + rb")", re.DOTALL)
_AT_ONCE = 25
_NANOSECONDS = 1_000_000_000
_TOO_LATE = 253_370_764_800  # the year 9999, whose end datetime cannot hold in every time zone


def parse_rows(body: bytes) -> Iterator[Row]:
    """The sessions in a body of `GET /api/sessions`, bare or wrapped, `chargeDuration` in seconds.

    Invalid when the body is no such list.
    """
    position = body.find(b"[") + 1
    if not position:
        if body.strip() not in {b"null", b'{"result":null}', b"{}"}:
            raise Invalid("evcc's list of sessions is not a list")
        return
    while found := _ROW.match(body, position):
        yield _row(found[1])
        position = found.end()
    if body[position:].translate(None, b" \t\r\n") not in {b"]", b"]}"}:
        raise Invalid("evcc's list of sessions is cut off, or no list of objects")


async def read_rows(body: bytes) -> AsyncIterator[Row]:
    """As `parse_rows`, without blocking the event loop."""
    for number, row in enumerate(parse_rows(body)):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        yield row


def began(row: Row) -> int | None:
    """When a session began, in unix seconds; None when the row has no such time."""
    return _moment(row.get("created")) or _moment(row.get("finished"))


@dataclass(slots=True)
class Sums:
    """Sums over the sessions of a period: kWh, currency, and the share of solar energy."""

    count: int = 0
    energy: float = 0.0
    cost: float | None = None
    _solar: float = 0.0
    _known: float = 0.0

    def add(self, row: Row) -> None:
        """Add a session; values that its row does not have are not counted."""
        energy = number(row, "chargedEnergy")
        self.count += 1
        self.energy += energy or 0.0
        if (price := number(row, "price")) is not None:
            self.cost = (self.cost or 0.0) + price
        if energy and (share := number(row, "solarPercentage")) is not None:
            self._solar += energy * share
            self._known += energy

    @property
    def solar(self) -> float | None:
        """Solar share in percent of the energy whose origin is known; None when it is known of none."""
        return self._solar / self._known if self._known else None

    def topics(self, prefix: str) -> dict[str, bytes]:
        """The sums as topics below `prefix`; the cost is 0 without any session, and unknown without any price."""
        figures = {
            "count": self.count,
            "energy": self.energy,
            "cost": 0 if not self.count else self.cost,
            "solar": self.solar,
        }
        return {f"{prefix}/{name}": payload(value) for name, value in figures.items()}


@dataclass(slots=True)
class SessionStatistics:
    """Sums over all sessions, and over those of the month and year of `now`, in its time zone.

    Of the rows only the latest of each loadpoint are kept.
    """

    now: datetime
    month: Sums = field(default_factory=Sums)
    year: Sums = field(default_factory=Sums)
    total: Sums = field(default_factory=Sums)
    last: Row | None = None
    latest: dict[str, Row] = field(default_factory=dict)
    """The last session of each loadpoint, by its title."""

    def add(self, row: Row) -> None:
        """Add a session, in any order."""
        self.total.add(row)
        moment = began(row)
        if moment is None:
            return
        local = datetime.fromtimestamp(moment, self.now.tzinfo)
        if local.year == self.now.year:
            self.year.add(row)
            if local.month == self.now.month:
                self.month.add(row)
        self.last = _later(self.last, row)
        title = str(row.get("loadpoint", ""))
        self.latest[title] = _later(self.latest.get(title), row)

    def topics(self) -> dict[str, bytes]:
        """Everything below `sessions`."""
        found = {"sessions": payload(self.total.count)}
        for name, sums in (("month", self.month), ("year", self.year), ("total", self.total)):
            found |= sums.topics(f"sessions/{name}")
        if self.last is not None:
            found |= flatten("sessions/last", self.last) | {"sessions/last": text(self.last)}
        return found


def _row(raw: bytes) -> Row:
    try:
        row: dict[str, Any] = parse_evcc_json(raw)
    except ValueError as error:
        raise Invalid(f"evcc's list of sessions cannot be read: {error}") from None
    duration = number(row, "chargeDuration")
    if duration is not None:
        whole, rest = divmod(duration, _NANOSECONDS)
        row["chargeDuration"] = int(whole) + (round(rest / _NANOSECONDS, 3) if rest else 0)
    return row


def _later(known: Row | None, row: Row) -> Row:
    return row if known is None or _order(row) > _order(known) else known


def _order(row: Row) -> tuple[float, float]:
    return began(row) or 0, number(row, "id") or 0


def number(row: Row, key: str) -> float | None:
    """The number that a row has for a key; None where it has something else."""
    value = row.get(key)
    return value if is_number(value) else None


def _moment(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        seconds = unix_seconds(value)
    except (ValueError, OverflowError):
        return None
    return seconds if seconds is not None and seconds < _TOO_LATE else None
