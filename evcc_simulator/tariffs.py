"""Prices and emissions: the recorded days, repeated from today's midnight on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from evcc_simulator.clock import days_since, midnight, rfc3339, utc
from evcc_simulator.house import SHARDS, Era


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


def rates(era: Era, usage: str, now: float) -> tuple[Rate, ...]:
    """The slots of a tariff from today's midnight (UTC) on; none when the house has no such tariff."""
    return _rates(era, usage, midnight(utc(now)))


@lru_cache(maxsize=16)
def _rates(era: Era, usage: str, start: datetime) -> tuple[Rate, ...]:
    series = era.seed["tariffs"].get({"planner": "grid"}.get(usage, usage))
    if series is None:
        return ()
    slot, values = timedelta(seconds=series["slot"]), series["values"]
    count = timedelta(days=series["days"]) // slot
    first = days_since(era.seed["day"], start) // slot
    return tuple(
        Rate(start + index * slot, start + (index + 1) * slot, values[(first + index) % len(values)])
        for index in range(count)
    )


def forecast(era: Era, now: float) -> dict[str, Any]:
    """The forecasts as they stand in the state: only those that the house has a tariff for."""
    found = {shard: rates(era, shard, now) for shard in SHARDS}
    return {shard: written(slots, "value") for shard, slots in found.items() if slots}


def written(rates: Iterable[Rate], key: str) -> list[dict[str, Any]]:
    """Slots as JSON, the value under the era's key."""
    return [{"start": rfc3339(rate.start), "end": rfc3339(rate.end), key: rate.value} for rate in rates]


def current(era: Era, usage: str, now: float) -> float | None:
    """The value that holds now."""
    at = utc(now)
    return next((rate.value for rate in rates(era, usage, now) if rate.start <= at < rate.end), None)


def known(usage: str) -> bool:
    """Whether evcc has such a type of tariff at all."""
    return usage in SHARDS
