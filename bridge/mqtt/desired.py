"""The desired topics: which retained topics there are to be, and their payloads.

Everything that reads evcc only changes these, source by source; nothing else decides what is published. A topic that
two sources have belongs to the first one, and to the second when the first has it no longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

ERASED = b""
_ALWAYS = ("bridge/", "status", "updated")  # topics about the bridge count, but are never left out


@dataclass(slots=True)
class Layer:
    """Topics by source, where the first source of a topic wins."""

    sources: dict[str, Mapping[str, bytes]] = field(default_factory=dict)
    topics: dict[str, bytes] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    contested: dict[str, list[str]] = field(default_factory=dict)

    def replace(self, source: str, topics: Mapping[str, bytes]) -> set[str]:
        """Put `topics` in the place of all that `source` had; returns the topics touched."""
        before = self.sources.get(source, {})
        self.sources[source] = topics
        touched = {topic for topic in before if topic not in topics and self._release(topic, source)}
        touched.update(topic for topic, payload in topics.items() if self._claim(topic, payload, source))
        if not topics:
            del self.sources[source]
        return touched

    def _claim(self, topic: str, payload: bytes, source: str) -> bool:
        if self.owners.setdefault(topic, source) != source:
            waiting = self.contested.setdefault(topic, [])
            if source not in waiting:
                waiting.append(source)
            return False
        if self.topics.get(topic) == payload:
            return False
        self.topics[topic] = payload
        return True

    def _release(self, topic: str, source: str) -> bool:
        waiting = self.contested.get(topic, [])
        owned = self.owners.get(topic) == source
        if owned:
            del self.owners[topic], self.topics[topic]
        else:
            waiting.remove(source)
        if owned and waiting:
            heir = waiting.pop(0)
            self._claim(topic, self.sources[heir][topic], heir)
        if not waiting:
            self.contested.pop(topic, None)
        return owned


class Desired:
    """The desired topics: own names first, names of other evcc releases where no source has the name.

    There are at most `limit` topics, and `most_of_one` of one source, so that one key without bounds leaves room for
    all others.
    """

    def __init__(self, limit: int = 20_000, most_of_one: int | None = None) -> None:
        self._own = Layer()
        self._alias = Layer()
        self.limit = limit
        self._most_of_one = limit if most_of_one is None else most_of_one
        self._topics: dict[str, bytes] = {}
        self._contested: dict[str, frozenset[str]] = {}
        self._beyond: dict[str, frozenset[str]] = {}
        self._waiting: set[str] = set()
        self.shape = 0
        """Grows whenever a topic comes or goes."""

    @classmethod
    def of_state(cls, limit: int) -> "Desired":
        """One for evcc's state, of which no key has more than half."""
        return cls(limit, max(limit // 2, 1))

    @property
    def topics(self) -> Mapping[str, bytes]:
        """Every topic that is to be retained, with its payload; erased ones are not in it."""
        return self._topics

    @property
    def sources(self) -> Mapping[str, Mapping[str, bytes]]:
        """The sources that have topics now."""
        return self._own.sources

    @property
    def left_out(self) -> frozenset[str]:
        """Topics beyond the limits."""
        return frozenset(self._waiting).union(*self._beyond.values())

    @property
    def contested(self) -> frozenset[str]:
        """Topics that a second source has too, or that one source has twice."""
        return frozenset(self._own.contested).union(*self._contested.values())

    def get(self, topic: str) -> bytes:
        """The payload that `topic` should have; b"" when it should not be there."""
        return self._topics.get(topic, ERASED)

    def replace(
        self,
        source: str,
        own: Mapping[str, bytes],
        alias: Mapping[str, bytes] | None = None,
        contested: frozenset[str] = frozenset(),
    ) -> set[str]:
        """Put these topics in the place of all that `source` had; returns the topics whose payload changed.

        `contested` are those that it has more than once.
        """
        if contested or source in self._contested:
            self._contested[source] = contested
        touched = self._own.replace(source, self._within(source, own))
        if alias or source in self._alias.sources:
            touched |= self._alias.replace(source, alias or {})
        changed = {topic for topic in touched if self._settle(topic)}
        if self._waiting and len(self._topics) < self.limit:
            changed.update(topic for topic in tuple(self._waiting) if self._settle(topic))
        return changed

    def _within(self, source: str, own: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """What one source may have of what it wants."""
        self._beyond.pop(source, None)
        if len(own) <= self._most_of_one:
            return own
        self._beyond[source] = frozenset(islice(own, self._most_of_one, None))
        return {topic: own[topic] for topic in islice(own, self._most_of_one)}

    def _settle(self, topic: str) -> bool:
        payload = self._own.topics.get(topic)
        if payload is None:
            payload = self._alias.topics.get(topic, ERASED)
        self._waiting.discard(topic)
        if payload == self._topics.get(topic, ERASED):
            return False
        if not payload:
            del self._topics[topic]
            self.shape += 1
        elif topic not in self._topics and len(self._topics) >= self.limit and not topic.startswith(_ALWAYS):
            self._waiting.add(topic)
            return False
        else:
            self.shape += topic not in self._topics
            self._topics[topic] = payload
        return True
