"""Keeps the retained topics below the root equal to what is desired, over reconnects, restarts and foreign writes."""

import asyncio
from asyncio import TaskGroup
from contextlib import aclosing, suppress

from bridge.evcc.reader import Reader
from bridge.mqtt.adapter import ConnectionFailed
from bridge.mqtt.client import Link
from bridge.mqtt.conflicts import Conflicts
from bridge.mqtt.connection import Connection
from bridge.mqtt.desired import Discovery, Tree
from bridge.mqtt.message import ERASED, Message, may_respond
from bridge.mqtt.ownership import PUBLISHED
from bridge.mqtt.presence import Presence
from bridge.mqtt.subscriptions import Receiver, Subscriptions
from bridge.settings import Settings
from bridge.state.flatten import Topics
from bridge.util.diagnostics import Diagnostics
from bridge.util.gate import Gates

STATUS = "status"
_TICK = 1.0
_ACKNOWLEDGED_WITHIN = 30.0  # seconds for the broker to acknowledge the whole tree
_FLUSH = 0.5  # seconds for what is on its way at a stop, and again for `offline`
_MOST_TO_ERASE = 1000


class Mirror:
    """Desired topics against held ones. Topics are below the root, unless noted otherwise.

    The mirrors of several sites share `gates`.
    """

    def __init__(
        self, settings: Settings, reader: Reader, diagnostics: Diagnostics, gates: Gates | None = None
    ) -> None:
        mqtt = settings.mqtt
        self._gates = gates or Gates()
        self._root = mqtt.root
        self._diagnostics = diagnostics
        self.tree = Tree(settings, reader)
        self.discovery = Discovery(settings, reader)
        will = Message(f"{mqtt.root}/{STATUS}", b"offline", retain=True)
        self._connection = Connection(mqtt, will, diagnostics, self._gates.connecting)
        self._conflicts = Conflicts(mqtt.root, diagnostics)
        self._presence = Presence(mqtt.root)
        self._receiver = Receiver(
            tree=self.tree,
            discovery=self.discovery,
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
        self._fresh = False
        self._closing = False
        self._scope: asyncio.Timeout | None = None
        self._ended = asyncio.Event()
        self.complete = asyncio.Event()
        """Set once the broker has acknowledged everything for the first time, `status` included; also where another
        bridge is active."""
        self.connected = False
        """Whether the broker is connected and has acknowledged what is desired, or was waited for long enough."""

    # what others read

    @property
    def silent(self) -> bool:
        """Whether another bridge is active below this root: this one publishes and carries out nothing."""
        return self._presence.silent

    @property
    def instance(self) -> str:
        """Distinguishes this run of the bridge from all others, in `bridge/info`."""
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
    def reconnects(self) -> int:
        """How many connections there have been after the first one."""
        return max(self._connection.count - 1, 0)

    async def stored(self, topic: str) -> bytes:
        """What an earlier run has left on a topic below `bridge/`, empty for none; waits for the first connection."""
        await self._read.wait()
        return self._receiver.stored.get(topic, b"")

    # what others set

    def set_fresh(self, fresh: bool) -> None:  # noqa: FBT001 - the one thing that it sets
        """Set whether evcc's data are fresh: `status` is `online` only while they are and the mirror is `connected`."""
        self._fresh = fresh
        self._set_status()

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish a message that is not retained; False where it was dropped, as without a connection."""
        return self._answer(Message(f"{self._root}/{topic}", payload))

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        """Publish an answer on the absolute topic that a client named; False where none may go, or it was dropped."""
        below = self.tree.below(topic)
        if not may_respond(topic) or (below is not None and below in self.tree.topics):
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
        if self._scope is not None and not self._ended.is_set():
            self._scope.reschedule(asyncio.get_running_loop().time())
            await self._ended.wait()
        self._set_connected(connected=False)

    async def _publish_offline(self, link: Link) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH):
                await self.tree.publisher.idle()
        self.tree.publisher.silence(silent=True)
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
                    code = link.error.code
                    if any([self.tree.publisher.detach(code), self.discovery.publisher.detach(code)]):
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
            async for events in link.events():
                self._receiver.take(events)
            for task in tasks:
                task.cancel()

    async def _establish(self, link: Link, subscriptions: Subscriptions) -> None:
        """Read what the broker holds, publish what differs, then `status`."""
        with suppress(ConnectionFailed):  # the events end for the same reason
            async with self._gates.reading.place():
                self._presence.begin(link)
                readable = await subscriptions.read(self.tree.publisher)
                self._name_refusals(link, subscriptions, readable=readable)
                link.unsubscribe(self.discovery.filter)
                await self._presence.decide(link, other_online=self._receiver.is_other_online)
                self._adopt(link)
                self._receiver.decide()
            if not self.silent:
                await self._settle()
                self._set_connected(connected=not self._closing)
                self._connection.confirm()
                await self._settle()
            self.complete.set()

    def _name_refusals(self, link: Link, subscriptions: Subscriptions, *, readable: bool) -> None:
        self._diagnostics.set("read", None if readable else _unreadable(self._root, subscriptions, v5=link.v5))
        refused = "; ".join(f"{name}: {reason}" for name, reason in subscriptions.refused.items())
        self._diagnostics.set("subscribe", f"the broker refuses subscriptions: {refused}" if refused else None)

    def _adopt(self, link: Link) -> None:
        """Take what has been read for what is held."""
        for prefix in (self.tree, self.discovery):
            prefix.publisher.silence(silent=self.silent)
        self._read.set()
        self.tree.adopt(link, self._receiver.stored.get(PUBLISHED, ERASED))
        self.discovery.attach(link)

    async def _settle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ACKNOWLEDGED_WITHIN):
                await self.tree.settled()

    async def _maintain(self, link: Link, subscriptions: Subscriptions) -> None:
        while True:
            await asyncio.sleep(_TICK)
            subscriptions.check_stall()
            subscriptions.confirm()
            if subscriptions.returned:
                self._diagnostics.set("read", None)
            self._connection.check_held()
            if self._presence.tick(link):
                link.end()
            self._diagnostics.set("second bridge", self._presence.text())
            if not self.silent:
                self._erase_commands(link)
                self._maintain_topics()

    def _maintain_topics(self) -> None:
        for prefix in (self.tree, self.discovery):
            prefix.sweep()
            prefix.publisher.tick()
        evcc = self._conflicts.is_evcc_publishing()
        self.tree.publisher.pause(paused=evcc)
        self._conflicts.tick(self.tree.desired, self.tree.publisher.outcome, evcc=evcc)

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

    def _set_connected(self, *, connected: bool) -> None:
        self.connected = connected
        self._set_status()

    def _set_status(self) -> None:
        """What the will has published stands until the whole tree is there again."""
        payload = b"online" if self._fresh else b"offline"
        self.tree.replace({STATUS: Topics({STATUS: payload} if self.connected else {}, {})})


def _unreadable(root: str, subscriptions: Subscriptions, *, v5: bool) -> str:
    """Why what the broker holds cannot be read, and what to do."""
    if subscriptions.unwritable:
        return (
            f"the broker was reached, but does not let us write below {root} ({subscriptions.unwritable}); "
            f"give the login the right to write {root}/#"
        )
    if subscriptions.denied:
        write = "" if v5 else f", or not write {root}/#"  # without MQTT 5 it is not shown
        return f"the broker was reached, but does not let us read {root}/#{write}; give the login the right to do both"
    return f"the broker does not let us read {root}/#, or is too slow at it"
