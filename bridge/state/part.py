"""The parts of evcc's state: the site, a loadpoint, a vehicle, and what names them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from bridge.state.names import LOADPOINT_DEFAULTS, VEHICLE_DEFAULTS, escape


class _Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Any = _Absent()
"""No value at all, where None is evcc's null."""


class Scope(StrEnum):
    """What a value belongs to; the text is the first level of its topic."""

    SITE = "site"
    LOADPOINT = "loadpoints"
    VEHICLE = "vehicles"


@dataclass(frozen=True, slots=True)
class Target:
    """The site, a loadpoint by its number (`"1"`, …) or a vehicle by the name that evcc has for it.

    A loadpoint or vehicle without a name stands for all of them: their count belongs to it.
    """

    scope: Scope
    name: str = ""

    @property
    def topic(self) -> str:
        """Its topic below the root: `site`, `loadpoints/1`, `vehicles/zoe:old`, `loadpoints`."""
        return f"{self.scope}/{escape(self.name)}" if self.name else self.scope.value


@dataclass(frozen=True, slots=True)
class Part:
    """evcc's values of the site, of one loadpoint or of one vehicle."""

    DEFAULTS: ClassVar[Mapping[str, Any]] = {}

    target: Target
    values: Mapping[str, Any] = field(default_factory=dict)
    """As evcc has them, without defaults."""

    def get(self, key: str, default: Any = None) -> Any:
        """A value, or the one that evcc leaves out of REST, or `default`."""
        value = self.values.get(key, ABSENT)
        return self.DEFAULTS.get(key, default) if value is ABSENT else value

    def __contains__(self, key: str) -> bool:
        return key in self.values or key in self.DEFAULTS

    def text(self, key: str) -> str:
        """A value that is a text; "" for any other."""
        value = self.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> float | None:
        """A value that is a finite number; None for any other."""
        value = self.get(key)
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        return value if numeric and math.isfinite(value) else None

    def flag(self, key: str) -> bool | None:
        """A value that is true or false; None for any other."""
        value = self.get(key)
        return value if isinstance(value, bool) else None

    @property
    def title(self) -> str:
        """The title that the user gave it; "" for none."""
        return self.text("title")


@dataclass(frozen=True, slots=True)
class Loadpoint(Part):
    """A loadpoint, with the limits that evcc leaves out of REST when they are zero."""

    DEFAULTS: ClassVar[Mapping[str, Any]] = LOADPOINT_DEFAULTS

    @property
    def position(self) -> int:
        """Its number, from 1."""
        return int(self.target.name)


@dataclass(frozen=True, slots=True)
class Vehicle(Part):
    """A vehicle, with the values that evcc leaves out of REST when they are zero."""

    DEFAULTS: ClassVar[Mapping[str, Any]] = VEHICLE_DEFAULTS

    @property
    def name(self) -> str:
        """The name that evcc has for it."""
        return self.target.name
