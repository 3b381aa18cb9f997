"""What happened at one loadpoint, found from its values as evcc sends them, one by one.

At the end of a session evcc sends who comes next (nobody, or the loadpoint's usual vehicle) before it sends that the
vehicle is gone, and that the vehicle is gone before it sends that charging has stopped.
"""

import asyncio
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from bridge.state.state import Loadpoint, Part

KEYS = frozenset({"connected", "charging", "planActive", "mode", "vehicleName", "vehicleTitle", "title"})
"""The values of a loadpoint that events come from."""

# (event, the value that changed, what it changed to), in the order in which they happen
_TRANSITIONS = (
    ("charge_stop", "charging", False),
    ("disconnected", "connected", False),
    ("session_end", "connected", False),
    ("connected", "connected", True),
    ("charge_start", "charging", True),
    ("plan_active", "planActive", True),
)
_SOURCES = {name: (rank, key) for rank, (name, key, _) in enumerate(_TRANSITIONS)} | {
    "mode_changed": (len(_TRANSITIONS), "mode")
}
_LEAVING = frozenset({"charge_stop", "disconnected", "session_end"})
# the values that evcc sends of one occurrence are not further apart than this, in seconds
_MOMENT = 2.0
# an event that evcc's other values contradict waits for them no longer than this, in seconds
_LONGEST_HOLD = 1.0


def _unix_time() -> float:
    return time.time()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a loadpoint, or to evcc itself (`loadpoint` is None); `time` in unix seconds.

    `values` are those of the loadpoint before it happened.
    """

    name: str
    loadpoint: int | None = None
    title: str | None = None
    vehicle: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    values: Part | None = None
    time: float = field(default_factory=_unix_time)

    def payload(self) -> bytes:
        """The event as JSON."""
        place = {"loadpoint": self.loadpoint, "title": self.title, "vehicle": self.vehicle} if self.loadpoint else {}
        return orjson.dumps({"event": self.name, "time": int(self.time), **place, **self.extra})


class LoadpointEvents:
    """Compares a loadpoint's values with those seen before; a value that is missing is as it was."""

    def __init__(self, loadpoint: Loadpoint, vehicle: str | None) -> None:
        self.title = loadpoint.title
        self._number = loadpoint.position
        self._known = _facts(loadpoint)
        self._vehicle = vehicle
        self._earlier: str | None = None
        self._since = -math.inf
        self._held: list[Event] = []
        self.release_at = math.inf
        """Loop time at which held events must be published; infinite when none are held."""

    def observe(self, before: Part, after: Loadpoint, vehicle: str | None) -> list[Event]:
        """Take new values; the events to publish now, in the order in which they happened.

        `before` are the values until now, `vehicle` the title of the vehicle that evcc has there now.
        """
        now = asyncio.get_running_loop().time()
        known, seen = self._known, _facts(after)
        self._known = known | seen
        for event in self._found(before, known, seen, vehicle, now):
            self._hold(event)
        self._note_vehicle(vehicle, known, now)
        return self._release(now)

    def overdue(self) -> list[Event]:
        """The events that have waited long enough for other values."""
        now = asyncio.get_running_loop().time()
        return self._release(now) if now >= self.release_at else []

    def rest(self) -> list[Event]:
        """The held events, however short they have waited."""
        self.release_at = math.inf
        events, self._held = self._held, []
        return events

    def _found(
        self, before: Part, known: Mapping[str, Any], seen: Mapping[str, Any], vehicle: str | None, now: float
    ) -> Iterator[Event]:
        for name, key, value in _TRANSITIONS:
            if seen.get(key) is value and _previous(known, key) is (not value):
                who = self._standing(now) if name in _LEAVING else vehicle
                yield Event(name, self._number, self.title, who, values=before)
        if "mode" in known and known["mode"] != self._known["mode"]:
            yield Event("mode_changed", self._number, self.title, vehicle, {"mode": seen["mode"]}, before)

    def _hold(self, event: Event) -> None:
        """Add an event: before held ones that it precedes, but after those of the same value."""
        place = len(self._held)
        while place and _precedes(event, self._held[place - 1]):
            place -= 1
        self._held.insert(place, event)

    def _release(self, now: float) -> list[Event]:
        """The held events, unless the values contradict each other and may not for long."""
        contradictory = self._known.get("charging") is True and self._known.get("connected") is False
        if self._held and contradictory:
            self.release_at = min(self.release_at, now + _LONGEST_HOLD)
            if now < self.release_at:
                return []
        return self.rest()

    def _note_vehicle(self, vehicle: str | None, known: Mapping[str, Any], now: float) -> None:
        before, connected = known.get("connected"), self._known.get("connected")
        if vehicle != self._vehicle or connected is not before:
            came = connected is True and before is False
            self._earlier = None if came else self._standing(now)
            self._vehicle, self._since = vehicle, now

    def _standing(self, now: float) -> str | None:
        """The vehicle that is there, or the one that was until this moment."""
        return self._vehicle if now - self._since >= _MOMENT else self._earlier or self._vehicle


def _precedes(event: Event, other: Event) -> bool:
    """Whether an event comes before another one that evcc's values showed earlier."""
    (rank, key), (other_rank, other_key) = _SOURCES[event.name], _SOURCES[other.name]
    return rank < other_rank and key != other_key


def _facts(loadpoint: Loadpoint) -> dict[str, Any]:
    """The values that events come from, those of the right type."""
    facts: dict[str, Any] = {
        key: value for key in ("connected", "charging", "planActive") if (value := loadpoint.flag(key)) is not None
    }
    return facts | ({"mode": mode} if (mode := loadpoint.text("mode")) else {})


def _previous(known: Mapping[str, Any], key: str) -> bool | None:
    """A value as it was; an evcc of the old era first sends `planActive` when there is a plan."""
    value: bool | None = known.get(key, False if key == "planActive" else None)
    return value
