"""Messages in and out, independent of the MQTT library, and the bounded queue of those that wait for their reader."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from bridge.state.names import DEEPEST_TOPIC, LONGEST_TOPIC

OVERHEAD = 64
"""Bytes of a PUBLISH beside topic, payload and correlation data, at most."""
ERASED = b""
"""The payload that erases a retained message."""
_MOST_MESSAGES = 1000
_MOST_BYTES = 8 * 2**20
_EXCESS_EVERY = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Message:
    """A message on a topic.

    `response_topic` is absolute (a client names it); `expiry` is in seconds. These and `correlation` exist in
    MQTT 5 only and are None where the broker speaks 3.1.1.
    """

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1
    response_topic: str | None = None
    correlation: bytes | None = None
    expiry: int | None = None

    @property
    def size(self) -> int:
        """Bytes of a PUBLISH with this message, at most."""
        return len(self.topic.encode()) + len(self.payload) + len(self.correlation or b"") + OVERHEAD


@dataclass(frozen=True, slots=True)
class Inbound(Message):
    """A command or request, on a topic below the root.

    `stale`: it was stored, replayed, or waited while the process was stopped; it must not be carried out.
    `arrived` is the event loop's time at which it was read from the socket.
    `excess`: the queue was full; the message is passed on without its payload, to be refused, at most once a second.
    """

    stale: bool = False
    arrived: float = 0.0
    excess: bool = False


class MessageQueue:
    """Messages that wait for one reader: at most 1000 of them, and at most 8 MB. What comes beyond is dropped.

    Once a second one of those dropped is passed on as `excess`.
    """

    def __init__(self) -> None:
        self._waiting: deque[Inbound] = deque()
        self._bytes = 0
        self._arrival = asyncio.Event()
        self._next_excess = 0.0
        self._held = False
        self.dropped = 0
        """Messages for which there was no room."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Inbound) -> None:
        """Add a message, or drop it."""
        if len(self._waiting) >= _MOST_MESSAGES or self._bytes + message.size > _MOST_BYTES:
            self.dropped += 1
            if message.arrived < self._next_excess:
                return
            self._next_excess = message.arrived + _EXCESS_EVERY
            message = replace(message, payload=b"", excess=True)
        self._waiting.append(message)
        self._bytes += message.size
        self._arrival.set()

    def hold(self) -> None:
        """Pass nothing on until `release`."""
        self._held = True

    def release(self) -> None:
        """Pass on what waits, and what comes."""
        self._held = False
        self._arrival.set()

    def drain(self) -> list[Inbound]:
        """Take everything that waits."""
        messages = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return messages

    def __aiter__(self) -> AsyncIterator[Inbound]:
        return self

    async def __anext__(self) -> Inbound:
        while self._held or not self._waiting:
            self._arrival.clear()
            await self._arrival.wait()
        message = self._waiting.popleft()
        self._bytes -= message.size
        return message


def may_respond(topic: str) -> bool:
    """Whether an answer may go to a topic: a wrong one ends the connection, and a command it must not become."""
    if not 0 < len(topic) <= LONGEST_TOPIC or topic.count("/") > DEEPEST_TOPIC:
        return False
    return not topic.endswith("/set") and not any(character in topic for character in "+#\0")
