"""Semantic tags of openHAB: what a group is, what kind of point an item is, and of which property."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bridge.entities.entity import Device, Options, Range, Toggle
from bridge.export.openhab.points import Point
from bridge.state.reading import Nature
from bridge.state.state import Scope


class Part(NamedTuple):
    """A part of the house with a group of its own: the keys of its points as a pattern, and its tag.

    `new_tag` is the tag in openHAB 5, where that has a better one.
    """

    name: str
    label: str
    icon: str
    keys: str
    tag: str
    new_tag: str = ""


PARTS = (
    Part("Battery", "Home battery", "batterylevel", r"battery(/|[A-Z]).*|prioritySoc|buffer(Start)?Soc", "Battery"),
    Part("Solar", "Solar power", "solarplant", r"pv(/|[A-Z]).*", "Inverter"),
    Part("Grid", "Grid", "energy", r"grid/.*|gridExportLimit|residualPower", "Sensor", "ElectricMeter"),
)
_EQUIPMENT: Mapping[int, Mapping[Scope, str]] = {
    4: {Scope.SITE: "Equipment", Scope.LOADPOINT: "Equipment", Scope.VEHICLE: "Vehicle"},
    5: {Scope.SITE: "PowerSupply", Scope.LOADPOINT: "EVSE", Scope.VEHICLE: "Car"},
}
_PROPERTIES: Mapping[str, str] = {
    "power": "Power",
    "energy": "Energy",
    "current": "Current",
    "voltage": "Voltage",
    "battery": "Level",
    "duration": "Duration",
    "timestamp": "Timestamp",
    "temperature": "Temperature",
}
# openHAB 5 has more
_NEW_PROPERTIES: Mapping[str, str] = {"battery": "StateOfCharge"}
_MODES = frozenset({"mode", "batteryMode", "alwaysCharge"})


def equipment(device: Device, semantics: int) -> str:
    """The tag of a device's group."""
    if semantics >= 5 and device.part.flag("chargerFeatureHeating") is True:
        return "HeatPump"
    return _EQUIPMENT[semantics][device.scope]


def part_of(point: Point) -> Part | None:
    """The part of the house that a point belongs to; None for the house itself and for other devices."""
    if point.entity.device.scope is not Scope.SITE:
        return None
    return next((part for part in PARTS if re.fullmatch(part.keys, point.entity.key)), None)


def tags(point: Point, semantics: int) -> Iterator[str]:
    """What kind of point it is, and of which property."""
    control = point.entity.control
    match control.widget if control else None:
        case Range():
            yield "Setpoint"
        case Toggle():
            yield "Switch"
        case Options():
            yield "Control"
        case None:
            yield _reading(point, semantics)
        case _:
            yield "Control"
    found = _property(point, semantics)
    if found:
        yield found


def _reading(point: Point, semantics: int) -> str:
    if semantics >= 5 and point.entity.key.startswith(("forecast/", "tariffSolar")):
        return "Forecast"
    return "Measurement" if point.entity.quantity.nature is Nature.NUMBER else "Status"


def _property(point: Point, semantics: int) -> str:
    quantity = point.entity.quantity
    if semantics >= 5:
        if point.entity.key in _MODES:
            return "Mode"
        if quantity.unit.endswith("/kWh") and not quantity.unit.startswith("g/"):
            return "Price"
        if quantity.device_class in _NEW_PROPERTIES:
            return _NEW_PROPERTIES[quantity.device_class]
    return _PROPERTIES.get(quantity.device_class, "")
