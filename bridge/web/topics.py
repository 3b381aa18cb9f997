"""The topics of one site as the page shows them: value, unit, when it changed, how it is set, which name it repeats."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.site import Site
from bridge.state import by_title
from bridge.state.describe import describe_topic, todays_name, unit
from bridge.state.state import Scope, State

COMMANDS = "bridge/commands"
"""The topic with the list of settings."""
_LONGEST_VALUE = 2**18  # bytes of a value; there are never that many but in an attack
_SCOPES = frozenset(scope.value for scope in Scope)


@dataclass(slots=True)
class _Row:
    payload: bytes
    changed: float


class TopicTable:
    """The desired topics of a site and when each of them changed, as far as `refresh` has seen it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.root = site.settings.mqtt.root
        self._rows: dict[str, _Row] = {}
        self._described: dict[str, dict[str, Any]] = {}
        self._set_topics: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        self._shape: object = None
        self._seen = -1
        self.revision = 0
        """Grows whenever a row changes."""

    def __len__(self) -> int:
        return len(self._rows)

    def refresh(self) -> dict[str, Any]:
        """Take over what the mirror has now; the rows that changed, by absolute topic, None where one is gone."""
        if self._seen == (seen := self._site.mirror.tree.desired.revision):
            return {}
        self._seen = seen
        topics, now = self._site.mirror.tree.topics, time.time()
        known = self._rows
        changed = [
            topic for topic, payload in topics.items() if (row := known.get(topic)) is None or row.payload != payload
        ]
        gone = [] if len(known) + sum(topic not in known for topic in changed) == len(topics) else known.keys() - topics
        if not changed and not gone:
            return {}
        self.revision += 1
        for topic in gone:
            del known[topic]
        for topic in changed:
            known[topic] = _Row(topics[topic], now)
        touched = {*changed, *self._relate(changed)} & known.keys()
        return self._absolute({**{topic: self._shown(topic) for topic in touched}, **dict.fromkeys(gone)})

    def rows(self, prefix: str = "") -> dict[str, Any]:
        """Every row, by absolute topic; only those whose topic below the root begins with `prefix`."""
        return self._absolute({topic: self._shown(topic) for topic in self._rows if topic.startswith(prefix)})

    def values(self) -> Iterator[tuple[Scope, str, str, bytes]]:
        """Each value of evcc's state: scope, target, topic below that by today's name, payload; some come twice."""
        for topic, row in self._rows.items():
            scope, _, rest = topic.partition("/")
            if scope in _SCOPES:
                target, _, key = ("", "", rest) if scope == Scope.SITE else rest.partition("/")
                yield Scope(scope), target, todays_name(Scope(scope), key), row.payload

    def value(self, topic: str) -> str:
        """The payload of a topic below the root; empty where there is none."""
        row = self._rows.get(topic)
        return row.payload.decode(errors="replace") if row else ""

    def _absolute(self, rows: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{self.root}/{topic}": row for topic, row in rows.items()}

    def _shown(self, topic: str) -> dict[str, Any]:
        row = self._rows[topic]
        set_topic, alias = self._set_topics.get(topic), self._aliases.get(topic)
        return {
            "value": row.payload[:_LONGEST_VALUE].decode(errors="replace"),
            **(self._described.get(topic) or self._describe(topic, row.payload)),
            "changed": round(row.changed, 3),
            "set": set_topic and f"{self.root}/{set_topic}",
            "alias_of": alias and f"{self.root}/{alias}",
        }

    def _relate(self, changed: list[str]) -> Iterable[str]:
        """Find out which topics can be set and which are names of others; the topics for which that changed."""
        before = self._set_topics, self._aliases
        if COMMANDS in changed:
            self._set_topics = _set_topics(self._rows[COMMANDS].payload)
            self._described = {}  # its units change with the house's currency
        shape = self._site.mirror.tree.desired.shape, by_title.targets(self._site.reader.state)
        if shape != self._shape:
            self._shape = shape
            self._aliases = _aliases(self._rows, self._site.reader.state)
        return {
            topic
            for old, new in zip(before, (self._set_topics, self._aliases), strict=True)
            if old is not new
            for topic in {*old, *new}
            if old.get(topic) != new.get(topic)
        }

    def _describe(self, topic: str, payload: bytes) -> dict[str, Any]:
        """Unit, title, meaning and nature of a value; kept, as looking for it takes time."""
        found = describe_topic(topic, payload)
        described = {
            "unit": unit(found, self._site.reader.state.currency),
            "title": found.title() if found else "",
            "kind": found.reading.quantity.nature.value if found else "",
            "meaning": found.reading.meaning if found else "",
        }
        self._described[topic] = described
        return described


def _set_topics(commands: bytes) -> dict[str, str]:
    """The set-topic of each topic that shows a setting's value, from the payload of `bridge/commands`."""
    try:
        entries = orjson.loads(commands)
    except orjson.JSONDecodeError:
        return {}
    return {entry["state"]: entry["topic"] for entry in entries if "state" in entry}


def _aliases(topics: Iterable[str], state: State) -> dict[str, str]:
    """The topics that repeat another one, with its name: of other evcc releases, and below `by-title/`."""
    titles = by_title.targets(state)
    found = {}
    for topic in topics:
        scope, _, rest = topic.partition("/")
        name, _, key = rest.partition("/")
        if scope == by_title.ROOT and name in titles:
            found[topic] = f"{titles[name].topic}/{key}"
        elif scope in _SCOPES:
            found.update(_renamed(topic, state))
    return {topic: other for topic, other in found.items() if other in topics}


def _renamed(topic: str, state: State) -> dict[str, str]:
    """For a topic with the name of an older release: which of both names repeats the other, by what evcc has."""
    scope, _, rest = topic.partition("/")
    name, _, key = ("", "", rest) if scope == Scope.SITE else rest.partition("/")
    today = todays_name(Scope(scope), key)
    if today == key or not key:
        return {}
    start = f"{scope}/{name}/" if name else f"{scope}/"
    other = f"{start}{today}"
    part = next((part for part in state.targets() if f"{part.target.topic}/" == start), state.site)
    return {other: topic} if _has(part.values, key) and not _has(part.values, today) else {topic: other}


def _has(values: Mapping[str, Any], key: str) -> bool:
    first, _, rest = key.partition("/")
    below = values.get(first)
    return first in values and (not rest or not isinstance(below, Mapping) or _has(below, rest))
