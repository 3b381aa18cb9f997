"""Charging plans: what a loadpoint is to reach and when, and evcc's planner, which picks the cheapest slots in time."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from evcc_simulator import tariffs
from evcc_simulator.clock import moment, rfc3339, utc
from evcc_simulator.house import House
from evcc_simulator.tariffs import Rate

VOLTAGE = 230
NO_VEHICLE = {"vehicleName": "", "vehicleSoc": 0, "vehicleRange": 0, "vehicleOdometer": 0, "vehicleLimitSoc": 0}
"""A loadpoint's values while it has no vehicle."""
NO_STRATEGY = {"continuous": False, "precondition": 0}

_FULL = 100
_WATTS, _HOUR = 1_000, 3_600
_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a plan is laid: in one piece or not, and how much of it right before the end."""

    continuous: bool = False
    precondition: timedelta = _NONE


@dataclass(frozen=True, slots=True)
class Goal:
    """The next plan of a loadpoint."""

    id: int = 0
    time: str | None = None
    """RFC 3339, in the zone that it was set in."""
    soc: int = 0
    energy: float = 0.0
    """kWh to be charged."""


def vehicle_of(loadpoint: Mapping[str, Any], vehicles: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the vehicle at a loadpoint; empty when there is none."""
    found: dict[str, Any] = vehicles.get(loadpoint["vehicleName"], {})
    return found


def soc_based(vehicle: Mapping[str, Any]) -> bool:
    """Whether plans go by state of charge: the vehicle reports its own, and its capacity is known."""
    return bool(vehicle.get("capacity")) and "Offline" not in vehicle.get("features", ())


def max_power(loadpoint: Mapping[str, Any]) -> float:
    """W at the highest current on all phases."""
    phases = loadpoint["phasesConfigured"] or 3
    return float(VOLTAGE * loadpoint["maxCurrent"] * phases)


def goal(loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any], efficiency: float, now: datetime) -> Goal:
    """The plan that evcc works on next: the vehicle's earliest, or the loadpoint's own energy plan."""
    if not soc_based(vehicle):
        energy = loadpoint["planEnergy"]
        return Goal(1, loadpoint["planTime"], 0, energy) if energy and loadpoint["planTime"] else Goal()
    reached = loadpoint["vehicleSoc"]
    open_plans = [each for each in _vehicle_plans(vehicle, now) if reached == 0 or reached < each.soc]
    if not open_plans:
        return Goal()
    nearest = min(open_plans, key=lambda each: moment(each.time or ""))
    energy = soc_energy(vehicle, reached, nearest.soc, efficiency)
    return Goal(nearest.id, nearest.time, nearest.soc, energy)


def soc_energy(vehicle: Mapping[str, Any], reached: float, target: float, efficiency: float) -> float:
    """kWh to charge from one state of charge to another, losses included."""
    return max(target - reached, 0) / _FULL * float(vehicle["capacity"]) / efficiency


def _vehicle_plans(vehicle: Mapping[str, Any], now: datetime) -> list[Goal]:
    single = [vehicle["plan"]] if vehicle.get("plan") else vehicle.get("plans", [])
    plans = [Goal(1, each["time"], each["soc"]) for each in single if moment(each["time"]) > now]
    for number, each in enumerate(vehicle.get("repeatingPlans") or (), start=2):
        if each["active"] and each["weekdays"]:
            plans.append(Goal(number, _next_occurrence(each, now), each["soc"]))
    return plans


def _next_occurrence(repeating: Mapping[str, Any], now: datetime) -> str:
    """The next time of a repeating plan; Sunday is 0."""
    zone = ZoneInfo(repeating["tz"])
    at = time.fromisoformat(repeating["time"])
    local = now.astimezone(zone)
    days = (datetime.combine(local.date() + timedelta(days=ahead), at, zone) for ahead in range(8))
    return rfc3339(next(day for day in days if day > now and day.isoweekday() % 7 in repeating["weekdays"]))


def strategy(loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any]) -> dict[str, Any]:
    """The plan strategy that holds, as JSON."""
    source = vehicle if soc_based(vehicle) else loadpoint
    found: dict[str, Any] = source.get("planStrategy", NO_STRATEGY)
    return found


def parsed(strategy: Mapping[str, Any]) -> Strategy:
    return Strategy(strategy["continuous"], timedelta(seconds=strategy["precondition"]))


def limit_soc(loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any]) -> int:
    return int(loadpoint["limitSoc"] or vehicle.get("limitSoc", 0) or _FULL)


def min_soc(loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any]) -> int:
    return int(max(loadpoint.get("minSoc", 0), vehicle.get("minSoc", 0)))


def effective(
    loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any], efficiency: float, now: datetime
) -> dict[str, Any]:
    """Every `effective…` value of a loadpoint."""
    next_goal = goal(loadpoint, vehicle, efficiency, now.astimezone(UTC))
    return {
        "effectivePriority": loadpoint["priority"],
        "effectivePlanId": next_goal.id,
        "effectivePlanTime": next_goal.time,
        "effectivePlanSoc": next_goal.soc,
        "effectivePlanStrategy": strategy(loadpoint, vehicle),
        "effectiveMinCurrent": loadpoint["minCurrent"],
        "effectiveMaxCurrent": loadpoint["maxCurrent"],
        "effectiveMinSoc": min_soc(loadpoint, vehicle),
        "effectiveLimitSoc": limit_soc(loadpoint, vehicle),
    }


def plan(rates: Sequence[Rate], duration: timedelta, target: datetime, now: datetime, strategy: Strategy) -> list[Rate]:
    """The slots to charge in, in time order as the `rates` are; empty when there is nothing to charge."""
    if duration <= _NONE:
        return []
    slots = _clamped(rates, now, target)
    if sum((slot.duration for slot in slots), _NONE) < duration:
        start = max(now, target - duration)
        return [Rate(start, start + duration, 0)]
    late = min(strategy.precondition, duration)
    early, precondition = _clamped(slots, now, target - late), _clamped(slots, target - late, target)
    if late == duration:
        return precondition
    choose = _window if strategy.continuous else _cheapest
    return choose(early, duration - late) + (precondition if late else [])


def _clamped(rates: Sequence[Rate], start: datetime, end: datetime) -> list[Rate]:
    """What lies between two instants, of rates in time order."""
    first = bisect_right(rates, start, key=attrgetter("end"))
    last = bisect_left(rates, end, key=attrgetter("start"))
    return [rate.within(start, end) for rate in rates[first:last]]


def _cheapest(slots: list[Rate], need: timedelta) -> list[Rate]:
    """The cheapest slots, of equals the latest; the last one taken is shortened."""
    chosen: list[Rate] = []
    for slot in sorted(slots, key=lambda slot: (slot.value, -slot.start.timestamp())):
        over = slot.duration - need
        if over <= _NONE:
            chosen.append(slot)
            need -= slot.duration
        elif need > _NONE:
            first = bool(chosen) and all(slot.start < other.start for other in chosen)
            chosen.append(replace(slot, start=slot.start + over) if first else replace(slot, end=slot.end - over))
            need = _NONE
    return sorted(chosen, key=lambda slot: slot.start)


def _window(slots: list[Rate], need: timedelta) -> list[Rate]:
    """The cheapest unbroken window that begins with a slot, of equals the latest."""
    starts = [slot.start for slot in slots]
    costs = list(accumulate((_cost(slot) for slot in slots), initial=0.0))
    best, cheapest = None, math.inf
    for index, slot in enumerate(slots):
        end = slot.start + need
        last = bisect_left(starts, end) - 1
        cost = costs[last] - costs[index] + _cost(slots[last].within(slot.start, end))
        if end <= slots[-1].end and cost <= cheapest:
            best, cheapest = slot.start, cost
    return _clamped(slots, best, best + need) if best else []


def _cost(slot: Rate) -> float:
    return slot.duration.total_seconds() * slot.value


def duration(loadpoint: Mapping[str, Any], energy: float) -> timedelta:
    """How long a loadpoint needs for an energy in kWh at full power."""
    power = max_power(loadpoint)
    return timedelta(seconds=energy * _WATTS / power * _HOUR) if power else timedelta(0)


def slots(house: House, loadpoint: Mapping[str, Any], goal: Goal, now: float) -> list[Rate]:
    """The slots in which a loadpoint would charge to a goal; none when the goal has no time."""
    prices = tariffs.rates(house.era, "planner", now)
    if goal.time is None or not prices:
        return []
    vehicle = vehicle_of(loadpoint, house.vehicles)
    chosen = parsed(strategy(loadpoint, vehicle))
    return plan(prices, duration(loadpoint, goal.energy), moment(goal.time), utc(int(now)), chosen)
