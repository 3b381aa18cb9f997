"""One simulated evcc without its network: the house, its clock, its sessions, its start, and whose turn it is."""

from collections.abc import Iterable
from copy import deepcopy
from enum import Enum
from typing import Any

from evcc_simulator import cycle, plans, tariffs
from evcc_simulator.clock import Clock, midnight, rfc3339, utc
from evcc_simulator.house import Era, House, Listener, Path
from evcc_simulator.sessions import Sessions

_NANOSECONDS = 1_000_000_000
_KILO = 1_000


class Stage(Enum):
    """How far evcc has come."""

    REFUSED = "refused"
    """Nobody listens."""
    SILENT = "silent"
    """It answers every request with 404; the older era skips this."""
    HALF = "half"
    """The first cycle is under way; seen in the newer era only."""
    GROWING = "growing"
    """Some loadpoints have not had their first cycle."""
    COMPLETE = "complete"


def _hide_unpublished(house: House) -> None:
    """Hide what a just started evcc has not published; what was null only because somebody cleared it is gone."""
    startup = house.era.seed["startup"]
    for key in startup["unset"]:
        if house.state.get(key) in (None, "unknown"):
            house.state.pop(key, None)
    for index, loadpoint in enumerate(house.loadpoints):
        for key in startup["loadpoint_unset"]:
            if loadpoint.get(key) is None:
                loadpoint.pop(key, None)
        house.hidden |= _hidden(index, loadpoint, startup["loadpoint"])
    house.hidden |= {(key,) for key in startup["site"] if key in house.state}
    house.touch()


def _hidden(index: int, loadpoint: dict[str, Any], keys: Iterable[str]) -> set[Path]:
    """What a loadpoint shows only after its first cycle. Its plan's strategy shows at once if it has a plan."""
    planned = {"effectivePlanStrategy"} if loadpoint.get("planTime") else set()
    return {("loadpoints", index, key) for key in keys if key in loadpoint and key not in planned}


def _show_half(house: House) -> None:
    """Show the first loadpoint's values that its cycle publishes early."""
    startup = house.era.seed["startup"]
    early = set(startup["loadpoint"]) - set(startup["late"])
    house.hidden -= {("loadpoints", 0, key) for key in early}
    house.touch()


class Simulation:
    """The state of one evcc and all that changes it."""

    def __init__(self, era: Era, clock: Clock, loadpoints: int | None = None) -> None:
        self.era = era
        self.clock = clock
        self.house = self._sound = House(era, era.state(clock.now()))
        self._broken = House(era, deepcopy(era.seed["fatal"]))
        self.sessions = Sessions(era, clock.now())
        self.stage = Stage.COMPLETE
        self.still = False
        """Whether the meters stand still, so that cycles only repeat themselves."""
        self.external_until = 0.0
        """Until when the external battery mode holds."""
        self.optimizing = ""
        """Why price limits are refused with 409, as releases after 0.314 do while the optimizer is in charge."""
        self.energy: dict[str, tuple[float, float]] = {}
        """What the meters of each group have counted today, in kWh: energy, and energy returned."""
        self.vehicle_status: dict[str, dict[str, Any]] = {}
        """What evcc's status of a vehicle has, where it is not the usual one."""
        self._turn = 0
        self._due: dict[int, None] = {}
        self._last = clock.now()
        if loadpoints is not None:
            _resize(self.house, loadpoints)
        if "forecast" in self.house.state:
            self.house.forecast(tariffs.forecast(era, clock.now()), midnight(utc(clock.now())))

    def now(self) -> float:
        return self.clock.now()

    def listen(self, listener: Listener) -> None:
        self._sound.listener = self._broken.listener = listener

    def update(self, index: int) -> None:
        """Ask for a control cycle of one loadpoint (0-based), as evcc does after most writes."""
        self._due[index] = None

    @property
    def due(self) -> bool:
        return bool(self._due)

    def catch_up(self) -> None:
        """Run the cycles that writes asked for. No time passes in them."""
        due, self._due = self._due, {}
        for index in due:
            if index < len(self.house.loadpoints):
                cycle.run(self.house, index, self.now())

    def cycle(self) -> None:
        """The regular cycle: the next loadpoint's turn. None where a test has put something else in their place."""
        now, loadpoints = self.now(), self.house.state.get("loadpoints") or ()
        if loadpoints and all(isinstance(each, dict) for each in loadpoints):
            self._turn %= len(loadpoints)
            cycle.run(self.house, self._turn, now, 0 if self.still else now - self._last)
            self._turn += 1
        self._last = now
        self._end_external_mode(now)
        if self.stage is Stage.GROWING and not self.house.hidden:
            self.stage = Stage.COMPLETE

    def settle(self) -> None:
        """Bring every loadpoint's computed values to the present time, as if evcc had been running for long."""
        for index in range(len(self.house.loadpoints)):
            cycle.run(self.house, index, self.now())

    def restart(self, *, fatal: bool = False) -> None:
        """Begin anew as evcc does: nothing published yet. With `fatal` its configuration is found broken."""
        self.stage = Stage.REFUSED
        self._turn = 0
        self._due.clear()
        self.house = self._broken if fatal else self._sound
        _hide_unpublished(self.house)

    def step(self) -> Stage:
        """Go on by one stage of the start; the stage that it is in now."""
        match self.stage:
            case Stage.REFUSED if not self.era.old:
                self.stage = Stage.SILENT
            case Stage.SILENT if self.house.hidden:
                self.stage = Stage.HALF
                _show_half(self.house)
            case Stage.COMPLETE:
                pass
            case _:
                self.stage = Stage.GROWING
                self.cycle()
        return self.stage

    def _end_external_mode(self, now: float) -> None:
        if self.house.state.get("batteryModeExternal", "unknown") != "unknown" and now > self.external_until:
            self.house.set("batteryModeExternal", "unknown")
            self.house.set("batteryMode", "normal")

    def connect(self, index: int, vehicle: str = "") -> None:
        """A vehicle comes to a loadpoint (0-based): a session begins."""
        title = self.house.vehicles.get(vehicle, {}).get("title", "")
        begun = {"sessionEnergy": 0, "chargedEnergy": 0, "chargeDuration": 0, "connectedDuration": 0}
        self._put(index, begun | {"vehicleName": vehicle, "vehicleTitle": title, "connected": True})

    def finish_session(self, index: int) -> dict[str, Any]:
        """The vehicle leaves its loadpoint (0-based): the session is stored. Gives it as REST lists it."""
        loadpoint = self.house.loadpoints[index]
        energy = round(loadpoint["chargedEnergy"] / _KILO, 3)
        seconds = int(loadpoint["chargeDuration"])
        price = round(energy * self.house.state.get("tariffPriceLoadpoints", 0), 3)
        session = self.sessions.add(
            created=rfc3339(utc(int(self.now()) - seconds)),
            finished=rfc3339(utc(int(self.now()))),
            loadpoint=loadpoint["title"],
            vehicle=self.house.vehicles.get(loadpoint["vehicleName"], {}).get("title", ""),
            chargedEnergy=energy,
            chargeDuration=seconds * _NANOSECONDS,
            solarPercentage=loadpoint["sessionSolarPercentage"],
            price=price,
            pricePerKWh=round(price / energy, 3) if energy else None,
        )
        gone = {"vehicleTitle": "", "connected": False, "charging": False, "chargePower": 0}
        self._put(index, plans.NO_VEHICLE | gone)
        return session

    def _put(self, index: int, values: dict[str, Any]) -> None:
        for key, value in values.items():
            if key in self.house.loadpoints[index]:
                self.house.set(("loadpoints", index, key), value)


def _resize(house: House, count: int) -> None:
    """As many loadpoints as wanted: the recorded ones, and then copies of them under other names."""
    recorded = house.loadpoints
    more = (_copy(recorded[index % len(recorded)], index + 1) for index in range(len(recorded), count))
    house.state["loadpoints"] = [*recorded[:count], *more]


def _copy(loadpoint: dict[str, Any], number: int) -> dict[str, Any]:
    names = {"title": f"{loadpoint['title']} {number}"}
    if "name" in loadpoint:
        names["name"] = f"lp-{number}"
    return deepcopy(loadpoint) | names
