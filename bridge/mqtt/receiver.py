"""Brings what comes from the broker to where it belongs: queues, held topics, corrections, the other bridge."""

import orjson

from bridge.mqtt.conflicts import Conflicts
from bridge.mqtt.desired import Discovery, Tree
from bridge.mqtt.link import Link
from bridge.mqtt.message import Inbound, MessageQueue
from bridge.mqtt.ownership import BESIDE_SCOPES, PUBLISHED, is_in_scope
from bridge.mqtt.presence import PRESENCE, Presence
from bridge.mqtt.protocol import Acknowledged, Event, Skipped
from bridge.mqtt.subscriptions import MARKER, Kind, Subscriptions
from bridge.util.diagnostics import Diagnostics

CHECK = "bridge/check/"
"""What `evcc-bridge check` publishes beside a bridge that runs, and erases."""
_STATUS, _INFO = "status", "bridge/info"
_STORED = frozenset({_STATUS, _INFO, PUBLISHED, "bridge/leases", "bridge/journal", "bridge/changes"})
_COPY = 30.0  # seconds in which a copy of our own message may come back by another broker


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
        """Whether what was stored says that another bridge is online."""
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
            case Kind.COMMAND if message.payload and not (self._presence.decided and self._presence.silent):
                self.commands.put(message)
            case Kind.REQUEST if not self._stopped and not (self._presence.decided and self._presence.silent):
                self.requests.put(message)
            case Kind.STORED | Kind.LIVE if self._tree.below(message.topic) == PRESENCE:
                if not message.retain and self._presence.take(message.payload, link):
                    link.end()
            case Kind.STORED if message.retain or not link.v5:
                self._note_stored(message)
            case Kind.LIVE:
                self._note_published(message, link)

    def _note_stored(self, message: Inbound) -> None:
        if (topic := self._tree.below(message.topic)) is not None:
            if topic in _STORED:
                self.stored[topic] = message.payload
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
