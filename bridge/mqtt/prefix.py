"""One mirrored prefix: desired topics, what the broker holds of them, and which of the held ones are ours."""

from collections.abc import Iterable, Mapping

from bridge.mqtt.desired import Desired
from bridge.mqtt.link import Link
from bridge.mqtt.ownership import DiscoveryOwnership, Ownership
from bridge.mqtt.protocol import Acknowledged
from bridge.mqtt.publisher import Publisher
from bridge.state.flatten import Topics


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

    def begin(self) -> None:
        """Begin to read what the broker holds."""
        self.publisher.begin()

    def note_stored(self, topic: str, payload: bytes) -> None:
        """Note a topic that was stored at the broker."""
        if topic in self.desired.topics or self.ownership.is_kept(topic, payload):
            self.orphaned |= self.publisher.note_stored(topic, payload)

    def attach(self, link: Link) -> None:
        """Publish the differences to what has been read."""
        self.publisher.attach(link, self.ownership.erasable)
        self.orphaned = True

    def acknowledged(self, acknowledgement: Acknowledged) -> bool:
        """Take an acknowledgement; whether it is of a message of this prefix."""
        return self.publisher.acknowledged(acknowledgement)

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


class Discovery(Prefix):
    """Home Assistant's discovery topics, where others publish too. Topics given to its methods are absolute."""

    def __init__(self, prefix: str, ownership: DiscoveryOwnership, *, qos: int) -> None:
        super().__init__(prefix, Desired(), ownership, qos=qos)
        self._made = ownership
        self.filter = f"{prefix}/{ownership.filter}"
        """What every configuration of this root matches."""
        self.birth = f"{prefix}/status"
        """Where Home Assistant publishes `online` when it has started, and wants everything again."""

    def set(self, topics: Mapping[str, bytes]) -> None:
        """Set the topics that are to be retained, whole; those of ours that are not among them are erased."""
        self._made.known()
        self.replace({"discovery": Topics({topic.removeprefix(self._start): topics[topic] for topic in topics}, {})})
        self.orphaned = True
        self.sweep()

    def holds(self, topic: str, payload: bytes) -> bool:
        """Whether the broker is known to hold this payload."""
        return self.publisher.holds(topic.removeprefix(self._start), payload)

    async def settled(self) -> None:
        """Wait until the broker has acknowledged everything."""
        await self.publisher.settled()

    def republish(self, topics: Iterable[str] | None = None) -> None:
        """Publish these topics again although they are held; all of them by default."""
        below = self.desired.topics if topics is None else [topic.removeprefix(self._start) for topic in topics]
        self.publisher.republish(below)
