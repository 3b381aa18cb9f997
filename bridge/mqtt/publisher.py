"""Publishes the difference between desired and held topics.

Whatever makes the two differ (a change of evcc, a reconnect, a lost store, somebody else's publish) makes a topic
dirty, and dirty topics are published through a window of messages in flight, only the newest payload of each. Of what
the broker holds only hashes are kept.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bridge.mqtt.adapter import SESSION_TAKEN_OVER
from bridge.mqtt.client import Link
from bridge.mqtt.message import ERASED, Acknowledged, Message

WINDOW = 20
"""Messages in flight at most."""
ABOUT_BRIDGE = "bridge/"
_MOST_HELD = 50_000  # topics; those beyond that are not desired may be anybody's, and are not remembered
_PACKET_TOO_LARGE = 0x95
_SMALLEST = 256  # bytes: no broker has a lower limit, and connections also end for other reasons
_LOSSES = 2  # a connection may also end by chance
_AFTER_REFUSAL = 1.0  # seconds in which the broker disconnects after its refusal
_LEARNT_FOR = 86_400.0  # seconds; to try again means to be disconnected again
_AT_ONCE = 3  # corrections of one topic
_MOST_CORRECTED = 1000  # topics that are not desired
_LONGEST_PAUSE = 600.0  # seconds
_FORGOTTEN_AFTER = 3600.0  # seconds without a further foreign write


@dataclass(slots=True)
class Outcome:
    """What became of messages: counters, and the topics that could not be published."""

    published: int = 0
    corrected: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    too_large: set[str] = field(default_factory=set)


class Publisher:
    """Brings what the broker holds below `prefix` to `desired`, payloads by topics below it.

    While paused it publishes only topics about the bridge itself, while silent nothing.
    """

    def __init__(self, prefix: str, desired: Mapping[str, bytes], *, qos: int) -> None:
        self._prefix = prefix
        self._desired = desired
        self._qos = qos
        self._link: Link | None = None
        self._held: dict[str, int] = {}
        self._dirty: dict[str, None] = {}
        self._in_flight: dict[str, bytes] = {}
        self._tokens: dict[int, str] = {}
        self._doubted: set[str] = set()
        self._corrections = Corrections()
        self._sizes = Sizes()
        self._settled = asyncio.Event()
        self._sent: dict[str, float] = {}
        self._attached = math.inf
        self._paused = False
        self._silent = False
        self.outcome = Outcome()

    @property
    def orphans(self) -> list[str]:
        """Held topics that are not desired."""
        return [topic for topic in self._held if topic not in self._desired]

    def holds(self, topic: str, payload: bytes) -> bool:
        """Whether the broker is known to hold this payload."""
        return self._held.get(topic) == hash(payload) if payload else topic not in self._held

    @property
    def holds_everything(self) -> bool:
        """Whether the broker is known to hold all that is desired; False until something is."""
        return math.isfinite(self._attached) and not any(map(self._differs, self._desired))

    async def settled(self) -> None:
        """Wait until the broker has acknowledged all that it should hold."""
        await self._settled.wait()

    async def idle(self) -> None:
        """The same, or return at once while there is no connection that is attached."""
        if self._link is not None:
            await self._settled.wait()

    def sent_within(self, topic: str, seconds: float) -> bool:
        """Whether this topic was published so lately that a copy of it may still be under way."""
        return _now() - self._sent.get(topic, -math.inf) <= seconds

    def begin(self) -> None:
        """Begin to read what the broker holds, on a new connection."""
        self._held.clear()
        self._doubted.clear()
        self.outcome.refused.clear()
        self.outcome.too_large.clear()

    def note_stored(self, topic: str, payload: bytes) -> bool:
        """Note a topic that was stored at the broker; True where that comes late and was not known.

        After `attach` it is out of date where the topic has been published since.
        """
        if self._link is not None and self._sent.get(topic, -math.inf) >= self._attached:
            return False
        self._note(topic, payload)
        if self._link is not None and topic in self._desired:
            self.changed((topic,))
        return self._link is not None

    def attach(self, link: Link, erase: Callable[[str], bool]) -> None:
        """Publish what differs from what has been read, small payloads first, and erase what `erase` gives up."""
        self._link = link
        self._attached = _now()
        dirty = [topic for topic in self._desired if self._differs(topic)]
        dirty.sort(key=self._size)
        self._dirty = dict.fromkeys((*dirty, *filter(erase, self.orphans)))
        self._pump()

    def detach(self, code: int = 0) -> bool:
        """Note the end of the connection and its reason code; whether a message that was too large may be the cause."""
        other_reason = self._link is None or code == SESSION_TAKEN_OVER
        too_large = not other_reason and self._sizes.note_loss(map(len, self._in_flight.values()))
        self._link = None
        self._in_flight.clear()
        self._tokens.clear()
        self._dirty.clear()
        self._settled.clear()
        return too_large

    def changed(self, topics: Iterable[str]) -> None:
        """Publish these topics, whose desired payload may have changed."""
        if self._link is None:
            return
        for topic in topics:
            if self._differs(topic):
                self._dirty[topic] = None
            else:
                self.outcome.too_large.discard(topic)
        self._pump()

    @property
    def paused(self) -> bool:
        """Whether only topics about the bridge itself are published."""
        return self._paused

    def pause(self, *, paused: bool) -> None:
        """Pause; or go on, with all that differs by now."""
        resumed = self._paused and not paused
        self._paused = paused
        if resumed:
            self.changed((*self._desired, *self.orphans))

    def silence(self, *, silent: bool) -> None:
        """Publish nothing; or, on the next connection, everything again."""
        self._silent = silent

    def republish(self, topics: Iterable[str]) -> None:
        """Publish desired topics again, changed or not."""
        wanted = [topic for topic in topics if topic in self._desired]
        self._doubted.update(wanted)
        self.changed(wanted)

    def observe(self, topic: str, payload: bytes, *, ours: bool, erasable: bool) -> bool:
        """Note what somebody else has published on a topic; True when it was wrong and is corrected, now or soon.

        `ours`: whether a topic that is not desired is the bridge's to erase, and `erasable` whether now.
        """
        desired = self._desired.get(topic, ERASED)
        if not (desired or ours):
            return False  # nor remembered: the topics of others may be without number
        self._note(topic, payload)
        self._doubted.discard(topic)
        if payload == desired or not (desired or erasable):
            return False
        if topic in self._in_flight:
            self._doubted.add(topic)  # which of the two came last is unknown, also after the acknowledgement
        if not self._corrections.note(topic, unlimited=bool(desired)):
            return False
        if self._corrections.is_due(topic):
            self._correct(topic)
        return True

    def tick(self) -> None:
        """Make corrections that had to wait. Called about once a second."""
        self._sizes.forget_old()
        for topic in self._corrections.due():
            if topic not in self._in_flight and self._differs(topic):
                self._correct(topic)

    def acknowledged(self, acknowledgement: Acknowledged) -> bool:
        """Take the broker's acknowledgement of a message; whether it was one of this publisher."""
        topic = self._tokens.pop(acknowledgement.token, None)
        if topic is None:
            return False
        payload = self._in_flight.pop(topic)
        if not acknowledgement.code:
            self.outcome.refused.pop(topic, None)
        elif self._sizes.is_refusal(acknowledgement.code):
            self.outcome.too_large.add(topic)
        else:
            self.outcome.refused[topic] = acknowledgement.reason
        self._sizes.note(len(payload), acknowledgement.code)
        if topic not in self._doubted and not self._sizes.is_refusal(acknowledgement.code):
            self._note(topic, payload)
        if self._differs(topic) and not (topic in self._doubted and self._corrections.must_wait(topic)):
            self._dirty[topic] = None
        self._pump()
        return True

    def _correct(self, topic: str) -> None:
        self._corrections.made(topic)
        self.outcome.corrected += 1
        self._dirty[topic] = None
        self._pump()

    def _pump(self) -> None:
        while self._link is not None and len(self._in_flight) < WINDOW:
            topic = next(filter(self._may_go, self._dirty), None)
            if topic is None:
                break
            del self._dirty[topic]
            if self._differs(topic):  # it may have changed back while it waited
                self._publish(self._link, topic, self._desired.get(topic, ERASED))
        if self._in_flight or self._link is None:
            self._settled.clear()
        else:
            self._settled.set()

    def _may_go(self, topic: str) -> bool:
        """Whether a dirty topic can be published now: the broker must get the payloads of a topic in order."""
        if self._silent or topic in self._in_flight or (self._paused and not topic.startswith(ABOUT_BRIDGE)):
            return False
        return not (self._in_flight and self._sizes.goes_alone(self._size(topic)))

    def _publish(self, link: Link, topic: str, payload: bytes) -> None:
        message = Message(f"{self._prefix}/{topic}", payload, retain=True, qos=self._qos)
        if not link.fits(message) or self._sizes.is_too_large(len(payload)):
            self.outcome.too_large.add(topic)
            if topic not in self._held:
                return
            payload = ERASED  # rather no value than an old one
            message = Message(message.topic, payload, retain=True, qos=self._qos)
        else:
            self.outcome.too_large.discard(topic)
        token = link.send(message)
        if token is None:  # pragma: no cover - only answers are bounded
            return
        self._doubted.discard(topic)
        self._in_flight[topic] = payload
        self._tokens[token] = topic
        self._sent[topic] = _now()
        self.outcome.published += 1

    def _size(self, topic: str) -> int:
        return len(self._desired.get(topic, ERASED))

    def _differs(self, topic: str) -> bool:
        return topic in self._doubted or not self.holds(topic, self._desired.get(topic, ERASED))

    def _note(self, topic: str, payload: bytes) -> None:
        """Note what the broker holds; what was erased is forgotten whole, over years of other names."""
        if payload and (topic in self._desired or len(self._held) < _MOST_HELD):
            self._held[topic] = hash(payload)
        elif not payload:
            self._held.pop(topic, None)
            self._sent.pop(topic, None)


class Sizes:
    """The largest payload that a broker takes, where it shows its limit only by refusing or disconnecting.

    Once a connection has ended with a payload in flight that is larger than any acknowledged one, larger payloads are
    sent alone. Two further losses with such a payload in flight, or one refusal, show the limit.
    """

    def __init__(self) -> None:
        self._largest = _SMALLEST
        self._smallest_lost = math.inf
        self._losses = 0
        self._limit = math.inf
        self._learnt = -math.inf

    def is_refusal(self, code: int) -> bool:
        """Whether a reason code of the broker means that a message is too large."""
        return code == _PACKET_TOO_LARGE

    def is_too_large(self, size: int) -> bool:
        """Whether the broker is known not to take a payload of this size."""
        return size >= self._limit

    def goes_alone(self, size: int) -> bool:
        """Whether a payload of this size must be the only message in flight."""
        return self._losses > 0 and size > self._largest

    def note(self, size: int, code: int) -> None:
        """Take the broker's acknowledgement of a payload."""
        if self.is_refusal(code):
            self._learn(size)
        elif not code:
            self._largest = max(self._largest, size)
            if size >= self._smallest_lost:
                self._smallest_lost, self._losses = math.inf, 0

    def note_loss(self, in_flight: Iterable[int]) -> bool:
        """Take the end of a connection with these payloads in flight; whether their size may explain it."""
        if _now() - self._learnt < _AFTER_REFUSAL:
            return True
        suspects = [size for size in in_flight if size > self._largest]
        if not suspects:
            return False
        self._losses += 1
        # after the first loss each of them is sent alone: the last loss shows which one it is
        self._smallest_lost = min(suspects)
        if self._losses > _LOSSES:
            self._learn(self._smallest_lost)
        return True

    def forget_old(self) -> None:
        """Forget what was learnt long ago: the broker's configuration may have changed."""
        if _now() - self._learnt > _LEARNT_FOR:
            self._limit = math.inf

    def _learn(self, size: float) -> None:
        self._limit = min(self._limit, size)
        self._learnt = _now()
        self._smallest_lost, self._losses = math.inf, 0


@dataclass(slots=True)
class _Correction:
    """How often a topic was corrected lately, and from when on it may be again."""

    count: int = 0
    due: float = 0.0
    last: float = 0.0


class Corrections:
    """The first few corrections of a topic are made at once, later ones after growing pauses.

    Without these a client that echoes everything would be answered for ever.
    """

    def __init__(self) -> None:
        self._topics: dict[str, _Correction] = {}

    def note(self, topic: str, *, unlimited: bool) -> bool:
        """Note that a topic is to be corrected; False where there are too many of those that are not `unlimited`."""
        if not unlimited and topic not in self._topics and len(self._topics) >= _MOST_CORRECTED:
            return False  # the next reconnect erases it; what is not desired may be without number
        self._topics.setdefault(topic, _Correction()).last = _now()
        return True

    def is_due(self, topic: str) -> bool:
        """Whether a topic that is to be corrected may be now."""
        return self._topics[topic].due <= _now()

    def must_wait(self, topic: str) -> bool:
        """Whether a topic has been corrected so often that it must wait."""
        correction = self._topics.get(topic)
        return correction is not None and correction.due > _now()

    def made(self, topic: str) -> None:
        """Note that a correction is made."""
        correction = self._topics[topic]
        correction.count += 1
        excess = correction.count - _AT_ONCE
        correction.due = _now() + min(2.0**excess, _LONGEST_PAUSE) if excess >= 0 else 0.0

    def due(self) -> list[str]:
        """The topics that may be corrected now; forgets those of long ago."""
        now = _now()
        self._topics = {topic: one for topic, one in self._topics.items() if now - one.last <= _FORGOTTEN_AFTER}
        return [topic for topic, one in self._topics.items() if one.due <= now]


def _now() -> float:
    return asyncio.get_running_loop().time()
