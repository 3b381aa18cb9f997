"""Charge, range and mileage of vehicles that are not connected, on `vehicles/<name>/soc` and beside it."""

import asyncio
import math
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from bridge.errors import EvccError
from bridge.evcc.client import Reply, Verdict
from bridge.evcc.reader import Update
from bridge.extras.periodic import Access, Periodic
from bridge.settings import Settings
from bridge.state.flatten import Topics, payload
from bridge.state.known import VEHICLE_STATUS
from bridge.state.state import ABSENT, Loadpoint, Part, Scope, State
from bridge.state.values import is_number
from bridge.util.json import parse_json

MEMORY = "bridge/vehicles"
"""What is known of each vehicle and when it was asked, also for the next run: a restart wakes no car."""

# topic below the vehicle's -> names of evcc's probe, and the key of the loadpoint where it is connected
_VALUES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "soc": (("soc", "vehicleSoc"), "vehicleSoc"),
    "range": (("range",), "vehicleRange"),
    "odometer": (("odometer",), "vehicleOdometer"),
    "vehicleLimitSoc": (("vehicleLimitSoc", "limitSoc"), "vehicleLimitSoc"),
}
_FOLLOWED = frozenset({"connected", "vehicleName", *(key for _, key in _VALUES.values())})
_UPDATED = "updated"
_TIMEOUT = 30.0  # evcc asks the maker for at most 10 s
_FIRST, _BETWEEN = 60.0, 10.0  # seconds from the start to the first one, and from one to the next
_JITTER = 0.1  # of the period
_LARGEST = 10_000_000
_MOST_CARS = 1000
_FORBIDDEN = frozenset({401, 403})
_ROUTED = re.compile(r"(?!\.{1,2}\Z)[a-zA-Z0-9_.:-]+")
_LONGEST_MEMORY = 100_000  # bytes


@dataclass(slots=True)
class _Car:
    """What is known of a vehicle: its values and when they were read, and when it was last asked (unix seconds)."""

    values: dict[str, float] = field(default_factory=dict)
    updated: int | None = None
    asked: float = -math.inf
    due: float = -math.inf

    def kept(self) -> dict[str, Any]:
        """What the next run is to know."""
        return {**self.values, _UPDATED: self.updated, "asked": None if math.isinf(self.asked) else int(self.asked)}


_NEW = _Car()


class Vehicles(Periodic):
    """Reads evcc's status of each vehicle that is not connected, one after another, every `extras.vehicles` seconds.

    `GET /api/config/devices/vehicle/<name>/status`: it needs an API key, asks the vehicle's maker, and may wake the
    vehicle. Therefore nothing brings a read before its time: no failure, no restart of evcc or of the bridge. While a
    vehicle is connected its values are those of its loadpoint, and it is not asked.
    """

    name = "vehicles"
    operations = ("GET /config/devices/vehicle/{name}/status",)
    topics = (*(f"vehicles/+/{leaf}" for leaf in VEHICLE_STATUS), MEMORY)

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._period = access.settings.extras.vehicles
        self._diagnostics = access.diagnostics
        self._cars: dict[str, _Car] | None = None
        self._connected: set[str] = set()
        self._has_login = access.settings.evcc.login is not None
        self._not_before = asyncio.get_running_loop().time() + _FIRST * random.uniform(1, 2)  # noqa: S311 - no secret

    @classmethod
    def enabled(cls, settings: Settings) -> bool:
        """Whether vehicles are to be asked."""
        return settings.extras.vehicles > 0

    async def read(self) -> None:
        """Ask the vehicles that are due."""
        await self._load()
        self._publish()
        while due := [name for name in self._askable() if self._left(name) <= 0]:
            await self._ask(due[0])
            self._publish()
            await asyncio.sleep(_BETWEEN)

    def due_in(self) -> float:
        """Seconds until the next vehicle that is not connected is due."""
        return min(map(self._left, self._askable()), default=math.inf)

    def update(self, update: Update) -> None:
        """Take over what a loadpoint shows of the vehicle that is connected to it."""
        super().update(update)
        changed = {
            change.target.name
            for change in update.changes
            if change.target.scope is Scope.LOADPOINT and change.key in _FOLLOWED
        }
        if not update.complete or not changed or self._cars is None:
            return
        for loadpoint in update.state.loadpoints:
            if str(loadpoint.position) in changed and _is_connected(loadpoint):
                self._follow(loadpoint)
        self._note_connected()
        self._publish()

    def _note_connected(self) -> None:
        """Note which vehicles are connected; one that has just left was asked by evcc itself until now."""
        before, self._connected = self._connected, _connected(self._reader.state)
        for name in before - self._connected:
            self._postpone(self._car(name))

    async def _load(self) -> None:
        """Take what an earlier run has left, once."""
        if self._cars is not None:
            return
        cars = dict(_remembered(await self._mirror.stored(MEMORY)))
        for car in cars.values():
            car.asked = min(car.asked, time.time())  # a clock that was ahead
            car.due = car.asked + self._period
        self._cars = cars
        for loadpoint in filter(_is_connected, self._reader.state.loadpoints):
            self._follow(loadpoint)
        self._note_connected()

    async def _ask(self, name: str) -> None:
        car = self._car(name)
        self._postpone(car)
        self._publish()  # before evcc is called: should the bridge end now, the next run has it
        try:
            reply = await self._rest.call(f"/api/config/devices/vehicle/{name}/status", _TIMEOUT)
            self._set_problem(self._problem(reply))
            values = _values(reply.json()) if reply.verdict is Verdict.OK else {}
        except EvccError as error:
            self._log.info("a vehicle could not be asked", vehicle=name, error=str(error))
        else:
            self._note(car, values)

    def _problem(self, reply: Reply) -> str:
        """Why no vehicle can be asked; empty where one can."""
        if reply.status in _FORBIDDEN:
            both = ": a login and a key cannot be sent together" if self._has_login else ""
            return f"evcc, or a proxy before it, refuses evcc.api_key ({reply.status}){both}"
        return "this evcc has no status of vehicles" if reply.verdict is Verdict.NO_ROUTE else ""

    def _follow(self, loadpoint: Loadpoint) -> None:
        name = loadpoint.text("vehicleName")
        if name in self._reader.state.vehicles:
            values = {leaf: loadpoint.number(key) for leaf, (_, key) in _VALUES.items()}
            self._note(self._car(name), {leaf: value for leaf, value in values.items() if value})

    def _note(self, car: _Car, values: Mapping[str, float]) -> None:
        if values:
            car.values |= values
            car.updated = int(time.time())

    def _postpone(self, car: _Car) -> None:
        car.asked = time.time()
        car.due = car.asked + self._period * random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret

    def _set_problem(self, reason: str) -> None:
        """Report once that no vehicle can be asked, and try with one of them after each period."""
        self._diagnostics.set(self.name, f"extras.vehicles: {reason}" if reason else None)
        if reason:
            self._not_before = asyncio.get_running_loop().time() + self._period

    def _car(self, name: str) -> _Car:
        cars = self._cars or {}
        if len(cars) > _MOST_CARS:
            cars = {known: car for known, car in cars.items() if known in self._reader.state.vehicles}
        self._cars = cars
        return cars.setdefault(name, _Car())

    def _askable(self) -> list[str]:
        """The vehicles that are not connected; evcc's routes take no other names."""
        connected = _connected(self._reader.state)
        return [name for name in self._reader.state.vehicles if name not in connected and _ROUTED.fullmatch(name)]

    def _left(self, name: str) -> float:
        """Seconds until a vehicle is due."""
        now, car = time.time(), (self._cars or {}).get(name, _NEW)
        if car.asked > now:  # the clock was set back
            car.asked, car.due = now, now + self._period
        return max(car.due - now, self._not_before - asyncio.get_running_loop().time())

    def _publish(self) -> None:
        """Publish what is known, and keep it for the next run; a topic of evcc's own state has precedence."""
        vehicles = self._reader.state.vehicles
        cars = {name: car for name, car in (self._cars or {}).items() if name in vehicles}
        topics: dict[str, bytes] = {}
        for name, car in cars.items():
            values = {**car.values, _UPDATED: car.updated}
            prefix = vehicles[name].target.topic
            topics |= {f"{prefix}/{leaf}": payload(value) for leaf, value in values.items() if value is not None}
        self._mirror.tree.update({self.name: Topics({}, self.selected(topics), frozenset())})
        kept = {name: car.kept() for name, car in cars.items()}
        self._mirror.tree.set(MEMORY, {MEMORY: orjson.dumps(kept)} if kept else {})


def _is_connected(loadpoint: Part) -> bool:
    return loadpoint.get("connected", ABSENT) is True and bool(loadpoint.text("vehicleName"))


def _connected(state: State) -> set[str]:
    return {loadpoint.text("vehicleName") for loadpoint in state.loadpoints if _is_connected(loadpoint)}


def _values(answer: Any) -> dict[str, float]:
    """The values in evcc's status of a vehicle; those of a probe that failed, or of a car that sleeps, are left out."""
    probes = answer if isinstance(answer, Mapping) else {}
    found = {leaf: _first(probes, names) for leaf, (names, _) in _VALUES.items()}
    return {leaf: value for leaf, value in found.items() if value is not None}


def _first(probes: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    for name in names:
        match probes.get(name):
            case {"error": str(error)} if error:
                continue
            case {"asleep": True}:
                continue
            case {"value": value} if _is_plausible(value):
                return float(value)
    return None


def _is_plausible(value: Any) -> bool:
    return is_number(value) and 0 <= value <= _LARGEST


def _remembered(stored: bytes) -> Iterator[tuple[str, _Car]]:
    try:
        found = parse_json(stored) if 0 < len(stored) <= _LONGEST_MEMORY else {}
    except ValueError:
        return
    for name, known in found.items() if isinstance(found, dict) else ():
        if isinstance(known, dict):
            values = {leaf: float(known[leaf]) for leaf in _VALUES if _is_plausible(known.get(leaf))}
            updated, asked = _moment(known.get(_UPDATED)), _moment(known.get("asked"))
            yield name, _Car(values, updated, -math.inf if asked is None else asked)


def _moment(value: Any) -> int | None:
    return int(value) if is_number(value) and 0 <= value < math.inf else None
