"""`bridge/changes`: what a new release of evcc changed for clients, in names and types of topics and in settings."""

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
import structlog

from bridge.evcc.reader import Reader, Update
from bridge.mqtt.mirror import Mirror
from bridge.settable.lookup import ANYWHERE
from bridge.settable.offered import settings_of
from bridge.settings import Settings
from bridge.state.flatten import Layout
from bridge.state.state import State
from bridge.state.values import text

CHANGES = "bridge/changes"
SHAPE = "bridge/shape"
"""What the next run compares with; it stays at the broker."""

_INFO = "bridge/info"
_MOST_TOPICS = 3000
_MOST_NAMED = 8
_NAMED = re.compile(r"(loadpoints|vehicles)/[^/]+")
_ANY = {"loadpoints": "loadpoints/<n>", "vehicles": "vehicles/<name>"}
_INDEX = re.compile(r"/[0-9]+(?=/|\Z)")
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Shape:
    """The topics of one release of evcc with the types of their payloads, and its settings; without values.

    A loadpoint, a vehicle and an item of a list stand for all of them. The type is "" where a topic has had no value.
    """

    version: str
    topics: Mapping[str, str] = field(default_factory=dict)
    settings: frozenset[str] = frozenset()

    @classmethod
    def of(cls, state: State, layout: Layout) -> "Shape":
        """The shape of a state."""
        topics: dict[str, str] = {}
        for found in layout.everything(state).values():
            for topic, payload in (*found.alias.items(), *found.own.items()):
                name = _general(topic)
                topics[name] = kind_of(payload) or topics.get(name, "")
        settings = {f"{ANYWHERE[found.target.scope]}/{found.setting.leaf}/set" for found in _settings(state)}
        return cls(state.version, topics, frozenset(settings))

    @classmethod
    def read(cls, payload: bytes) -> "Shape | None":
        """The shape that an earlier run has left; None where there is none."""
        try:
            value = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return None
        match value:
            case {"version": str(version), "topics": dict(topics), "settings": list(settings)}:
                texts = {name: kind for name, kind in topics.items() if isinstance(kind, str)}
                return cls(version, texts, frozenset(one for one in settings if isinstance(one, str)))
        return None

    def written(self) -> bytes:
        """The shape as JSON."""
        topics = dict(sorted(self.topics.items())[:_MOST_TOPICS])
        return text({"version": self.version, "topics": topics, "settings": sorted(self.settings)})


def differences(old: Shape, new: Shape) -> dict[str, Any]:
    """What differs, as in `bridge/changes`; a topic without a value on one side has no type that could differ."""
    both = old.topics.keys() & new.topics.keys()
    kinds = {name: (old.topics[name], new.topics[name]) for name in sorted(both)}
    return {
        "gone": sorted(old.topics.keys() - new.topics.keys()),
        "new": sorted(new.topics.keys() - old.topics.keys()),
        "retyped": {
            name: {"from": before, "to": after}
            for name, (before, after) in kinds.items()
            if before and after and before != after
        },
        "settings_gone": sorted(old.settings - new.settings),
        "settings_new": sorted(new.settings - old.settings),
    }


def kind_of(payload: bytes) -> str:
    """The type of a payload: number, boolean, text, `list of objects`, `list of lists`, json; "" for no value."""
    if payload in {b"", b"null", b"[]"}:
        return ""
    if payload in {b"true", b"false"}:
        return "boolean"
    if _NUMBER.fullmatch(payload):
        return "number"
    beginnings = {b"[{": "list of objects", b"[[": "list of lists"}
    return beginnings.get(payload[:2]) or ("json" if payload[:1] in {b"{", b"["} else "text")


def _general(topic: str) -> str:
    found = _NAMED.match(topic)
    start = found.end() if found else 0
    return (_ANY[found[1]] if found else "") + _INDEX.sub("/<i>", topic[start:])


def _settings(state: State) -> Any:
    return (found for part in state.targets() for found in settings_of(part, state))


class ReleaseChanges:
    """Compares what evcc has with what its earlier release had, also where that ran during an earlier run."""

    def __init__(self, reader: Reader, mirror: Mirror, settings: Settings) -> None:
        self._reader = reader
        self._mirror = mirror
        self._layout = Layout.of(settings)
        self._state = State()  # the last one that was whole
        self._before = State()  # the last one of the earlier release
        self._changed = asyncio.Event()
        self._log = structlog.get_logger()

    def update(self, update: Update) -> None:
        """Take a change of evcc's state: of one that starts, what is missing is only not there yet."""
        if not update.complete or not self._reader.settled or not update.state.version:
            return
        if update.state.version != self._state.version:
            self._before = self._state
            self._changed.set()
        self._state = update.state

    async def run(self) -> None:
        """Compare whenever evcc is another release."""
        before = Shape.read(await self._mirror.stored(SHAPE)) or _version_alone(await self._mirror.stored(_INFO))
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._before:
                before = Shape.of(self._before, self._layout)
            after = Shape.of(self._state, self._layout)
            if before is not None and before.version != after.version:
                self._publish(before, after)
            self._mirror.tree.set(SHAPE, {SHAPE: after.written()})
            before = after

    def _publish(self, before: Shape, after: Shape) -> None:
        found = differences(before, after) if before.topics else {}
        value = {"from": before.version, "to": after.version, "time": int(time.time()), **found}
        self._mirror.tree.set(CHANGES, {CHANGES: text(value)})
        names = {key: _brief(value) for key, value in found.items() if value}
        self._log.info("evcc has changed its version", before=before.version, after=after.version, **names)


def _brief(names: Collection[str]) -> str:
    """Some of many topics, for a line of the log."""
    more = len(names) - _MOST_NAMED
    return ", ".join(islice(names, _MOST_NAMED)) + (f" and {more} more" if more > 0 else "")


def _version_alone(payload: bytes) -> Shape | None:
    """The version of evcc in `bridge/info`, as bridges left it that did not keep the shape."""
    try:
        info = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    version = info.get("evcc") if isinstance(info, dict) else None
    return Shape(version) if isinstance(version, str) and version else None
