"""What a restarting evcc shows: refused, 404, and then one more loadpoint with every control cycle."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

from evcc_simulator.house import House, Path


class Stage(Enum):
    """How far evcc has come."""

    REFUSED = "refused"
    """Nobody listens."""
    SILENT = "silent"
    """It answers every request with 404; the older era skips this."""
    HALF = "half"
    """The first cycle is under way; seen in the newer era only."""
    GROWING = "growing"
    """Some loadpoints have not had their first cycle."""
    COMPLETE = "complete"


def forget(house: House) -> None:
    """Hide what a just started evcc has not published; what was null only because somebody cleared it is gone."""
    startup = house.era.seed["startup"]
    for key in startup["unset"]:
        if house.state.get(key) in (None, "unknown"):
            house.state.pop(key, None)
    for index, loadpoint in enumerate(house.loadpoints):
        for key in startup["loadpoint_unset"]:
            if loadpoint.get(key) is None:
                loadpoint.pop(key, None)
        house.hidden |= _hidden(index, loadpoint, startup["loadpoint"])
    house.hidden |= {(key,) for key in startup["site"] if key in house.state}
    house.touch()


def _hidden(index: int, loadpoint: dict[str, Any], keys: Iterable[str]) -> set[Path]:
    """What a loadpoint shows only after its first cycle. Its plan's strategy shows at once if it has a plan."""
    planned = {"effectivePlanStrategy"} if loadpoint.get("planTime") else set()
    return {("loadpoints", index, key) for key in keys if key in loadpoint and key not in planned}


def half(house: House) -> None:
    """Show the first loadpoint's values that its cycle publishes early."""
    startup = house.era.seed["startup"]
    early = set(startup["loadpoint"]) - set(startup["late"])
    house.hidden -= {("loadpoints", 0, key) for key in early}
    house.touch()


def complete(house: House) -> bool:
    return not house.hidden
