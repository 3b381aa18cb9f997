"""Entities that are only read: every topic of evcc's tree that is no setting, and a few that are not of the state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bridge.entities.entity import LONGEST_TITLE, Device, Entity
from bridge.settable.permission import Permission
from bridge.settable.setting import filled
from bridge.state.describe import describe, describe_extra, todays_name
from bridge.state.reading import TEMPERATURE, Reading
from bridge.state.state import State

MOST_UNKNOWN = 200
"""The most entities of a device whose values have no row in the table of readings."""

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a device's entities are made of: the state, its own topics, and those that are not of the state.

    `topics` has those too that are erased now. `permission` decides what may be set.
    """

    state: State
    topics: Mapping[str, bytes]
    extras: Mapping[str, bytes]
    permission: Permission

    def payload(self, topic: str) -> bytes:
        """The payload of a topic, b"" where it has none."""
        return self.topics.get(topic) or self.extras.get(topic, b"")

    def has(self, topic: str) -> bool:
        """Whether the topic exists, with or without a value."""
        return topic in self.topics or topic in self.extras

    def filled(self, reading: Reading) -> Reading:
        """A reading with the units of this state: currency, and cost by price or by CO2."""
        unit = filled(reading.quantity.unit, self.state)
        if unit == reading.quantity.unit:
            return reading
        return replace(reading, quantity=replace(reading.quantity, unit=unit))


def readings(snapshot: Snapshot, device: Device) -> Iterator[Entity]:
    """The entities of all topics of a device, as far as they are readings."""
    prefix = f"{device.target.topic}/"
    unknown = 0
    for topic in snapshot.topics:
        key = todays_name(device.scope, topic.removeprefix(prefix))
        found = describe(device.scope, key, snapshot.payload(topic)) if key else None
        if found is None or (not found.known and unknown >= MOST_UNKNOWN):
            continue
        unknown += not found.known
        title, reading = heated(device, key, found.title(_name(snapshot, device, topic)), found.reading)
        yield Entity(device, key, title, topic, snapshot.filled(reading))


def extras(snapshot: Snapshot, site: Device) -> Iterator[Entity]:
    """The entities of topics that are not of the state; they belong to the site."""
    for topic, payload in snapshot.extras.items():
        found = describe_extra(topic, payload)
        if found:
            yield Entity(site, topic, found.title(), topic, snapshot.filled(found.reading))


def heated(device: Device, key: str, title: str, reading: Reading) -> tuple[str, Reading]:
    """Title and reading as they are on a heating device, or unchanged."""
    if device.part.flag("chargerFeatureHeating") is not True or key not in _HEATING:
        return title, reading
    return _HEATING[key], replace(reading, quantity=TEMPERATURE, icon="thermometer")


def _name(snapshot: Snapshot, device: Device, topic: str) -> str:
    """What evcc calls the component of the device that a topic lies below, such as one of several meters."""
    parent = topic.rpartition("/")[0]
    title = snapshot.payload(f"{parent}/title") if parent != device.target.topic else b""
    return title[:LONGEST_TITLE].decode(errors="replace")
