"""Reads what the broker holds, decides what is stale or live (here and only here), and brings messages to their place.

There is one subscription for each part of the tree, so that nothing depends on how a broker handles those that overlap.
"""

import asyncio
import math
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from enum import Enum, auto

import orjson

from bridge.mqtt.client import Link
from bridge.mqtt.conflicts import Conflicts
from bridge.mqtt.desired import Discovery, Tree
from bridge.mqtt.message import Acknowledged, Event, Inbound, Message, MessageQueue, Skipped
from bridge.mqtt.ownership import BESIDE_SCOPES, MARKER, PUBLISHED, is_in_scope
from bridge.mqtt.presence import PRESENCE, Presence
from bridge.mqtt.publisher import Publisher
from bridge.util.diagnostics import Diagnostics

CHECK = "bridge/check/"
"""What `evcc-bridge check` publishes beside a bridge that runs, and erases."""
_STATUS, _INFO = "status", "bridge/info"
_STORED = frozenset({_STATUS, _INFO, PUBLISHED, "bridge/leases", "bridge/journal", "bridge/shape", "bridge/vehicles"})
_COPY = 30.0  # seconds in which a copy of our own message may come back by another broker
_AGAIN = 1.0  # seconds until the marker is sent again: a broker drops what its queue has no room for
_SILENCE = 5.0  # seconds in which nothing comes, after which the marker is not waited for any more
_DENIED = 1.5  # the same, of a marker that the broker has acknowledged: it does not pass on what we publish
_LOOK = 0.25  # seconds between two looks at it
_LONGEST = 120.0  # seconds for reading all, on however slow a line
# Seconds without a stored message after which all have come: HiveMQ and aedes deliver a live message, such as the
# marker, before those that are stored.
_QUIET = 0.25
_STALLED = 2.0  # seconds between two runs of the event loop's tasks, one of which runs every second
_SET = "/set"
_DEEPEST_COMMAND = 6


class Kind(Enum):
    """What a message is."""

    OWN = auto()  # a marker
    COMMAND = auto()
    REQUEST = auto()
    STORED = auto()  # held by the broker when we subscribed
    LIVE = auto()  # somebody publishes it just now


class Subscriptions:
    """One connection's view of the root, from the subscription on. `others` are further filters, absolute.

    Stored messages have the retain flag; live ones never have it, as it is not asked to be kept. Some brokers leave it
    out of stored messages too, so nothing is live before a marker of ours has come back. After a stall of this process
    nothing is, either, until a new marker has come back behind all that has waited.
    """

    def __init__(self, link: Link, root: str, others: Sequence[str]) -> None:
        self._link = link
        self._root = root
        self._others = tuple(others)
        self._topic = f"{root}/{MARKER}{secrets.token_hex(8)}"
        self._count = 0
        self._returned = asyncio.Event()
        self._returns = True
        self._token: int | None = None
        self._arrived = self._last_stored = self._last_run = _now()
        self.live = False
        """Whether the marker has come back, or was waited for long enough."""
        self.stalled = False
        """Whether what arrives now may have been sent long ago."""
        self._acknowledged_at = math.inf
        self.unwritable = ""
        """The broker's reason to refuse what we publish below the root."""
        self.refused: dict[str, str] = {}
        """Filters that the broker refuses, with its reasons."""

    async def read(self, publisher: Publisher) -> bool:
        """Subscribe, and return when `publisher` has been given what is held; False where that cannot be read."""
        await self._subscribe()
        self._returned.clear()
        readable = f"{self._root}/#" not in self.refused and await self._wait_for_marker()
        self.live, self._returns = True, self._returned.is_set()
        if readable and not publisher.holds_everything:
            self._last_stored = max(self._last_stored, _now())
            await self._quiet()
        return readable

    @property
    def returned(self) -> bool:
        """Whether the marker has come back: what is published below the root can be read there."""
        return self._returned.is_set()

    @property
    def denied(self) -> bool:
        """Whether the broker has acknowledged the marker, and passes on neither that nor anything else."""
        return not self.returned and _now() - max(self._acknowledged_at, self._arrived) > _DENIED

    def kind(self, message: Inbound) -> tuple[Kind, Inbound]:
        """What a message is; of a command or request also whether it is stale, and with its topic below the root."""
        self.check_stall()
        self._arrived = message.arrived
        if message.topic == self._topic:
            self._take_marker(message)
            return Kind.OWN, message
        stored = message.retain or not self.live
        topic = message.topic.removeprefix(f"{self._root}/")
        if topic is not message.topic and (topic.endswith(_SET) or topic.startswith("bridge/request/")):
            # whether a live message was published with the retain flag is not shown: it is erased in any case
            stale = stored or self.stalled
            kind = Kind.COMMAND if topic.endswith(_SET) else Kind.REQUEST
            return kind, replace(message, topic=topic, retain=True, stale=stale)
        if not stored:
            return Kind.LIVE, message
        self._last_stored = message.arrived
        return Kind.STORED, message

    def check_stall(self) -> None:
        """Note that the process runs; called about once a second, and for each message."""
        before, self._last_run = self._last_run, _now()
        if self._last_run - before > _STALLED:
            self._count += 1
            self.stalled = True
            self.confirm()

    def confirm(self) -> None:
        """Send the marker while what arrives may be old; called about once a second."""
        if self.stalled:
            self._send_marker()

    def acknowledged(self, acknowledgement: Acknowledged) -> None:
        """Take the acknowledgement of a marker: where markers do not come back it is the best there is."""
        if acknowledgement.token != self._token:
            return
        if not self._returns:
            self.stalled = False
        self.unwritable = acknowledgement.reason
        self._acknowledged_at = min(self._acknowledged_at, _now())

    async def _subscribe(self) -> None:
        whole = f"{self._root}/#"
        self._link.expect_echoes(self._root)
        self.refused = await self._link.subscribe((whole, *self._others))
        if whole in self.refused:
            commands = (f"{self._root}/{'+/' * depth}set" for depth in range(1, _DEEPEST_COMMAND))
            parts = (*commands, f"{self._root}/bridge/request/+", f"{self._root}/{MARKER}+", f"{self._root}/status")
            self.refused |= await self._link.subscribe(parts)

    async def _wait_for_marker(self) -> bool:
        began = self._arrived = _now()
        sent = -math.inf
        while not self._returned.is_set():
            is_silent = _now() - self._arrived > _SILENCE or _now() - began > _LONGEST
            if self.unwritable or self.denied or is_silent:
                return False
            if _now() - sent >= _AGAIN:
                sent = _now()
                self._send_marker()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._returned.wait()
        return True

    async def _quiet(self) -> None:
        latest = _now() + _LONGEST
        while (remaining := min(self._last_stored + _QUIET, latest) - _now()) > 0:  # noqa: ASYNC110 - silence is no event
            await asyncio.sleep(remaining)

    def _send_marker(self) -> None:
        self._token = self._link.send(Message(self._topic, b"%d" % self._count), first=True, returns=True)

    def _take_marker(self, message: Inbound) -> None:
        if message.payload == b"%d" % self._count:
            self._returned.set()
            self.live = True
            self.stalled = False


class Receiver:
    """Takes the events of one connection after another."""

    def __init__(
        self,
        *,
        tree: Tree,
        discovery: Discovery,
        conflicts: Conflicts,
        presence: Presence,
        diagnostics: Diagnostics,
    ) -> None:
        self._tree = tree
        self._discovery = discovery
        self._conflicts = conflicts
        self._presence = presence
        self._diagnostics = diagnostics
        self._link: Link | None = None
        self._subscriptions: Subscriptions | None = None
        self._stopped = False
        self.commands = MessageQueue()
        self.requests = MessageQueue()
        self.stored: dict[str, bytes] = {}
        """What was stored on some topics below `bridge/` when the present connection began, and on `status`."""

    @property
    def is_other_online(self) -> bool:
        """Whether another bridge is online, by the stored `status` and `bridge/info`."""
        if self.stored.get(_STATUS) != b"online":
            return False
        try:
            info = orjson.loads(self.stored.get(_INFO, b"null"))
        except orjson.JSONDecodeError:
            return True
        return not (isinstance(info, dict) and info.get("instance") == self._presence.instance)

    def begin(self, link: Link, subscriptions: Subscriptions) -> None:
        """Begin on a new connection."""
        self._link, self._subscriptions = link, subscriptions
        self.stored.clear()
        for queue in (self.commands, self.requests):
            queue.hold()  # it is not decided yet whether this bridge or another one takes them
        self._tree.publisher.begin()
        self._discovery.publisher.begin()

    def decide(self) -> None:
        """Pass on what has come since the connection began, or drop it where another bridge takes it."""
        for queue in (self.commands, self.requests):
            if self._presence.silent:
                queue.drain()
            queue.release()

    def stop(self) -> None:
        """Take no requests any more; a command that still comes has an answer from its queue."""
        self._stopped = True

    def take(self, events: list[Event]) -> None:
        """Take what came from the broker."""
        link, subscriptions = self._link, self._subscriptions
        if link is None or subscriptions is None:
            return
        for event in events:
            match event:
                case Acknowledged():
                    self._tree.publisher.acknowledged(event) or self._discovery.publisher.acknowledged(event)
                    subscriptions.acknowledged(event)
                case Inbound():
                    self._take_message(event, link, subscriptions)
                case Skipped(topic, size):
                    text = f"a message of {size} bytes on {topic} is larger than mqtt.max_packet and was not read"
                    self._diagnostics.set("not read", text)

    def _take_message(self, message: Inbound, link: Link, subscriptions: Subscriptions) -> None:
        kind, message = subscriptions.kind(message)
        match kind:
            case Kind.COMMAND if message.payload and not self._leaves_to_other():
                self.commands.put(message)
            case Kind.REQUEST if not self._stopped and not self._leaves_to_other():
                self.requests.put(message)
            case Kind.STORED | Kind.LIVE if self._tree.below(message.topic) == PRESENCE:
                if not message.retain and self._presence.take(message.payload, link):
                    link.end()
            case Kind.STORED if message.retain or not link.v5:
                self._note_stored(message)
            case Kind.LIVE:
                self._note_published(message, link)

    def _leaves_to_other(self) -> bool:
        return self._presence.decided and self._presence.silent

    def _note_stored(self, message: Inbound) -> None:
        if (topic := self._tree.below(message.topic)) is not None:
            if topic in _STORED:
                self.stored[topic] = message.payload
            if topic != _STATUS:  # the will's, or an earlier run's: published anew on each connection
                self._tree.note_stored(topic, message.payload)
        elif (topic := self._discovery.below(message.topic)) is not None and message.topic != self._discovery.birth:
            self._discovery.note_stored(topic, message.payload)

    def _note_published(self, message: Inbound, link: Link) -> None:
        """Note what somebody else publishes just now."""
        topic = self._tree.below(message.topic)
        if topic is None:
            if message.topic == self._discovery.birth and message.payload == b"online":
                self._discovery.republish()
        elif self._presence.silent:
            if topic == _STATUS and message.payload == b"offline":
                self._presence.note_offline(link)
        elif not self._presence.decided:
            self._tree.note_stored(topic, message.payload)
        elif is_in_scope(topic):
            self._conflicts.note(topic, copy=self._tree.publisher.sent_within(topic, _COPY))
            if not topic.startswith((MARKER, CHECK)):
                self._correct(topic, message.payload)

    def _correct(self, topic: str, payload: bytes) -> None:
        wrong = self._tree.observe(topic, payload)
        if wrong and topic not in BESIDE_SCOPES and not self._tree.publisher.paused:
            self._conflicts.note_corrected(topic)


def _now() -> float:
    return asyncio.get_running_loop().time()
