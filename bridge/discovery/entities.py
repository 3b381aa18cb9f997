"""Everything of one evcc that can be shown or set, whatever program shows it."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.commands.permission import FREE, Permission
from bridge.discovery.devices import Device, devices
from bridge.discovery.entity import Entity, House
from bridge.discovery.meanings import order
from bridge.discovery.readable import besides, readable
from bridge.discovery.settable import settable
from bridge.state import units
from bridge.state.names import Selection

_SESSIONS = tuple(
    f"sessions/{period}/{key}" for period in ("month", "year", "total") for key in ("energy", "cost", "solar", "count")
)
# topics beside the state that a bridge usually has
BESIDE: Mapping[str, bytes] = dict.fromkeys(
    ("bridge/evcc", "bridge/problem", "updated", "site/telemetry", "sessions", *_SESSIONS), b""
)

EVERYTHING = Selection()


def entities(
    state: Mapping[str, Any],
    selection: Selection = EVERYTHING,
    others: Mapping[str, bytes] = BESIDE,
    permission: Permission = FREE,
) -> list[Entity]:
    """Every entity of a state, device by device, the more important ones first.

    `others` are the topics beside the state that are published, with payloads where these are known.
    What may not be set is a reading.
    """
    house = House(state, tree(state, selection), others, permission)
    site, *rest = devices(state)
    return [*_of_device(house, site), *besides(house, site), *(one for each in rest for one in _of_device(house, each))]


def tree(state: Mapping[str, Any], selection: Selection) -> dict[str, bytes]:
    """Every topic of a state under its own name, also those that are erased now."""
    topics: dict[str, bytes] = {}
    for unit, value in units.units(state):
        for topic, payload in units.topics(unit, value, selection, aliases=False).own.items():
            topics.setdefault(topic, payload)
    return topics


def _of_device(house: House, device: Device) -> Iterator[Entity]:
    """Its entities in the catalogue's order. Each id once: a setting has it rather than a reading."""
    seen: set[str] = set()
    set_here = list(settable(house, device))
    taken = {entity.topic for entity in set_here}
    topics = (topic for topic in house.tree if topic.startswith(f"{device.prefix}/") and topic not in taken)
    found = [*set_here, *filter(None, (readable(house, device, topic) for topic in topics))]
    for entity in sorted(found, key=lambda entity: order(device.scope, entity.key.removesuffix("/clear"))):
        if entity.id not in seen:
            seen.add(entity.id)
            yield entity
