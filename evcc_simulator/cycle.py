"""evcc's control cycle: what it computes, and the frames it sends, changed or not, in the recorded order."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from evcc_simulator import meters, plans, tariffs
from evcc_simulator.clock import midnight, rfc3339, utc
from evcc_simulator.house import Era, House, Path, plain

_KILO = 1_000
_HOUR = 3_600


def run(house: House, index: int, now: float, seconds: float = 0) -> None:
    """One cycle: the site, and one loadpoint (0-based), as evcc takes turns.

    `seconds` is the time that the house has moved on since the last one; with 0 it stands still,
    and only settings take effect.
    """
    if "forecast" in house.state and house.forecast_day != midnight(utc(now)):
        house.forecast(tariffs.forecast(house.era, now), midnight(utc(now)))
    values = meters.advance(house, meters.Step(now, seconds)) if seconds else {}
    changed = [path for path, value in values.items() if _store(house, path, value)]
    for key, value in _loadpoint(house, index, now).items():
        own: Path = ("loadpoints", index, key)
        if key in house.loadpoints[index] and _store(house, own, value):
            changed.append(own)
    regular = list(_order(house, index))
    first = [path for path in house.hidden if path[:2] == ("loadpoints", index) or len(path) == 1]
    for path in (*regular, *(path for path in dict.fromkeys(changed + first) if path not in regular)):
        house.publish(path)


def _store(house: House, path: Path, value: Any) -> bool:
    """Store a value without a frame; whether it differs."""
    value = plain(value)
    *parents, last = path
    node = house.get(tuple(parents))
    same = last in node and node[last] == value
    node[last] = value
    return not same


def _order(house: House, index: int) -> Iterator[Path]:
    """The paths that a cycle sends, as recorded."""
    cycle = house.era.seed["cycle"]
    loadpoint = house.loadpoints[index]
    own = cycle["loadpoint"] if loadpoint.get("enabled") else cycle["loadpoint"] + cycle["disabled"]
    yield from _expanded(house, cycle["head"])
    yield from (("loadpoints", index, key) for key in own if key in loadpoint)
    yield from _expanded(house, cycle["tail"])


def _expanded(house: House, keys: list[str]) -> Iterator[Path]:
    for key in keys:
        if key.startswith("loadpoints.*."):
            name = key.removeprefix("loadpoints.*.")
            yield from (("loadpoints", index, name) for index, each in enumerate(house.loadpoints) if name in each)
        elif key in house.state:
            yield (key,)


def _loadpoint(house: House, index: int, now: float) -> dict[str, Any]:
    """What a loadpoint's turn computes from its settings, its vehicle and the tariffs."""
    era, loadpoint = house.era, house.loadpoints[index]
    vehicle = plans.vehicle_of(loadpoint, house.vehicles)
    return {
        **plans.effective(loadpoint, vehicle, era.efficiency, utc(now)),
        **_plan(house, loadpoint, vehicle, now),
        **_smart_cost(house, loadpoint, now),
        **_remaining(house, loadpoint, vehicle),
        **_phases(loadpoint),
    }


def _plan(house: House, loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any], now: float) -> dict[str, Any]:
    era = house.era
    goal = plans.goal(loadpoint, vehicle, era.efficiency, utc(now))
    slots = plans.slots(house, loadpoint, goal, now) if era.old or loadpoint["connected"] else []
    slots = [replace(slot, start=_second(slot.start, era), end=_second(slot.end, era)) for slot in slots]
    projected = {
        "planProjectedStart": rfc3339(slots[0].start) if slots else None,
        "planProjectedEnd": rfc3339(slots[-1].end) if slots else None,
    }
    return projected if era.old else projected | {"plan": tariffs.written(slots, era.rate) or None}


def _second(instant: datetime, era: Era) -> datetime:
    """The state has whole seconds: the older era cuts, the newer one rounds."""
    return (instant if era.old else instant + timedelta(seconds=0.5)).replace(microsecond=0)


def _smart_cost(house: House, loadpoint: Mapping[str, Any], now: float) -> dict[str, Any]:
    limit, at = loadpoint.get("smartCostLimit"), utc(now)
    prices = tariffs.rates(house.era, "grid", now)
    cheap = [rate for rate in prices if limit is not None and rate.value <= limit and rate.end > at]
    active = bool(cheap) and cheap[0].start <= at
    later = next((rfc3339(rate.start) for rate in cheap if rate.start > at), None)
    return {"smartCostActive": active, "smartCostNextStart": None if active else later}


def _remaining(house: House, loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any]) -> dict[str, Any]:
    if "chargeRemainingEnergy" not in loadpoint or not plans.soc_based(vehicle):
        return {}
    limit = plans.limit_soc(loadpoint, vehicle)
    energy = plans.soc_energy(vehicle, loadpoint["vehicleSoc"], limit, house.era.efficiency) * _KILO
    power = loadpoint["chargePower"]
    duration = timedelta(seconds=energy / power * _HOUR) if power else timedelta(0)
    return {"chargeRemainingEnergy": round(energy, 3), "chargeRemainingDuration": int(duration.total_seconds())}


def _phases(loadpoint: Mapping[str, Any]) -> dict[str, Any]:
    if not loadpoint["phasesConfigured"]:
        return {}
    in_use = {"phasesActive": loadpoint["phasesConfigured"]}
    return in_use | {"phasesEnabled": loadpoint["phasesConfigured"]} if "phasesEnabled" in loadpoint else in_use
