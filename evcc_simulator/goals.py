"""What a loadpoint is to reach and when: evcc's effective values, from its own settings and its vehicle's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from evcc_simulator.plans import Strategy
from evcc_simulator.times import moment, rfc3339

VOLTAGE = 230
NO_VEHICLE = {"vehicleName": "", "vehicleSoc": 0, "vehicleRange": 0, "vehicleOdometer": 0, "vehicleLimitSoc": 0}
"""A loadpoint's values while it has no vehicle."""
NO_STRATEGY = {"continuous": False, "precondition": 0}

_FULL = 100


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
    """Whether plans go by state of charge: the vehicle tells its own, and its capacity is known."""
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
