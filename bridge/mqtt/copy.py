"""The broker's copy of the wanted tree: one connection after another, each brought to the same tree."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from bridge.errors import BrokerError
from bridge.mqtt import memory, troubles
from bridge.mqtt.annex import Annex
from bridge.mqtt.connection import Connection
from bridge.mqtt.link import Link
from bridge.mqtt.memory import Memory
from bridge.mqtt.message import Message, may_respond
from bridge.mqtt.publisher import Publisher
from bridge.mqtt.rivals import Rivals
from bridge.mqtt.standstill import Standstill
from bridge.mqtt.watch import MARKER, Watch
from bridge.settings import Mqtt
from bridge.state.ghosts import SCOPES, is_ours, is_unlisted
from bridge.state.known import KEYS
from bridge.state.tree import ERASED, Tree
from bridge.state.units import Topics

PROBLEM = "bridge/problem"
CHECK = "bridge/check/"
"""What `evcc-bridge check` writes beside a bridge that runs, and erases."""
STATUS = "status"
_OUTSIDE_SCOPES = frozenset({STATUS, "updated"})
_PATIENCE = 30.0  # seconds for the broker to acknowledge the whole tree
_FAREWELL = 1.0  # seconds for the last words
_ECHO = 30.0  # seconds in which a copy of our own message may come back by another broker
_MOST_FOREIGN = 1000
_FORGET = 60.0  # seconds without a foreign write until it is no problem any more


class Desk(Protocol):
    """Who is told what comes from the broker; nothing here blocks or raises."""

    def command(self, message: Message, *, stale: bool) -> None:
        """Take a message on a topic below the root that ends with `/set`."""

    def request(self, message: Message, *, stale: bool) -> None:
        """Take a message below `bridge/request/`."""

    def broker_found(self) -> None:
        """Note that the broker is connected and has the whole tree, or was waited for long enough."""

    def broker_lost(self, reason: str) -> None:
        """Note that there is no connection, and why."""

    def stopping(self) -> None:
        """Say the last words: the connection is about to be closed."""

    def problem(self, key: str, text: str | None) -> None:
        """Note a problem by key, or that it is over."""


class Copy:
    """What the broker is to hold below the root, and the way in and out.

    `state` gives evcc's newest document and `settled` whether it is complete: leaves that only the broker knows
    are erased when it is, vehicles and loadpoints that evcc does not list at once. `beside` gives the sources that
    go along with those that changed.
    """

    def __init__(  # noqa: PLR0913 - what a copy depends on, each of another kind
        self,
        settings: Mqtt,
        desk: Desk,
        *,
        limit: int,
        state: Callable[[], Mapping[str, Any]],
        settled: Callable[[str], bool],
        annexes: Sequence[Annex] = (),
        beside: Callable[[Mapping[str, Topics]], Mapping[str, Topics]] = lambda _: {},
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = settings.root
        self._desk = desk
        self._state = state
        self._settled = settled
        self._annexes = annexes
        self._beside = beside
        self._now = now
        self._tree = Tree.of_state(limit)
        self._memory = Memory()
        self._rivals = Rivals()
        self._standstill = Standstill(f"{settings.root}/{MARKER}standstill", now)
        self._foreign: dict[str, float] = {}
        self._link: Link | None = None
        self._connection = Connection(settings, Message(f"{settings.root}/{STATUS}", b"offline", retain=True))
        self.publisher = Publisher(settings.root, self._tree.topics, qos=settings.qos, window=settings.window, now=now)
        self._unswept = False
        self.connected = False
        self.complete = asyncio.Event()
        """Whether the broker has acknowledged everything once, `status` included, or was waited for long enough."""
        self.connects = 0

    @property
    def tree(self) -> Tree:
        """The wanted tree."""
        return self._tree

    @property
    def link(self) -> Link | None:
        """The connection of this moment."""
        return self._link

    def want(self, source: str, topics: Mapping[str, bytes]) -> None:
        """Say which retained topics `source` has, whole: what it had before and has no more is erased."""
        self.want_all({source: Topics(dict(topics), {})})

    def want_all(self, sources: Mapping[str, Topics]) -> None:
        """The same for many sources at once."""
        changed: set[str] = set()
        for source, topics in {**sources, **self._beside(sources)}.items():
            changed |= self._tree.replace(source, *topics)
        self._remember(topic for topic in changed if self._tree.get(topic))
        self.publisher.changed(sorted(changed))

    def send(self, message: Message) -> None:
        """Publish a message that is not retained, on a topic below the root; lost without a connection."""
        self._say(Message(f"{self._root}/{message.topic}", message.payload, qos=message.qos))

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        """Publish an answer on the absolute topic that a client named; False where none may go, as on a value."""
        may = may_respond(topic) and not self._tree.get(self._below(topic) or "")
        if may:
            self._say(Message(topic, payload, correlation=correlation))
        return may

    def erase(self, topic: str) -> None:
        """Erase a retained message that somebody left on a topic below the root."""
        if self._link is not None:
            self._link.send(Message(f"{self._root}/{topic}", ERASED, retain=True))

    def largest(self) -> int | None:
        """The largest packet that the broker takes, in bytes; None when it did not say."""
        return self._link.limits.maximum_packet if self._link else None

    def sweep(self) -> int:
        """Erase what is no more; returns how many topics of the state wait for evcc to be complete."""
        ghosts = [topic for topic, payload in self.publisher.held.items() if payload and not self._tree.get(topic)]
        erasable = [topic for topic in ghosts if self._erasable(topic)]
        self.publisher.changed(erasable)
        waiting = set(ghosts).difference(erasable)
        return sum(1 for topic in waiting if topic.partition("/")[0] in KEYS and is_ours(topic, self._memory))

    def tick(self) -> None:
        """Note that time goes by, about once a second."""
        now = self._now()
        self._standstill.ask(self._link)
        self._standstill.alive(self._link)
        self.publisher.tick()
        for annex in self._annexes:
            annex.sweep()
        self._foreign = {topic: seen for topic, seen in self._foreign.items() if now - seen < _FORGET}
        self._tell_foreign()
        self._unswept = self._unswept and self.sweep() > 0
        self._give_way(now)
        self._desk.problem("client id", troubles.client_id(self._connection.rivalled))
        self._tell(troubles.of_report(self._root, self.publisher.report) | troubles.of_tree(self._root, self._tree))

    async def run(self) -> None:
        """Hold a connection, for ever."""
        await self._connection.run(self._session, self._desk)

    async def _session(self) -> None:
        beside = [topic for annex in self._annexes for topic in annex.filters]
        watch = Watch(self._root, beside, command=self._on_command, publication=self._on_publication)

        def receive(message: Message) -> None:
            if not self._standstill.came_back(message):
                watch.receive(message)

        async with self._connection.open(receive) as link:
            self._link = link
            self._standstill.begin()
            self.connects += 1
            try:
                await self._establish(link, watch)
                await link.ended()
            except asyncio.CancelledError:
                await self._leave(link)
                raise
            finally:
                self._link = None
                self.connected = False
                if any([self.publisher.detach(), *(annex.detach() for annex in self._annexes)]):
                    self._connection.explained()

    async def _establish(self, link: Link, watch: Watch) -> None:
        held = await watch.read(link)
        unread = f"the broker does not let us read {self._root}/#, or is too slow at it"
        self._desk.problem("read", unread if held is None else None)
        self._adopt(link, held or {})
        self._desk.problem("subscribe", await watch.go_live(link))
        await self._standstill.listen(link)
        await self._settle(link)
        self.connected = True
        self._desk.broker_found()
        await self._settle(link)
        self.complete.set()

    async def _settle(self, link: Link) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await link.unless_ended(self.publisher.settled())

    def _adopt(self, link: Link, held: Mapping[str, bytes]) -> None:
        below = {name: payload for topic, payload in held.items() if (name := self._below(topic)) is not None}
        if self._memory.learn(below.get(memory.TOPIC, ERASED)):
            self._write_memory()
        self.publisher.attach(link, below, self._erasable)
        for annex in self._annexes:
            annex.attach(link, held)

    async def _leave(self, link: Link) -> None:
        """Say the last words, as long as there is time for them."""
        self._desk.stopping()
        with suppress(TimeoutError, BrokerError):
            async with asyncio.timeout(_FAREWELL):
                await self.publisher.settled()
                await link.drained()

    def _say(self, message: Message) -> None:
        """Send what is not retained, unless the broker would end the connection for its size."""
        content = message.payload + (message.correlation or b"")
        if self._link is not None and self._link.fits(message.topic, content):
            self._link.send(message, first=True)

    def _remember(self, topics: Iterable[str]) -> None:
        """Remember what is published, before it is: a later run can erase it."""
        if self._memory.add(topics, self._tree.topics.keys() | self.publisher.held.keys()):
            self._write_memory()

    def _write_memory(self) -> None:
        self.publisher.changed(self._tree.replace(memory.TOPIC, {memory.TOPIC: self._memory.payload()}))

    def _erasable(self, topic: str) -> bool:
        if topic == PROBLEM:  # one of an earlier run
            return True
        state = self._state()
        if not state:
            return False
        return is_unlisted(topic, state) or (self._settled(topic) and is_ours(topic, self._memory))

    def _below(self, topic: str) -> str | None:
        prefix = f"{self._root}/"
        return topic.removeprefix(prefix) if topic.startswith(prefix) else None

    def _on_command(self, message: Message, stale: bool) -> None:  # noqa: FBT001 - the watch's word on it
        name = self._below(message.topic)
        if name is None:
            return
        take = self._desk.command if name.endswith("/set") else self._desk.request
        self._standstill.alive(self._link)
        take(replace(message, topic=name), stale=stale or self._standstill.doubtful)

    def _on_publication(self, message: Message) -> None:
        topic = self._below(message.topic)
        if topic is None:
            for annex in self._annexes:
                annex.take(message)
            return
        if topic.partition("/")[0] not in SCOPES and topic not in _OUTSIDE_SCOPES:
            return
        now = self._now()
        self._rivals.note(topic, now, echo=self.publisher.sent_within(topic, _ECHO))
        if topic.startswith((MARKER, CHECK)):
            return
        erasable = self._erasable(topic)
        ours = erasable or is_ours(topic, self._memory)
        self._unswept |= ours and not erasable
        wrong = self.publisher.observe(topic, message.payload, ours=ours, erasable=erasable)
        if wrong and topic not in _OUTSIDE_SCOPES and not self.publisher.paused and len(self._foreign) < _MOST_FOREIGN:
            self._foreign[topic] = now
            self._tell_foreign()

    def _tell_foreign(self) -> None:
        self._desk.problem("foreign", troubles.foreign(self._root, self._foreign))

    def _give_way(self, now: float) -> None:
        """Leave the state to evcc's own MQTT as long as it publishes: no fight."""
        evcc, bridge = self._rivals.evcc(now), self._rivals.bridge(now)
        self._tell(troubles.of_rivals(self._root, evcc=evcc, bridge=bridge))
        if self.publisher.paused and not evcc:
            self.publisher.paused = False
            self.publisher.changed(self._tree.topics)
            self.sweep()
        elif evcc:
            self.publisher.paused = True
            self._foreign.clear()

    def _tell(self, problems: Mapping[str, str | None]) -> None:
        for key, sentence in problems.items():
            self._desk.problem(key, sentence)
