"""Events: what happened at the loadpoints, from what changed in evcc's state.

evcc pushes its values one by one, and says who comes next (nobody, or a loadpoint's usual vehicle) before it says
that the vehicle is gone: the one that has left is the one that stood there until a moment ago.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

State = Mapping[str, Any]
Facts = dict[str, Any]
Known = dict[tuple[int, str], Facts]

# (event, the value that changed, what it changed to), in the order in which things happen
_CHANGES = (
    ("charge_stop", "charging", False),
    ("disconnected", "connected", False),
    ("session_end", "connected", False),
    ("connected", "connected", True),
    ("charge_start", "charging", True),
    ("plan_active", "planActive", True),
)
_LEAVING = frozenset({"charge_stop", "disconnected", "session_end"})
# the values that evcc pushes of one thing that happened are not further apart than this, in seconds
_MOMENT = 2.0
_TYPES: dict[str, type] = {"connected": bool, "charging": bool, "planActive": bool, "mode": str}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `loadpoint` counts from 1 and is None for evcc itself.

    `values` are those of the loadpoint before it happened.
    """

    name: str
    loadpoint: int | None = None
    title: str | None = None
    vehicle: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    def payload(self, time: float) -> bytes:
        """The event as JSON; `time` in unix seconds."""
        about = {"loadpoint": self.loadpoint, "title": self.title, "vehicle": self.vehicle} if self.loadpoint else {}
        return orjson.dumps({"event": self.name, "time": int(time), **about, **self.extra})


def facts(state: State) -> Known:
    """What events are made of, by the number and title of each loadpoint: only values of the right type."""
    loadpoints = state.get("loadpoints")
    found: Known = {}
    for number, loadpoint in enumerate(loadpoints if isinstance(loadpoints, list) else (), start=1):
        if isinstance(loadpoint, Mapping):
            found[number, str(loadpoint.get("title", ""))] = {
                **{key: loadpoint[key] for key, kind in _TYPES.items() if isinstance(loadpoint.get(key), kind)},
                "vehicle": _vehicle(loadpoint, state.get("vehicles")),
                "values": loadpoint,
            }
    return found


def merged(known: Known, seen: Known, now: float) -> Known:
    """What is known after `seen`: a value that it does not have is as it was. A loadpoint with a new title is new."""
    return {key: _stood(known.get(key, {}), values, now) for key, values in seen.items()}


def happened(known: Known, seen: Known, now: float) -> Iterator[Event]:
    """The events between two observations; none for what either of them does not know."""
    for (number, title), after in seen.items():
        before = known.get((number, title))
        if before is None:
            continue
        for name, key, value in _CHANGES:
            if after.get(key) is value and _before(before, key) is (not value):
                vehicle = _standing(before, now) if name in _LEAVING else after["vehicle"]
                yield Event(name, number, title, vehicle, values=before["values"])
        if "mode" in before and "mode" in after and before["mode"] != after["mode"]:
            yield Event("mode_changed", number, title, after["vehicle"], extra={"mode": after["mode"]})


class Changes:
    """Remembers the last certain state, and tells what happened since."""

    def __init__(self) -> None:
        self._known: Known | None = None
        self._online: bool | None = None

    def observe(self, state: State, now: float, *, certain: bool) -> list[Event]:
        """Take a state document; one that is not certain is not looked at, and the first is where things begin.

        `now` in seconds of a monotonic clock.
        """
        if not certain:
            return []
        seen = facts(state)
        events = [] if self._known is None else list(happened(self._known, seen, now))
        self._known = merged(self._known or {}, seen, now)
        return events

    def evcc(self, *, online: bool) -> list[Event]:
        """Take whether evcc is there; the first word on it is no event."""
        before, self._online = self._online, online
        if before is None or before is online:
            return []
        return [Event("evcc_online" if online else "evcc_offline")]


def _before(facts: Facts, key: str) -> bool | None:
    """A value as it was; the old era first tells of an active plan when there is one."""
    return facts.get(key, False if key == "planActive" else None)


def _stood(before: Facts, seen: Facts, now: float) -> Facts:
    """The facts after `seen`, with since when their vehicle is there, and which one was there before it."""
    after: Facts = {"since": -math.inf, "earlier": None, **before, **seen}
    if before and any(before.get(key) != after.get(key) for key in ("connected", "vehicle")):
        came = after.get("connected") is True and before.get("connected") is False
        after |= {"since": now, "earlier": None if came else _standing(before, now)}
    return after


def _standing(facts: Facts, now: float) -> str | None:
    """The vehicle that is there, or the one that was until this moment."""
    vehicle: str | None = facts["vehicle"]
    return vehicle if now - facts["since"] >= _MOMENT else facts["earlier"] or vehicle


def _vehicle(loadpoint: Mapping[str, Any], vehicles: Any) -> str | None:
    """The vehicle's title; its name where it has none, None where there is no vehicle."""
    name = loadpoint.get("vehicleName")
    vehicle = vehicles.get(name) if isinstance(vehicles, Mapping) and isinstance(name, str) else None
    known = vehicle.get("title") if isinstance(vehicle, Mapping) else None
    return next((text for text in (loadpoint.get("vehicleTitle"), known, name) if text and isinstance(text, str)), None)
