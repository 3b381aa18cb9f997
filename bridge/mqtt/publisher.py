"""Keeps the broker's copy converging to the wanted tree.

`held` is what the broker is known to have. Whatever makes it differ from the wanted tree (a change of evcc, a
reconnect, a lost store, somebody else's publish) makes a topic dirty, and dirty topics are published through a
window of messages in flight, only the newest payload of each.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bridge.mqtt.link import Link
from bridge.mqtt.message import Message
from bridge.state.tree import ERASED, differences

ABOUT_US = "bridge/"
_CORRECTIONS_AT_ONCE = 3
_MOST_CORRECTIONS = 1000
_LONGEST_PAUSE = 600.0
_FORGIVEN_AFTER = 3600.0
_LEARNT_FOR = 86_400.0  # seconds; trying again means to be cut off again


@dataclass(slots=True)
class _Correction:
    """How often one topic was put right lately, and when it may be again."""

    count: int = 0
    due: float = 0.0
    last: float = 0.0


@dataclass(slots=True)
class Report:
    """What became of messages, for the site to tell: counters, and topics by trouble."""

    published: int = 0
    corrected: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    too_large: set[str] = field(default_factory=set)


class Publisher:
    """Publishes the difference between `wanted` and what the broker holds.

    `paused` holds everything back but the topics about the bridge itself.

    `wanted` gives a topic's payload, b"" for none. `qos` and `window` (messages in flight) are the user's;
    the broker's Receive Maximum is the link's concern.
    """

    def __init__(
        self, root: str, wanted: Mapping[str, bytes], *, qos: int, window: int, now: Callable[[], float]
    ) -> None:
        self._root = root
        self._wanted = wanted
        self._qos = qos
        self._window = window
        self._now = now
        self._link: Link | None = None
        self._held: dict[str, bytes] = {}
        self._dirty: dict[str, None] = {}
        self._in_flight: dict[str, bytes] = {}
        self._doubted: set[str] = set()
        self._pumping = False
        self._corrections: dict[str, _Correction] = {}
        self._largest_acknowledged = 0
        self._suspects: list[int] = []
        self._learnt_maximum = math.inf
        self._suspected = -math.inf
        self._settled = asyncio.Event()
        self._sent: dict[str, float] = {}
        self.paused = False
        self.report = Report()

    @property
    def held(self) -> Mapping[str, bytes]:
        """What the broker is known to hold below the root."""
        return self._held

    async def settled(self) -> None:
        """Wait until the broker has acknowledged all that it should hold."""
        await self._settled.wait()

    def sent_within(self, topic: str, seconds: float) -> bool:
        """Whether we published this topic so lately that a copy of it may still be under way."""
        return self._now() - self._sent.get(topic, -math.inf) <= seconds

    def attach(self, link: Link, held: Mapping[str, bytes], erase: Callable[[str], bool]) -> None:
        """Begin on a new connection that holds `held`: publish what differs, erase what `erase` gives up."""
        self._link = link
        self._held = dict(held)
        self._in_flight.clear()
        self._doubted.clear()
        self.report.refused.clear()
        self.report.too_large.clear()
        changes = differences(self._wanted, held)
        self._dirty = dict.fromkeys(topic for topic, payload in changes.items() if payload or erase(topic))
        self._pump()

    def detach(self) -> bool:
        """Note that the connection has ended, and what the broker holds is read again on the next one.

        Returns whether it ended because a message was too large.
        """
        too_large = self._link is not None and not self._link.v5 and self._learn()
        self._link = None
        self._in_flight.clear()
        self._dirty.clear()
        return too_large

    def changed(self, topics: Iterable[str]) -> None:
        """Publish these topics, whose wanted payload may have changed."""
        if self._link is None:
            return
        for topic in topics:
            if self._differs(topic):
                self._dirty[topic] = None
            else:
                self.report.too_large.discard(topic)
        self._pump()

    def repeat(self) -> None:
        """Publish every topic again, changed or not."""
        self._doubted.update(self._wanted)
        self.changed(self._wanted)

    def observe(self, topic: str, payload: bytes, *, ours: bool, erasable: bool = True) -> bool:
        """Take what somebody else has published on a topic; True when it was wrong and is put right, now or soon.

        `ours`: whether a topic that is not wanted is the bridge's to erase, and `erasable` whether now. The first few
        corrections of a topic are at once, later ones after growing pauses: an echo must not be answered for ever.
        """
        wanted = self._wanted.get(topic, ERASED)
        if not (wanted or ours):
            return False  # nor remembered: strangers must not fill our memory
        self._note(topic, payload)
        self._doubted.discard(topic)
        if payload == wanted or not (wanted or erasable):
            return False
        if topic in self._in_flight:
            self._doubted.add(topic)  # who came last is unknown, whatever the acknowledgement says
        if not wanted and topic not in self._corrections and len(self._corrections) >= _MOST_CORRECTIONS:
            return False  # the next reconnect erases it; what is wanted is limited, what is not may be endless
        correction = self._corrections.setdefault(topic, _Correction())
        correction.last = self._now()
        if correction.due <= self._now():
            self._correct(topic, correction)
        return True

    def tick(self) -> None:
        """Put right what had to wait; forget corrections of long ago. Called about once a second."""
        now = self._now()
        if now - self._suspected > _LEARNT_FOR:
            self._learnt_maximum = math.inf
            self._suspects.clear()
        for topic, correction in list(self._corrections.items()):
            if now - correction.last > _FORGIVEN_AFTER:
                del self._corrections[topic]
            elif correction.due <= now and topic not in self._in_flight and self._differs(topic):
                self._correct(topic, correction)

    def _correct(self, topic: str, correction: _Correction) -> None:
        correction.count += 1
        excess = correction.count - _CORRECTIONS_AT_ONCE
        correction.due = self._now() + min(2.0**excess, _LONGEST_PAUSE) if excess >= 0 else 0.0
        self.report.corrected += 1
        self._dirty[topic] = None
        self._pump()

    def _pump(self) -> None:
        if self._pumping:  # with QoS 0 the acknowledgement comes from within the publish
            return
        self._pumping = True
        while self._link is not None and len(self._in_flight) < self._window:
            topic = self._next()
            if topic is None:
                break
            if self._differs(topic):  # it may have changed back while it waited
                self._publish(self._link, topic, self._wanted.get(topic, ERASED))
        self._pumping = False
        if self._in_flight or self._link is None:
            self._settled.clear()
        else:
            self._settled.set()

    def _next(self) -> str | None:
        """The next dirty topic that is not in flight already: the broker must see a topic's payloads in order."""
        ready = (topic for topic in self._dirty if topic not in self._in_flight and self._may(topic))
        topic = next(ready, None)
        if topic is not None:
            del self._dirty[topic]
        return topic

    def _differs(self, topic: str) -> bool:
        return topic in self._doubted or self._held.get(topic, ERASED) != self._wanted.get(topic, ERASED)

    def _may(self, topic: str) -> bool:
        return not self.paused or topic.startswith(ABOUT_US)

    def _publish(self, link: Link, topic: str, payload: bytes) -> None:
        absolute = f"{self._root}/{topic}"
        if not link.fits(absolute, payload) or len(payload) >= self._learnt_maximum:
            self.report.too_large.add(topic)
            if not self._held.get(topic):
                return
            payload = ERASED  # rather no value than an old one
        else:
            self.report.too_large.discard(topic)
        self._doubted.discard(topic)
        self._in_flight[topic] = payload
        self._sent[topic] = self._now()
        self.report.published += 1
        link.send(
            Message(absolute, payload, retain=True, qos=self._qos),
            lambda reason: self._acknowledged(link, topic, payload, reason),
        )

    def _acknowledged(self, link: Link, topic: str, payload: bytes, reason: str | None) -> None:
        if link is not self._link:
            return
        del self._in_flight[topic]
        if reason is None:
            self.report.refused.pop(topic, None)
            self._largest_acknowledged = max(self._largest_acknowledged, len(payload))
        else:
            self.report.refused[topic] = reason
        if topic not in self._doubted:
            self._note(topic, payload)
        if self._differs(topic) and not self._must_wait(topic):
            self._dirty[topic] = None
        self._pump()

    def _note(self, topic: str, payload: bytes) -> None:
        """Note what the broker holds; what was erased is forgotten whole, over years of other names."""
        if payload:
            self._held[topic] = payload
        else:
            self._held.pop(topic, None)
            self._sent.pop(topic, None)

    def _must_wait(self, topic: str) -> bool:
        """Whether it has been put right so often that the next time is not yet."""
        correction = self._corrections.get(topic)
        return topic in self._doubted and correction is not None and correction.due > self._now()

    def _learn(self) -> bool:
        """Learn a 3.1.1 broker's largest packet: it only cuts the connection, and would do so for ever."""
        size = max(map(len, self._in_flight.values()), default=0)
        if size <= self._largest_acknowledged:
            return False
        self._suspects.append(size)
        self._suspected = self._now()
        if self._suspects.count(size) < 2:
            return False
        self._learnt_maximum = min(self._learnt_maximum, size)
        return True
