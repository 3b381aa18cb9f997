"""What evcc has renamed from one release to another: both names are published, whichever it has."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.state.part import ABSENT, Scope

# (name of the old era, name of today), below `site` and below a loadpoint
SITE_ALIASES = (
    ("gridPower", "grid/power"),
    ("gridCurrents", "grid/currents"),
    ("gridPowers", "grid/powers"),
    ("gridEnergy", "grid/energy"),
    ("batteryPower", "battery/power"),
    ("batterySoc", "battery/soc"),
    ("batteryCapacity", "battery/capacity"),
    ("batteryEnergy", "battery/energy"),
    ("battery", "battery/devices"),
)
LOADPOINT_ALIASES = (("chargeCurrent", "offeredCurrent"), ("phases", "phasesConfigured"))

_PAIRS = {Scope.SITE: SITE_ALIASES, Scope.LOADPOINT: LOADPOINT_ALIASES, Scope.VEHICLE: ()}


def _rows(pairs: tuple[tuple[str, str], ...]) -> dict[str, list[tuple[list[str], str]]]:
    """By the key of the state that a value stands at or below: the levels below it, and the value's other name."""
    found: dict[str, list[tuple[list[str], str]]] = {}
    for one, other in (*pairs, *((new, old) for old, new in pairs)):
        key, *below = one.split("/")
        found.setdefault(key, []).append((below, other))
    return found


_BY_KEY = {scope: _rows(pairs) for scope, pairs in _PAIRS.items()}


def aliases(scope: Scope, key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The other names, below the target's topic, of a value and of those within it."""
    for below, other in _BY_KEY[scope].get(key, ()):
        found = value
        for level in below:
            found = found.get(level, ABSENT) if isinstance(found, Mapping) else ABSENT
        if found is not ABSENT and not isinstance(found, Mapping):
            yield other, found
