"""One entity, and the house that entities are made from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bridge.commands.permission import Permission
from bridge.commands.units import filled
from bridge.discovery.controls import Control
from bridge.discovery.devices import Device
from bridge.state.reading import Quantity, Reading

_NO_LETTER = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Entity:
    """One value, setting or button of a device.

    `key` is its name within its device, stable over evcc's renames. `topic` is where the value stands, below the
    root; "" where it stands nowhere. The unit is filled in.
    """

    device: Device
    key: str
    title: str
    topic: str
    reading: Reading
    control: Control | None = None

    @property
    def id(self) -> str:
        """The key in small letters, digits and underscores."""
        return plain(self.key).lower()

    @property
    def quantity(self) -> Quantity:
        """What it measures."""
        return self.reading.quantity


@dataclass(frozen=True, slots=True)
class House:
    """A state, its topics under their own names (also those that are erased now), topics beside the state.

    `permission` says what may be set.
    """

    state: Mapping[str, Any]
    tree: Mapping[str, bytes]
    others: Mapping[str, bytes]
    permission: Permission

    def payload(self, topic: str) -> bytes:
        """The payload of a topic, b"" where it has none."""
        return self.tree.get(topic) or self.others.get(topic, b"")

    def has(self, topic: str) -> bool:
        """Whether the topic exists, with or without a value."""
        return topic in self.tree or topic in self.others

    def filled(self, reading: Reading) -> Reading:
        """A reading with the units of this house."""
        return replace(reading, quantity=replace(reading.quantity, unit=filled(reading.quantity.unit, self.state)))


def plain(key: str) -> str:
    """A key with underscores for whatever is no ASCII letter or digit."""
    return _NO_LETTER.sub("_", key)
