"""A believable house: sun, consumption, batteries and cars, moved on by some seconds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evcc_simulator import plans, tariffs
from evcc_simulator.house import House, Path

Values = dict[Path, Any]

_HOUR = 3_600
_DAY = 86_400
_KILO = 1_000
_FULL = 100
_SUNRISE, _DAYLIGHT = 5 * _HOUR, 12 * _HOUR
_PEAK = 2.5
"""A photovoltaic meter's noon, in recorded powers."""
_BATTERY_RATE = 0.5
"""W a Wh of capacity that a battery charges or discharges at most."""
_SMALLEST_CURRENT = 6


@dataclass(frozen=True, slots=True)
class Step:
    """The moment to compute and the seconds since the last one."""

    now: float
    seconds: float

    def energy(self, power: float) -> float:
        """kWh of a power in W over the step."""
        return power * self.seconds / _HOUR / _KILO


def advance(house: House, step: Step) -> Values:
    """Every reading of the house after the step: loadpoints first, then what the meters make of it."""
    state, values = house.state, Values()
    sun = _sunshine(step.now)
    pv = [round(nominal * sun, 1) for nominal in _nominal(house)]
    home = round(400 + 150 * math.sin(step.now / 300) + 100 * math.sin(step.now / 37), 1)
    budget = sum(pv) - home - state.get("auxPower", 0)
    for index in range(len(house.loadpoints)):
        charged = _loadpoint(house, index, budget, step)
        budget -= charged[("loadpoints", index, "chargePower")]
        values |= charged
    battery, devices = _batteries(house, budget, step)
    values |= _pv(state, pv, step) | {("homePower",): home, **battery}
    return values | _grid(house, round(-budget - devices, 1), step) | _shares(house, sum(pv), -budget, step.now)


def _sunshine(now: float) -> float:
    """0 at night to about 1 at noon, with clouds."""
    day = (now % _DAY - _SUNRISE) / _DAYLIGHT
    return max(0.0, math.sin(math.pi * day)) * (0.85 + 0.15 * math.sin(now / 90)) if 0 < day < 1 else 0.0


def _nominal(house: House) -> list[float]:
    return [_PEAK * meter["power"] for meter in house.era.seed["state"]["pv"]]


def _loadpoint(house: House, index: int, budget: float, step: Step) -> Values:
    loadpoint = house.loadpoints[index]
    if loadpoint["chargerFeatureHeating"]:
        return _written(index, {"chargePower": round(350 + 50 * math.sin(step.now / 600))})
    vehicle = plans.vehicle_of(loadpoint, house.vehicles)
    current = _current(loadpoint, vehicle, budget)
    phases = loadpoint["phasesActive"]
    power = round(plans.VOLTAGE * phases * current)
    energy = step.energy(power)
    changed = _session(loadpoint, energy, step.seconds if power else 0) | {
        "chargePower": power,
        "charging": power > 0,
        "enabled": power > 0,
        ("chargeCurrent" if house.era.old else "offeredCurrent"): current,
    }
    if "chargeCurrents" in loadpoint:
        changed["chargeCurrents"] = [current if phase < phases else 0 for phase in range(3)]
    if plans.soc_based(vehicle) and loadpoint["connected"]:
        gained = energy * house.era.efficiency / vehicle["capacity"] * _FULL
        changed["vehicleSoc"] = round(min(_FULL, loadpoint["vehicleSoc"] + gained), 3)
    return _written(index, changed)


def _written(index: int, values: Mapping[str, Any]) -> Values:
    return {("loadpoints", index, key): value for key, value in values.items()}


def _current(loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any], budget: float) -> float:
    """A that the loadpoint's mode gives, whole."""
    if not loadpoint["connected"] or loadpoint["mode"] == "off" or _reached(loadpoint, vehicle):
        return 0
    most, least = loadpoint["maxCurrent"], max(loadpoint["minCurrent"], _SMALLEST_CURRENT)
    if loadpoint["mode"] == "now":
        return float(most)
    surplus = math.floor(budget / plans.VOLTAGE / loadpoint["phasesActive"])
    if loadpoint["mode"] == "pv" and surplus < least:
        return 0
    return float(min(most, max(least, surplus)))


def _reached(loadpoint: Mapping[str, Any], vehicle: Mapping[str, Any]) -> bool:
    """Whether the session's limit, in energy or state of charge, is met."""
    if loadpoint["limitEnergy"] and loadpoint["sessionEnergy"] >= loadpoint["limitEnergy"] * _KILO:
        return True
    return bool(loadpoint["vehicleSoc"] >= plans.limit_soc(loadpoint, vehicle))


def _session(loadpoint: Mapping[str, Any], energy: float, seconds: float) -> dict[str, Any]:
    """The counters of the running session, in evcc's units: Wh, but kWh for the meter."""
    counted = {
        "chargedEnergy": round(loadpoint.get("chargedEnergy", 0) + energy * _KILO, 3),
        "sessionEnergy": round(loadpoint.get("sessionEnergy", 0) + energy * _KILO, 3),
        "chargeDuration": round(loadpoint.get("chargeDuration", 0) + seconds),
    }
    if "chargeTotalImport" in loadpoint:
        counted["chargeTotalImport"] = round(loadpoint["chargeTotalImport"] + energy, 6)
    return counted


def _pv(state: Mapping[str, Any], powers: list[float], step: Step) -> Values:
    meters = [dict(meter, power=power) for meter, power in zip(state["pv"], powers, strict=True)]
    for meter in meters:
        if "energy" in meter:
            meter["energy"] = round(meter["energy"] + step.energy(meter["power"]), 6)
    energy = round(state["pvEnergy"] + step.energy(powers[0]), 6)
    return {("pv",): meters, ("pvPower",): round(sum(powers), 1), ("pvEnergy",): energy}


def _batteries(house: House, budget: float, step: Step) -> tuple[Values, float]:
    """The batteries take the surplus or fill the gap; their values, and the W that they give."""
    old = house.era.old
    battery = house.state["battery"]
    devices = [_battery(each, budget, house, step) for each in (battery if old else battery["devices"])]
    power = round(sum(each["power"] for each in devices), 1)
    capacity = sum(each["capacity"] for each in devices)
    soc = sum(each["soc"] * each["capacity"] for each in devices) / capacity
    if old:
        return {("battery",): devices, ("batteryPower",): power, ("batterySoc",): round(soc, 3)}, power
    return {("battery",): {"power": power, "capacity": capacity, "soc": soc, "devices": devices}}, power


def _battery(device: Mapping[str, Any], budget: float, house: House, step: Step) -> dict[str, Any]:
    most = device["capacity"] * _KILO * _BATTERY_RATE
    share = device["capacity"] / sum(each["capacity"] for each in _devices(house))
    power = round(max(-most, min(most, -budget * share)), 1)
    held = house.state["batteryMode"] != "normal"
    if (power < 0 and device["soc"] >= _FULL) or (power > 0 and (held or device["soc"] <= 0)):
        power = 0
    soc = device["soc"] - step.energy(power) / device["capacity"] * _FULL
    return dict(device, power=power, soc=round(max(0, min(_FULL, soc)), 3))


def _devices(house: House) -> list[dict[str, Any]]:
    battery = house.state["battery"]
    devices: list[dict[str, Any]] = battery if house.era.old else battery["devices"]
    return devices


def _grid(house: House, power: float, step: Step) -> Values:
    powers = [round(power * share, 3) for share in (0.2, 0.3, 0.5)]
    currents = [round(each / plans.VOLTAGE, 3) for each in powers]
    circuit = {"power": power, "current": round(max(map(abs, currents)), 3)}
    circuits = {name: each | circuit for name, each in house.state["circuits"].items()}
    imported = step.energy(max(0, power))
    if house.era.old:
        energy = round(house.state["gridEnergy"] + imported, 6)
        grid: Values = {
            ("gridPower",): power,
            ("gridPowers",): powers,
            ("gridCurrents",): currents,
            ("gridEnergy",): energy,
        }
    else:
        meter = house.state["grid"]
        energy = round(meter["energy"] + imported, 6)
        grid = {("grid",): dict(meter, power=power, energy=energy, powers=powers, currents=currents)}
    return {**grid, ("circuits",): circuits}


def _shares(house: House, sun: float, gap: float, now: float) -> Values:
    """Where the energy comes from and what it costs; `gap` is the W that the sun does not give."""
    used = sun + gap
    green = round(max(0, min(1, sun / used)), 3) if used > 0 else 1
    price, feed_in = (tariffs.current(house.era, usage, now) or 0 for usage in ("grid", "feedin"))
    mixed = round(green * feed_in + (1 - green) * price, 4)
    values: Values = {
        ("greenShareHome",): green,
        ("greenShareLoadpoints",): green,
        ("tariffGrid",): price,
        ("tariffFeedIn",): feed_in,
        ("tariffPriceHome",): mixed,
        ("tariffPriceLoadpoints",): mixed,
    }
    if (co2 := tariffs.current(house.era, "co2", now)) is not None:
        used_co2 = round((1 - green) * co2, 1)
        values |= {("tariffCo2",): co2, ("tariffCo2Home",): used_co2, ("tariffCo2Loadpoints",): used_co2}
    return values
