"""evcc's planner: which slots to charge in so that it is done in time and cheap."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from operator import attrgetter

_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Rate:
    """One slot of a tariff."""

    start: datetime
    end: datetime
    value: float

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def within(self, start: datetime, end: datetime) -> "Rate":
        if start <= self.start and self.end <= end:
            return self
        return Rate(max(self.start, start), min(self.end, end), self.value)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a plan is laid: in one piece or not, and how much of it right before the end."""

    continuous: bool = False
    precondition: timedelta = _NONE


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
