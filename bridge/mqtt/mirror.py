"""Keeps the retained topics below the root equal to what is desired, over reconnects, restarts and foreign writes."""

import asyncio
from asyncio import TaskGroup
from collections.abc import Iterable, Mapping
from contextlib import aclosing, suppress

from bridge.evcc.reader import Reader
from bridge.mqtt.conflicts import Conflicts
from bridge.mqtt.connection import Connection
from bridge.mqtt.desired import ERASED, Desired
from bridge.mqtt.link import Link
from bridge.mqtt.message import Message, may_respond
from bridge.mqtt.ownership import PUBLISHED, DiscoveryOwnership, TreeOwnership
from bridge.mqtt.prefix import Discovery, Prefix
from bridge.mqtt.presence import Presence
from bridge.mqtt.protocol import ConnectionFailed
from bridge.mqtt.receiver import Receiver
from bridge.mqtt.subscriptions import Subscriptions
from bridge.settings import Settings
from bridge.state import by_title
from bridge.state.flatten import Topics
from bridge.state.known import KEYS
from bridge.util.diagnostics import Diagnostics

STATUS = "status"
_TICK = 1.0
_ACKNOWLEDGED_WITHIN = 30.0  # seconds for the broker to acknowledge the whole tree
_FLUSH = 0.5  # seconds for what is on its way at a stop, and again for `offline`
_MOST_TO_ERASE = 1000


class Mirror:
    """Desired topics against held ones. Topics are below the root, if not said otherwise."""

    def __init__(self, settings: Settings, reader: Reader, diagnostics: Diagnostics) -> None:
        mqtt = settings.mqtt
        self._root = mqtt.root
        self._reader = reader
        self._diagnostics = diagnostics
        self._ownership = TreeOwnership(reader)
        self._tree = Prefix(mqtt.root, Desired.of_state(settings.topics.limit), self._ownership, qos=mqtt.qos)
        self.discovery = Discovery(settings.discovery.prefix, DiscoveryOwnership(mqtt.root, reader), qos=mqtt.qos)
        will = Message(f"{mqtt.root}/{STATUS}", b"offline", retain=True)
        self._connection = Connection(mqtt, will, diagnostics)
        self._conflicts = Conflicts(mqtt.root, diagnostics)
        self._presence = Presence(mqtt.root)
        self._titles: object = {} if settings.topics.by_title else None
        self._receiver = Receiver(
            tree=self._tree,
            discovery=self.discovery,
            ownership=self._ownership,
            conflicts=self._conflicts,
            presence=self._presence,
            diagnostics=diagnostics,
        )
        self.commands = self._receiver.commands
        """What arrives on `…/set`."""
        self.requests = self._receiver.requests
        """What arrives below `bridge/request/`."""
        self._link: Link | None = None
        self._read = asyncio.Event()
        self._to_erase: dict[str, None] = {}
        self._listed: tuple[int, object] = (0, None)
        self._fresh = False
        self._closing = False
        self._scope: asyncio.Timeout | None = None
        self._ended = asyncio.Event()
        self.complete = asyncio.Event()
        """Set once the broker has acknowledged everything for the first time, `status` included; also where another
        bridge is active."""
        self.changed = asyncio.Event()
        """Set whenever `connected` has changed; whoever waits for it clears it."""
        self.connected = False
        """Whether the broker is connected and has acknowledged what is desired, or was waited for long enough."""
        self.orphans_waiting = 0
        """Held topics of evcc's state that are kept until what evcc does not have by now is gone."""

    # what others read

    @property
    def topics(self) -> Mapping[str, bytes]:
        """Every desired topic with its payload."""
        return self._tree.desired.topics

    @property
    def shape(self) -> int:
        """A number that grows whenever a desired topic comes or goes."""
        return self._tree.desired.shape

    @property
    def silent(self) -> bool:
        """Whether another bridge is active below this root: this one publishes and carries out nothing."""
        return self._presence.silent

    @property
    def instance(self) -> str:
        """What tells this run of the bridge from all others, for `bridge/info`."""
        return self._presence.instance

    @property
    def host(self) -> str:
        """The name of this host, for `bridge/info`."""
        return self._presence.host

    @property
    def version(self) -> str | None:
        """The MQTT version of the connection, `5` or `3.1.1`; None without one."""
        return self._link.version if self._link else None

    @property
    def largest_packet(self) -> int | None:
        """The largest packet that the broker takes, in bytes; None where it did not announce one."""
        return self._link.limits.maximum_packet if self._link else None

    @property
    def acknowledged(self) -> float | None:
        """Loop time of the broker's last acknowledgement on this connection; None without a connection."""
        return self._link.last_acknowledgement if self._link else None

    @property
    def congested(self) -> bool:
        """Whether so many answers wait to be acknowledged that further ones are dropped."""
        return self._link is not None and self._link.congested

    @property
    def published(self) -> int:
        """How many retained messages have been published."""
        return self._tree.publisher.outcome.published

    @property
    def corrected(self) -> int:
        """How many foreign writes have been corrected."""
        return self._tree.publisher.outcome.corrected

    @property
    def reconnects(self) -> int:
        """How many connections there have been after the first one."""
        return max(self._connection.count - 1, 0)

    async def stored(self, topic: str) -> bytes:
        """What an earlier run has left on a topic below `bridge/`, empty for none; waits for the first connection."""
        await self._read.wait()
        return self._receiver.stored.get(topic, b"")

    async def settled(self) -> None:
        """Wait until the broker has acknowledged everything that is desired."""
        await self._tree.publisher.settled()

    # what others set

    def update(self, sources: Mapping[str, Topics]) -> None:
        """Set the topics of parts of evcc's state, each whole; with `topics.by_title` also their copies by title."""
        changed = self._tree.replace({**sources, **self._copies(sources)})
        self._remember(topic for topic in changed if topic in self.topics)

    def set(self, source: str, topics: Mapping[str, bytes]) -> None:
        """Set the topics of one source, whole: what it had before and has no more is erased."""
        self.update({source: Topics(topics, {})})

    def set_fresh(self, fresh: bool) -> None:  # noqa: FBT001 - the one thing that it sets
        """Set whether evcc's data are fresh: `status` is `online` only while they are and the mirror is `connected`."""
        self._fresh = fresh
        self._set_status()

    def wait(self, topic_filter: str) -> None:
        """Keep held topics that match an MQTT topic filter until `known`: their source has not been read yet."""
        self._ownership.wait(topic_filter)

    def known(self, topic_filter: str) -> None:
        """Note that the source of these topics has been read: what is held and not desired is gone."""
        self._ownership.known(topic_filter)
        self._tree.orphaned = True

    def republish(self, topics: Iterable[str] | None = None) -> None:
        """Publish desired topics again although they are held; all of them by default."""
        self._tree.publisher.republish(self.topics if topics is None else topics)

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish a message that is not retained; False where it was dropped, as without a connection."""
        return self._answer(Message(f"{self._root}/{topic}", payload))

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        """Publish an answer on the absolute topic that a client named; False where none may go, or it was dropped."""
        below = self._tree.below(topic)
        if not may_respond(topic) or (below is not None and below in self.topics):
            return False
        return self._answer(Message(topic, payload, correlation=correlation))

    def erase(self, topic: str) -> None:
        """Erase a retained message that somebody left on a topic, within about a second."""
        if len(self._to_erase) < _MOST_TO_ERASE:
            self._to_erase[topic] = None

    # the connection

    async def run(self) -> None:
        """Hold a connection until `close`, or for ever."""
        try:
            async with asyncio.timeout(0 if self._closing else None) as self._scope:
                await self._hold()
        except TimeoutError:
            if not self._closing:
                raise
        finally:
            self._ended.set()

    async def close(self) -> None:
        """Publish `offline` and disconnect, in any phase, within about a second; `run` then returns."""
        self._closing = True
        self._receiver.stop()
        if self._link is not None and not self.silent:
            await self._publish_offline(self._link)
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())
            await self._ended.wait()
        self._set_connected(connected=False)

    async def _publish_offline(self, link: Link) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH):
                await self._tree.publisher.idle()
        self._tree.publisher.silence(silent=True)
        link.send_last(Message(f"{self._root}/{STATUS}", b"offline", retain=True))
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH):
                await link.drained()

    async def _hold(self) -> None:
        async with aclosing(self._connection.links()) as links:
            async for link in links:
                self._link = link
                try:
                    await self._mirror(link)
                finally:
                    self._link = None
                    if any([self._tree.publisher.detach(), self.discovery.publisher.detach()]):
                        self._connection.explain()
                    self._set_connected(connected=False)

    async def _mirror(self, link: Link) -> None:
        """Mirror on one connection, until it ends."""
        subscriptions = Subscriptions(link, self._root, (self.discovery.filter, self.discovery.birth))
        self._receiver.begin(link, subscriptions)
        async with TaskGroup() as group:
            tasks = (
                group.create_task(self._establish(link, subscriptions), name="mqtt-establish"),
                group.create_task(self._maintain(link, subscriptions), name="mqtt-maintain"),
            )
            with suppress(ConnectionFailed):
                async for events in link.events():
                    self._receiver.take(events)
            for task in tasks:
                task.cancel()

    async def _establish(self, link: Link, subscriptions: Subscriptions) -> None:
        """Read what the broker holds, publish what differs, then `status`."""
        self._presence.begin(link)
        with suppress(ConnectionFailed):  # the events say so too
            readable = await subscriptions.read(self._tree.publisher)
            self._name_refusals(subscriptions, readable=readable)
            link.unsubscribe(self.discovery.filter)
            await self._presence.decide(link, other_online=self._receiver.is_other_online)
            self._adopt(link)
            if not self.silent:
                await self._settle()
                self._set_connected(connected=not self._closing)
                self._connection.confirm()
                await self._settle()
            self.complete.set()

    def _name_refusals(self, subscriptions: Subscriptions, *, readable: bool) -> None:
        unread = f"the broker does not let us read {self._root}/#, or is too slow at it"
        self._diagnostics.set("read", None if readable else unread)
        refused = "; ".join(f"{name}: {reason}" for name, reason in subscriptions.refused.items())
        self._diagnostics.set("subscribe", f"the broker refuses subscriptions: {refused}" if refused else None)

    def _adopt(self, link: Link) -> None:
        """Take what has been read for what is held."""
        for prefix in (self._tree, self.discovery):
            prefix.publisher.silence(silent=self.silent)
        if self._ownership.learn(self._receiver.stored.get(PUBLISHED, ERASED)):
            self._write_published()
        self._read.set()
        self._tree.attach(link)
        self.discovery.attach(link)
        self._sweep()

    async def _settle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ACKNOWLEDGED_WITHIN):
                await self._tree.publisher.settled()

    async def _maintain(self, link: Link, subscriptions: Subscriptions) -> None:
        while True:
            await asyncio.sleep(_TICK)
            subscriptions.check_stall()
            subscriptions.confirm()
            self._connection.check_held()
            if self._presence.tick(link):
                link.end()
            self._diagnostics.set("second bridge", self._presence.text())
            if not self.silent:
                self._erase_commands(link)
                self._maintain_topics()

    def _maintain_topics(self) -> None:
        self._sweep()
        self.discovery.sweep()
        for prefix in (self._tree, self.discovery):
            prefix.publisher.tick()
        evcc = self._conflicts.is_evcc_publishing()
        self._tree.publisher.pause(paused=evcc)
        self._conflicts.tick(self._tree.desired, self._tree.publisher.outcome, evcc=evcc)

    def _sweep(self) -> None:
        state = self._reader.state
        listed = len(state.loadpoints), state.vehicles.keys()
        if listed != self._listed:
            self._listed = listed
            self._tree.orphaned = True
        kept = self._tree.sweep()
        self.orphans_waiting = sum(topic.partition("/")[0] in KEYS and self._ownership.is_ours(topic) for topic in kept)

    def _erase_commands(self, link: Link) -> None:
        for topic in self._to_erase:
            link.send(Message(f"{self._root}/{topic}", ERASED, retain=True))
        self._to_erase.clear()

    def _answer(self, message: Message) -> bool:
        """Send what is not retained, unless the broker would end the connection for its size."""
        link = self._link
        return (
            link is not None and not self.silent and link.fits(message) and link.send(message, first=True) is not None
        )

    def _copies(self, sources: Mapping[str, Topics]) -> Mapping[str, Topics]:
        """The copies by title that go along with these sources; all of them when titles have changed."""
        if self._titles is None:
            return {}
        titles = by_title.targets(self._reader.state)
        whole = {} if titles == self._titles else self._tree.desired.sources
        self._titles = titles
        both = {name: Topics(own, {}) for name, own in whole.items()} | dict(sources)
        return {
            f"{by_title.ROOT}/{name}": Topics(by_title.copies(titles, {**topics.alias, **topics.own}), {})
            for name, topics in both.items()
            if not name.startswith(by_title.ROOT)
        }

    def _remember(self, topics: Iterable[str]) -> None:
        """Remember what is published, before it is: a later run can erase it."""
        if self._ownership.remember(topics):
            self._ownership.shorten(self.topics, self._tree.publisher.orphans)
            self._write_published()

    def _write_published(self) -> None:
        self._tree.replace({PUBLISHED: Topics({PUBLISHED: self._ownership.payload()}, {})})

    def _set_connected(self, *, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            self.changed.set()
        self._set_status()

    def _set_status(self) -> None:
        """What the will has published stands until the whole tree is there again."""
        payload = b"online" if self._fresh else b"offline"
        self._tree.replace({STATUS: Topics({STATUS: payload} if self.connected else {}, {})})
