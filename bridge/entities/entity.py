"""Devices, their entities, and the controls of those that can be set."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.entities.language import ENGLISH, Language
from bridge.state.reading import Quantity, Reading
from bridge.state.state import Part, Scope, State, Target
from bridge.util.slug import slug

VALUE = "%s"
"""The placeholder for the value in a control's payload."""
LONGEST_TITLE = 250  # characters; every entity's configuration contains a title

_NO_LETTER = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two; `checked`: the bridge takes no others."""

    low: float
    high: float
    step: float
    checked: bool

    def has(self, value: Any) -> bool:
        """Whether a value of the state is in it; what is no number is no value yet."""
        return isinstance(value, bool) or not isinstance(value, int | float) or self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Options:
    """One of a few values, each with its label; `named`: the labels are names, and better known than the values."""

    labels: Mapping[str, str]
    named: bool = False

    def has(self, value: Any) -> bool:
        """Whether a value of the state is one of them, or none at all."""
        return value in (None, "") or type(value) not in {str, int} or str(value) in self.labels


@dataclass(frozen=True, slots=True)
class Toggle:
    """`true` or `false`."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button; what it sends does not change."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment to come."""


Widget = Range | Options | Toggle | Press | Clock


@dataclass(frozen=True, slots=True)
class Control:
    """A widget, the set-topic below the root that it publishes to, and the payload with `%s` for its value."""

    topic: str
    widget: Widget
    payload: str = VALUE


@dataclass(frozen=True, slots=True)
class Device:
    """The site, a loadpoint or a vehicle; `id` is stable and unlike any other's."""

    target: Target
    title: str
    id: str
    part: Part = field(repr=False, hash=False, compare=False)

    @property
    def scope(self) -> Scope:
        """What kind of device it is."""
        return self.target.scope


@dataclass(frozen=True, slots=True)
class Entity:
    """One value, setting or button of a device.

    `key` is its name within its device, stable over evcc's renames. `topic` has its value, below the root; "" where
    no topic has it. The unit is filled in.
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
        return identifier(self.key).lower()

    @property
    def quantity(self) -> Quantity:
        """What it measures."""
        return self.reading.quantity


def devices(state: State, language: Language = ENGLISH) -> Iterator[Device]:
    """The site first, then loadpoints and vehicles in evcc's order."""
    yield Device(state.site.target, _title(state.site.text("siteTitle"), "evcc"), "site", state.site)
    for loadpoint in state.loadpoints:
        number = loadpoint.target.name
        yield Device(
            loadpoint.target,
            _title(loadpoint.title, language.filled("Loadpoint {}", number)),
            f"loadpoint_{number}",
            loadpoint,
        )
    for name, vehicle in state.vehicles.items():
        if name:
            yield Device(vehicle.target, _title(vehicle.title, name), f"vehicle_{slug(name)}", vehicle)


def identifier(key: str) -> str:
    """A key with underscores for whatever is no ASCII letter or digit."""
    return _NO_LETTER.sub("_", key)


def _title(title: str, instead: str) -> str:
    return title[:LONGEST_TITLE].strip() or instead
