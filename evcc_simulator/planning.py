"""A loadpoint's charging plan from the house's tariff."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from evcc_simulator import goals, tariffs
from evcc_simulator.goals import Goal
from evcc_simulator.house import House
from evcc_simulator.plans import Rate, plan
from evcc_simulator.times import moment, utc

_WATTS = 1_000
_HOUR = 3_600


def duration(loadpoint: Mapping[str, Any], energy: float) -> timedelta:
    """How long a loadpoint needs for an energy in kWh at full power."""
    power = goals.max_power(loadpoint)
    return timedelta(seconds=energy * _WATTS / power * _HOUR) if power else timedelta(0)


def slots(house: House, loadpoint: Mapping[str, Any], goal: Goal, now: float) -> list[Rate]:
    """The slots in which a loadpoint would charge to a goal; none when the goal has no time."""
    prices = tariffs.rates(house.era, "planner", now)
    if goal.time is None or not prices:
        return []
    vehicle = goals.vehicle_of(loadpoint, house.vehicles)
    chosen = goals.parsed(goals.strategy(loadpoint, vehicle))
    return plan(prices, duration(loadpoint, goal.energy), moment(goal.time), utc(int(now)), chosen)
