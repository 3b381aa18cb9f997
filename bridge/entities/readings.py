"""Entities that are only read: every topic of evcc's tree that is no setting, and a few that are not of the state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bridge.entities.entity import LONGEST_TITLE, Device, Entity
from bridge.entities.heating import applies, heated
from bridge.entities.language import ENGLISH, Language
from bridge.settable.permission import Permission
from bridge.settable.setting import filled
from bridge.state.describe import Description, describe, describe_extra, todays_name
from bridge.state.reading import Reading
from bridge.state.state import Scope, State

MOST_UNKNOWN = 200
"""The most entities of a device whose values have no row in the table of readings."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a device's entities are made of: the state, its own topics, and those that are not of the state.

    `topics` has those too that are erased now. `permission` decides what may be set.
    """

    state: State
    topics: Mapping[str, bytes]
    extras: Mapping[str, bytes]
    permission: Permission
    language: Language = ENGLISH

    def title(self, found: Description, name: str = "") -> str:
        """The title of what was found, with `name` in the place of its wildcard where there is one."""
        return self.language.filled(found.reading.title, name or self.language.text(found.name))

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
    beside = snapshot.extras if device.scope is Scope.VEHICLE else {}
    unknown = 0
    for topic in {**snapshot.topics, **{topic: b"" for topic in beside if topic.startswith(prefix)}}:
        key = todays_name(device.scope, topic.removeprefix(prefix))
        found = describe(device.scope, key, snapshot.payload(topic)) if key and applies(device, key) else None
        if found is None or (not found.known and unknown >= MOST_UNKNOWN):
            continue
        unknown += not found.known
        name = _name(snapshot, device, topic)
        title, reading = heated(device, key, snapshot.title(found, name), found.reading)
        yield Entity(device, key, snapshot.language.text(title), topic, snapshot.filled(reading))


def extras(snapshot: Snapshot, site: Device) -> Iterator[Entity]:
    """The entities of topics that are not of the state; they belong to the site."""
    for topic, payload in snapshot.extras.items():
        found = describe_extra(topic, payload)
        if found:
            yield Entity(site, topic, snapshot.title(found), topic, snapshot.filled(found.reading))


def _name(snapshot: Snapshot, device: Device, topic: str) -> str:
    """What evcc calls the component of the device that a topic lies below, such as one of several meters."""
    parent = topic.rpartition("/")[0]
    title = snapshot.payload(f"{parent}/title") if parent != device.target.topic else b""
    return title[:LONGEST_TITLE].decode(errors="replace")
