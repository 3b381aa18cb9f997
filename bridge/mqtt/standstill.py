"""Notices that this process stood still: what it finds on the wire afterwards may be old."""

from collections.abc import Callable

from bridge.mqtt.link import Link
from bridge.mqtt.message import Message

_LONGEST = 2.0  # seconds between two signs of life; there is one every second


class Standstill:
    """Whether messages of this connection may be older than they seem.

    After a standstill the broker is sent something: all that it had written before comes before its acknowledgement.
    """

    def __init__(self, topic: str, now: Callable[[], float]) -> None:
        self._topic = topic
        self._now = now
        self._seen = now()
        self._unanswered = 0

    @property
    def doubtful(self) -> bool:
        """Whether what arrives now may have been sent long ago."""
        return self._unanswered > 0

    def begin(self) -> None:
        """Note a new connection, on which nothing is old but what the broker had stored."""
        self._unanswered = 0

    def alive(self, link: Link | None) -> None:
        """Note a sign of life."""
        before, self._seen = self._seen, self._now()
        if link is not None and self._seen - before > _LONGEST:
            self._unanswered += 1
            link.send(Message(self._topic, b""), self._answered, first=True)

    def _answered(self, _: str | None) -> None:
        self._unanswered -= 1
