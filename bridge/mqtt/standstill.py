"""Notices that this process stood still: what it finds on the wire afterwards may be old."""

import secrets
from collections.abc import Callable

from bridge.errors import BrokerError
from bridge.mqtt.link import Link
from bridge.mqtt.message import Message

_LONGEST = 2.0  # seconds between two signs of life; there is one every second


class Standstill:
    """Whether messages of this connection may be older than they seem.

    After a standstill a marker goes to the broker and comes back behind all that has waited for us: in the socket, and
    in the broker's queue, as only so many messages are under way at a time. A broker that does not let us subscribe to
    it only acknowledges it: that comes behind what was in the socket.
    """

    def __init__(self, topic: str, now: Callable[[], float]) -> None:
        self._topic = topic
        self._now = now
        self._seen = now()
        self._ours = secrets.token_hex(8).encode()
        self._count = 0
        self._comes_back = False
        self.doubtful = False
        """Whether what arrives now may have been sent long ago."""

    def begin(self) -> None:
        """Note a new connection, on which nothing is old but what the broker had stored."""
        self._comes_back = self.doubtful = False

    async def listen(self, link: Link) -> None:
        """Subscribe to the marker, as commands are: with QoS 1, so that it waits in the same queue."""
        try:
            await link.subscribe(self._topic, qos=1, retained=False)
        except BrokerError:
            return
        self._comes_back = True

    def alive(self, link: Link | None) -> None:
        """Note a sign of life."""
        before, self._seen = self._seen, self._now()
        if link is not None and self._seen - before > _LONGEST:
            self._count += 1
            self.doubtful = True
            self.ask(link)

    def ask(self, link: Link | None) -> None:
        """Send the marker while there is doubt; again and again, as a broker drops what its queue has no room for."""
        if self.doubtful and link is not None:
            marker = self._marker
            done = None if self._comes_back else lambda _: self._end(marker)
            link.send(Message(self._topic, marker), done, first=True)

    def came_back(self, message: Message) -> bool:
        """Whether a message is a marker of ours; the newest one ends the doubt."""
        ours = message.topic == self._topic and message.payload.startswith(self._ours)
        if ours:
            self._end(message.payload)
        return ours

    @property
    def _marker(self) -> bytes:
        return self._ours + b" %d" % self._count

    def _end(self, marker: bytes) -> None:
        if marker == self._marker:
            self.doubtful = False
