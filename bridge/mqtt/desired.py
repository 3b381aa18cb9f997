"""The desired topics: which retained topics there are to be below a prefix, and their payloads.

Everything that reads evcc only changes these, source by source; nothing else decides what is published. A topic that
two sources have belongs to the first one, and to the second when the first has it no longer.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice

from bridge.evcc.reader import Reader
from bridge.mqtt.client import Link
from bridge.mqtt.message import ERASED
from bridge.mqtt.ownership import PUBLISHED, DiscoveryOwnership, Ownership, TreeOwnership
from bridge.mqtt.publisher import Publisher
from bridge.settings import Settings
from bridge.state import by_title
from bridge.state.flatten import Topics
from bridge.state.known import KEYS

_ALWAYS = ("bridge/", "status", "updated")  # topics about the bridge count, but are never left out


class Layer:
    """Topics by source, where the first source of a topic wins.

    Each source has one dictionary as long as it has topics: it is also what stands for the source elsewhere here.
    """

    def __init__(self) -> None:
        self.sources: dict[str, dict[str, bytes]] = {}
        self.contested: dict[str, list[dict[str, bytes]]] = {}
        """The further sources of topics that several have."""
        self._owners: dict[str, dict[str, bytes]] = {}

    def get(self, topic: str) -> bytes | None:
        """The payload of a topic; None where no source has it."""
        owner = self._owners.get(topic)
        return None if owner is None else owner[topic]

    def replace(self, source: str, topics: Mapping[str, bytes]) -> list[str]:
        """Put `topics` in the place of all that `source` had; returns the topics touched."""
        held = self.sources.setdefault(source, {})
        touched = []
        for topic in [topic for topic in held if topic not in topics]:
            del held[topic]
            if self._release(topic, held):
                touched.append(topic)
        for topic, payload in topics.items():
            if held.get(topic) != payload:
                held[topic] = payload
                if self._claim(topic, held):
                    touched.append(topic)
        if not topics:
            del self.sources[source]
        return touched

    def _claim(self, topic: str, source: dict[str, bytes]) -> bool:
        """Whether the source is the first one of the topic."""
        if self._owners.setdefault(topic, source) is source:
            return True
        waiting = self.contested.setdefault(topic, [])
        if not any(other is source for other in waiting):
            waiting.append(source)
        return False

    def _release(self, topic: str, source: dict[str, bytes]) -> bool:
        """Take the topic from a source; whether that was the first one, so that the next one has it now."""
        waiting = self.contested.get(topic, [])
        owned = self._owners[topic] is source
        if not owned:
            waiting[:] = [other for other in waiting if other is not source]
        elif waiting:
            self._owners[topic] = waiting.pop(0)
        else:
            del self._owners[topic]
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
        self._waiting: dict[str, None] = {}
        self.shape = 0
        """Grows whenever a topic comes or goes."""
        self.revision = 0
        """Grows whenever a payload changes."""

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
            touched += self._alias.replace(source, alias or {})
        changed = {topic for topic in touched if self._resolve(topic)}
        while self._waiting and len(self._topics) < self.limit:
            topic = next(iter(self._waiting))
            if self._resolve(topic):
                changed.add(topic)
        return changed

    def _within(self, source: str, own: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """The topics of one source, as far as it may have so many."""
        self._beyond.pop(source, None)
        if len(own) <= self._most_of_one:
            return own
        self._beyond[source] = frozenset(islice(own, self._most_of_one, None))
        return {topic: own[topic] for topic in islice(own, self._most_of_one)}

    def _resolve(self, topic: str) -> bool:
        payload = self._own.get(topic)
        if payload is None:
            payload = self._alias.get(topic) or ERASED
        self._waiting.pop(topic, None)
        if payload == self._topics.get(topic, ERASED):
            return False
        self.revision += 1
        if not payload:
            del self._topics[topic]
            self.shape += 1
        elif topic not in self._topics and len(self._topics) >= self.limit and not topic.startswith(_ALWAYS):
            self._waiting[topic] = None
            return False
        else:
            self.shape += topic not in self._topics
            self._topics[topic] = payload
        return True


class Prefix:
    """The retained topics below `prefix`: the root, or Home Assistant's. Topics are below the prefix here."""

    def __init__(self, prefix: str, desired: Desired, ownership: Ownership, *, qos: int) -> None:
        self._start = f"{prefix}/"
        self.desired = desired
        self.ownership = ownership
        self.publisher = Publisher(prefix, desired.topics, qos=qos)
        self.orphaned = False
        """Whether there may be orphans that cannot be erased yet."""

    def below(self, topic: str) -> str | None:
        """An absolute topic as one below the prefix; None where it is not."""
        return topic.removeprefix(self._start) if topic.startswith(self._start) else None

    def replace(self, sources: Mapping[str, Topics]) -> set[str]:
        """Set the topics of these sources, each whole, and publish what has changed; returns those topics."""
        changed: set[str] = set()
        for source, topics in sources.items():
            changed |= self.desired.replace(source, *topics)
        self.publisher.changed(sorted(changed))
        return changed

    def note_stored(self, topic: str, payload: bytes) -> None:
        """Note a topic that was stored at the broker."""
        if topic in self.desired.topics or self.ownership.is_kept(topic, payload):
            self.orphaned |= self.publisher.note_stored(topic, payload)

    def attach(self, link: Link) -> None:
        """Publish the differences to what has been read."""
        self.publisher.attach(link, self.ownership.erasable)
        self.orphaned = True

    async def settled(self) -> None:
        """Wait until the broker has acknowledged everything that is desired."""
        await self.publisher.settled()

    def sweep(self) -> list[str]:
        """Erase orphans where that is possible by now; returns the held topics that are neither desired nor erased."""
        if not self.orphaned:
            return []
        orphans = self.publisher.orphans
        erasable = [topic for topic in orphans if self.ownership.erasable(topic)]
        self.publisher.changed(erasable)
        kept = sorted(set(orphans).difference(erasable))
        self.orphaned = bool(kept) and not self.ownership.is_final
        return kept


class Tree(Prefix):
    """The topics below the root, with their copies by title where `topics.by_title` is on."""

    def __init__(self, settings: Settings, reader: Reader) -> None:
        root, limit = settings.mqtt.root, settings.topics.limit
        self._made = TreeOwnership(reader)
        # half of it for one source: one key without bounds leaves room for all others
        super().__init__(root, Desired(limit, max(limit // 2, 1)), self._made, qos=settings.mqtt.qos)
        self._reader = reader
        self._titles: object = {} if settings.topics.by_title else None
        self._listed: tuple[int, object] = (0, None)
        self.orphans_waiting = 0
        """Held topics of evcc's state that are kept until what evcc does not have by now is gone."""

    @property
    def topics(self) -> Mapping[str, bytes]:
        """Every desired topic with its payload."""
        return self.desired.topics

    def update(self, sources: Mapping[str, Topics]) -> None:
        """Set the topics of some sources, each whole: what a source had before and has no more is erased."""
        changed = self.replace({**sources, **self._copies(sources)})
        if self._made.remember(topic for topic in changed if topic in self.topics):
            self._made.shorten(self.topics, self.publisher.orphans)
            self.publish_list()

    def set(self, source: str, topics: Mapping[str, bytes]) -> None:
        """Set the topics of one source, whole."""
        self.update({source: Topics(topics, {})})

    def publish_list(self) -> None:
        """Publish the list of topics, before the topics themselves: a later run can erase them."""
        self.replace({PUBLISHED: Topics({PUBLISHED: self._made.payload()}, {})})

    def wait(self, topic_filter: str) -> None:
        """Keep held topics that match an MQTT topic filter until `known`: their source has not been read yet."""
        self._made.wait(topic_filter)

    def known(self, topic_filter: str) -> None:
        """Note that the source of these topics has been read: what is held and not desired is gone."""
        self._made.known(topic_filter)
        self.orphaned = True

    def republish(self, topics: Iterable[str] | None = None) -> None:
        """Publish desired topics again although they are held; all of them by default."""
        self.publisher.republish(self.topics if topics is None else topics)

    def adopt(self, link: Link, published: bytes) -> None:
        """Take what has been read for what is held, and `published` for an earlier run's list of topics."""
        if published != self.topics.get(PUBLISHED) and self._made.learn(published):
            self.publish_list()
        self.attach(link)
        self.sweep()

    def observe(self, topic: str, payload: bytes) -> bool:
        """Note what somebody else has published; True when it was wrong and is corrected, now or soon."""
        erasable = self._made.erasable(topic)
        ours = erasable or self._made.is_ours(topic)
        self.orphaned |= ours and not erasable
        return self.publisher.observe(topic, payload, ours=ours, erasable=erasable)

    def sweep(self) -> list[str]:
        """Erase orphans where that is possible by now; returns the held topics that are neither desired nor erased."""
        state = self._reader.state
        listed = len(state.loadpoints), state.vehicles.keys()
        self.orphaned |= listed != self._listed
        self._listed = listed
        kept = super().sweep()
        self.orphans_waiting = sum(topic.partition("/")[0] in KEYS and self._made.is_ours(topic) for topic in kept)
        return kept

    def _copies(self, sources: Mapping[str, Topics]) -> Mapping[str, Topics]:
        """The copies by title that go along with these sources; all of them when titles have changed."""
        if self._titles is None:
            return {}
        titles = by_title.targets(self._reader.state)
        whole = {} if titles == self._titles else self.desired.sources
        self._titles = titles
        both = {name: Topics(own, {}) for name, own in whole.items()} | dict(sources)
        return {
            f"{by_title.ROOT}/{name}": Topics(by_title.copies(titles, {**topics.alias, **topics.own}), {})
            for name, topics in both.items()
            if not name.startswith(by_title.ROOT)
        }


class Discovery(Prefix):
    """Home Assistant's discovery topics, where others publish too. Topics given to its methods are absolute."""

    def __init__(self, settings: Settings, reader: Reader) -> None:
        prefix = settings.discovery.prefix
        self._made = ownership = DiscoveryOwnership(settings.mqtt.root, reader)
        super().__init__(prefix, Desired(), ownership, qos=settings.mqtt.qos)
        self.filter = f"{prefix}/{ownership.filter}"
        """What every configuration of this root matches."""
        self.birth = f"{prefix}/status"
        """Where Home Assistant publishes `online` when it has started, and reads everything again."""

    @property
    def held(self) -> Iterator[str]:
        """The topics of ours that the broker holds and that are not desired."""
        return (f"{self._start}{topic}" for topic in self.publisher.orphans)

    def set(self, topics: Mapping[str, bytes], kept: Collection[str] = ()) -> None:
        """Set the topics that are to be retained, whole; those of ours that are neither desired nor kept are erased."""
        self._made.known({topic.removeprefix(self._start) for topic in kept})
        self.replace({"discovery": Topics({topic.removeprefix(self._start): topics[topic] for topic in topics}, {})})
        self.orphaned = True
        self.sweep()

    def holds(self, topic: str, payload: bytes) -> bool:
        """Whether the broker is known to hold this payload."""
        return self.publisher.holds(topic.removeprefix(self._start), payload)

    def republish(self, topics: Iterable[str] | None = None) -> None:
        """Publish these topics again although they are held; all of them by default."""
        below = self.desired.topics if topics is None else [topic.removeprefix(self._start) for topic in topics]
        self.publisher.republish(below)
