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
from bridge.state.state import Change, Scope, State, Target, changes

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
    return [*chain.from_iterable(by_device(state, selection, extra_topics, permission, language))]


def by_device(
    state: State, selection: Selection, extra_topics: Mapping[str, bytes], permission: Permission, language: Language
) -> Iterator[list[Entity]]:
    """The same, one device after another: a house may have hundreds."""
    layout, values = Layout(selection, aliases=False), _values(state)
    for device in devices(state, language):
        topics: dict[str, bytes] = {}
        for change in values.get(device.target, ()):
            for topic, payload in layout.topics(change).own.items():
                topics.setdefault(topic, payload)
        snapshot = Snapshot(state, topics, extra_topics, permission, language)
        others = extras(snapshot, device) if device.scope is Scope.SITE else ()
        yield [*_with_titles_of_their_own((*_of_device(snapshot, device), *others))]


def _values(state: State) -> dict[Target, list[Change]]:
    found: dict[Target, list[Change]] = {}
    for change in changes(State(), state):
        found.setdefault(change.target, []).append(change)
    return found


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
