"""Loadpoints that heat: which of evcc's values mean something there, and what they are called."""

import re
from dataclasses import replace
from fnmatch import translate

from bridge.entities.entity import Device
from bridge.state.reading import RUNNING, TEMPERATURE, Quantity, Reading
from bridge.state.state import Scope

# what evcc counts as charge is a temperature where the device heats
_NAMES: dict[str, tuple[str, Quantity | None, str]] = {
    "chargePower": ("Heating power", None, "heating-coil"),
    "charging": ("Heating", RUNNING, "heating-coil"),
    "vehicleSoc": ("Temperature", TEMPERATURE, "thermometer"),
    "limitSoc": ("Temperature limit", replace(TEMPERATURE, zero=False), "thermometer"),
    "minSoc": ("Minimum temperature", TEMPERATURE, "thermometer"),
    "vehicleLimitSoc": ("Device's own limit", TEMPERATURE, "thermometer"),
    "effectiveLimitSoc": ("Limit in force", TEMPERATURE, "thermometer"),
    "effectiveMinSoc": ("Minimum in force", TEMPERATURE, "thermometer"),
    "effectivePlanSoc": ("Plan temperature in force", TEMPERATURE, "thermometer"),
}
_ONLY_HEATING = frozenset({"minSoc"})
_ONLY_VEHICLES = re.compile("|".join(map(translate, (
    "vehicle", "vehicleName", "vehicleTitle", "vehicleRange", "vehicleOdometer", "vehicleDetection*",
    "vehicleClimaterActive", "vehicleWelcomeActive", "connected*", "batteryBoost*", "phase*", "chargerPhases1p3p",
    "chargerSinglePhase", "chargerPhysicalPhases", "chargeRemaining*",
))))  # fmt: skip


def applies(device: Device, key: str) -> bool:
    """Whether a value of a device means something: a heating device has no vehicle, a charger no least temperature."""
    if device.scope is not Scope.LOADPOINT:
        return True
    return not _ONLY_VEHICLES.fullmatch(key) if _heats(device) else key not in _ONLY_HEATING


def heated(device: Device, key: str, title: str, reading: Reading) -> tuple[str, Reading]:
    """Title and reading as they are on a heating device, or unchanged."""
    if key not in _NAMES or not _heats(device):
        return title, reading
    name, quantity, icon = _NAMES[key]
    return name, replace(reading, quantity=quantity or reading.quantity, icon=icon)


def _heats(device: Device) -> bool:
    return device.part.flag("chargerFeatureHeating") is True
