"""What evcc has changed from one release to another, for the names that are published twice and for pinned releases.

Sources: evcc's source of each release up to 0.313, recordings of 0.131, 0.313 and 0.314, and for 0.316 its
documentation only.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from bridge.state.part import ABSENT, Scope
from bridge.state.rules import Modes, Release, Renamed, Rule, Series, Unlisted, Words

CONTRACTS = ("0.131", "0.205", "0.302", "0.313", "0.314", "0.316")
"""The releases that can be pinned."""

_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?")
# what evcc calls itself when it was built without a version
_UNRELEASED = (0, 0, 0)
_LONGEST_VERSION = 30

_GRID = (0, 133, 0), Scope.SITE, "the grid meter's values in one object"
_BATTERY = (0, 301, 0), Scope.SITE, "the batteries' values in one object"
_PRECONDITION = "late charging in the plan strategy"
_SERIES = "time series as lists of numbers"
_MODES = "modes off, smart, now with alwaysCharge"

# fmt: off
RULES: tuple[Rule, ...] = (
    Renamed((0, 131, 0), Scope.LOADPOINT, "phases called phasesConfigured", "phases", "phasesConfigured"),
    Unlisted((0, 131, 9), Scope.VEHICLE, "a vehicle's plan by itself, not in a list", "plans", "plan"),
    Renamed(*_GRID, "gridPower", "grid/power"),
    Renamed(*_GRID, "gridCurrents", "grid/currents"),
    Renamed(*_GRID, "gridPowers", "grid/powers"),
    Renamed(*_GRID, "gridEnergy", "grid/energy"),
    Renamed((0, 203, 0), Scope.LOADPOINT, "chargeCurrent called offeredCurrent", "chargeCurrent", "offeredCurrent"),
    Renamed((0, 300, 0), Scope.VEHICLE, _PRECONDITION, "plan/precondition", "planStrategy/precondition",
            alias=False, within=True),
    Renamed((0, 301, 0), Scope.LOADPOINT, _PRECONDITION, "planPrecondition", "planStrategy/precondition", alias=False),
    # the list first: the other values go into the object that it is put into
    Renamed(*_BATTERY, "battery", "battery/devices"),
    Renamed(*_BATTERY, "batteryPower", "battery/power"),
    Renamed(*_BATTERY, "batterySoc", "battery/soc"),
    Renamed(*_BATTERY, "batteryCapacity", "battery/capacity"),
    Renamed(*_BATTERY, "batteryEnergy", "battery/energy"),
    Series((0, 314, 0), Scope.SITE, _SERIES, "forecast"),
    Series((0, 314, 0), Scope.LOADPOINT, _SERIES, "plan", listed=False),
    Words((0, 316, 0), Scope.SITE, "battery modes holdcharge and discharge", ("batteryMode", "batteryModeExternal"),
          (("holdcharge", "hold"), ("discharge", "normal"))),
    Modes((0, 316, 0), Scope.LOADPOINT, _MODES),
    Modes((0, 316, 0), Scope.VEHICLE, _MODES),
)
"""Every change, the oldest release first."""
# fmt: on


RENAMED: Mapping[Scope, tuple[tuple[str, str], ...]] = {
    scope: tuple(
        (rule.old, rule.new) for rule in RULES if isinstance(rule, Renamed) and rule.alias and rule.scope is scope
    )
    for scope in Scope
}
"""The values that are published by both names, the older one first, by scope."""


def release(version: str) -> Release | None:
    """The release in a version of evcc, such as `0.314.0-dev`; None where it names none."""
    return _release(version[:_LONGEST_VERSION])


@lru_cache(maxsize=8)
def _release(version: str) -> Release | None:
    found = _VERSION.match(version)
    if found is None:
        return None
    major, minor, patch = (int(number or 0) for number in found.groups())
    return None if (major, minor, patch) == _UNRELEASED else (major, minor, patch)


def _aliases() -> dict[Scope, dict[str, list[tuple[list[str], str]]]]:
    """By scope and by the key of the state that a value stands at or below: its levels below it, and its other name."""
    found: dict[Scope, dict[str, list[tuple[list[str], str]]]] = {scope: {} for scope in Scope}
    for scope, pairs in RENAMED.items():
        for one, other in (*pairs, *((new, old) for old, new in pairs)):
            key, *below = one.split("/")
            found[scope].setdefault(key, []).append((below, other))
    return found


_ALIASES = _aliases()


def aliases(scope: Scope, key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The other names, below the target's topic, of a value and of those within it."""
    for below, other in _ALIASES[scope].get(key, ()):
        found = value
        for level in below:
            found = found.get(level, ABSENT) if isinstance(found, Mapping) else ABSENT
        if found is not ABSENT and not isinstance(found, Mapping):
            yield other, found
