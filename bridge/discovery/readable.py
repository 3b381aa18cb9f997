"""Entities that are read only: every topic of the tree that is no setting."""

from collections.abc import Iterator
from dataclasses import replace

from bridge.discovery.devices import Device
from bridge.discovery.entity import Entity, House
from bridge.discovery.meanings import beside, canonical, meaning
from bridge.state.quantities import TEMPERATURE
from bridge.state.reading import Reading

_LONGEST_TITLE = 250
# what evcc counts as charge is a temperature where the device heats
_HEATING = {
    "vehicleSoc": "Temperature",
    "limitSoc": "Temperature limit",
    "minSoc": "Minimum temperature",
    "vehicleLimitSoc": "Device's own limit",
    "effectiveLimitSoc": "Limit in force",
    "effectiveMinSoc": "Minimum in force",
    "effectivePlanSoc": "Plan temperature in force",
}


def readable(house: House, device: Device, topic: str) -> Entity | None:
    """The entity of a topic of the device; None where it is no reading."""
    key = canonical(device.scope, topic.removeprefix(f"{device.prefix}/"))
    found = meaning(device.scope, key, house.payload(topic)) if key else None
    if found is None:
        return None
    title, reading = heated(device, key, found.titled(_part(house, device, topic)), found.reading)
    return Entity(device, key, title, topic, house.filled(reading))


def _part(house: House, device: Device, topic: str) -> str:
    """What evcc calls the part of the device that a topic lies below, such as one of several meters."""
    parent = topic.rpartition("/")[0]
    title = house.payload(f"{parent}/title") if parent != device.prefix else b""
    return title[:_LONGEST_TITLE].decode(errors="replace")


def besides(house: House, site: Device) -> Iterator[Entity]:
    """The entities of topics beside the state."""
    for topic, payload in house.others.items():
        found = beside(topic, payload)
        if found:
            yield Entity(site, topic, found.titled(), topic, house.filled(found.reading))


def heated(device: Device, key: str, title: str, reading: Reading) -> tuple[str, Reading]:
    """Title and reading as they are on a heating device, or unchanged."""
    if device.part.get("chargerFeatureHeating") is not True or key not in _HEATING:
        return title, reading
    return _HEATING[key], replace(reading, quantity=TEMPERATURE, icon="thermometer")
