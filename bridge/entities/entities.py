"""Everything of one evcc that can be shown or set, whatever program shows it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, count

from bridge.entities.controls import controls
from bridge.entities.entity import Device, Entity, devices
from bridge.entities.language import ENGLISH, Language
from bridge.entities.readings import Snapshot, extras, readings
from bridge.settable.permission import FREE, Permission
from bridge.state.describe import position
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.state.state import State

_SESSIONS = tuple(
    f"sessions/{period}/{key}" for period in ("month", "year", "total") for key in ("energy", "cost", "solar", "count")
)
USUAL_EXTRAS: Mapping[str, bytes] = dict.fromkeys(
    ("bridge/evcc", "bridge/problem", "bridge/journal", "updated", "site/telemetry", "sessions", *_SESSIONS), b""
)
"""Topics that are not of the state and that a bridge usually has."""
EVERYTHING = Selection()


def entities(
    state: State,
    selection: Selection = EVERYTHING,
    extra_topics: Mapping[str, bytes] = USUAL_EXTRAS,
    permission: Permission = FREE,
    language: Language = ENGLISH,
) -> list[Entity]:
    """Every entity of a state, device by device, the more important ones first.

    `extra_topics` are the published topics that are not of the state, with payloads where these are known.
    What may not be set is a reading. Titles and labels are in `language`, ids are the same in all languages.
    """
    snapshot = Snapshot(state, tree(state, selection), extra_topics, permission, language)
    site, *others = devices(state, language)
    found = (
        *_of_device(snapshot, site),
        *extras(snapshot, site),
        *(entity for device in others for entity in _of_device(snapshot, device)),
    )
    return [*_with_titles_of_their_own(found)]


def tree(state: State, selection: Selection) -> dict[str, bytes]:
    """Every topic of a state under its own name, also those that are erased now."""
    topics: dict[str, bytes] = {}
    for found in Layout(selection, aliases=False).everything(state).values():
        for topic, payload in found.own.items():
            topics.setdefault(topic, payload)
    return topics


def _of_device(snapshot: Snapshot, device: Device) -> Iterator[Entity]:
    """Its entities by their rows. Each id and each topic once: of a control rather than of a reading."""
    settings = list(controls(snapshot, device))
    taken = {entity.topic for entity in settings}
    found = [*settings, *(entity for entity in readings(snapshot, device) if entity.topic not in taken)]
    seen: set[str] = set()
    for entity in sorted(found, key=lambda entity: position(device.scope, entity.key.removesuffix("/clear"))):
        if entity.id not in seen:
            seen.add(entity.id)
            yield entity


def _with_titles_of_their_own(entities: Iterable[Entity]) -> Iterator[Entity]:
    """The entities, those of a device numbered that would have the title of another one."""
    taken: set[tuple[Device, str]] = set()
    for entity in entities:
        titles = chain([entity.title], (f"{entity.title} ({number})" for number in count(2)))
        title = next(title for title in titles if (entity.device, title.lower()) not in taken)
        taken.add((entity.device, title.lower()))
        yield entity if title == entity.title else replace(entity, title=title)
