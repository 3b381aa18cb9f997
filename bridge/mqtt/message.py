"""What goes over a connection, independent of the MQTT library: messages, acknowledgements, packets, limits."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from bridge.state.names import DEEPEST_TOPIC, LONGEST_TOPIC
from bridge.util.topics import is_topic

OVERHEAD = 64
"""Bytes of a PUBLISH beside topic, payload and correlation data, at most."""
ERASED = b""
"""The payload that erases a retained message."""
_MOST_WAITING = 1000
_MOST_BYTES = 8 * 2**20
_EXCESS_EVERY = 1.0  # seconds
_MOST_TOPICS = 40_000
_MOST_OF_ONE = 32  # messages on one topic of which none has come back: more are of no use
PUBLISH = 0x30
_LONGEST_LENGTH = 4  # bytes in which a packet's length is written (MQTT 1.5.5)
_HEAD = 2 + 65_535 + 2  # bytes of a PUBLISH that hold its topic and packet identifier


@dataclass(frozen=True, slots=True)
class Message:
    """A message on a topic.

    `response_topic` is absolute (a client names it); `expiry` is in seconds. These and `correlation` exist in
    MQTT 5 only and are None with MQTT 3.1.1.
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


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker's acknowledgement of the message that has `token`: reason code 0, or why it refuses."""

    token: int
    code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message that was too large to be read."""

    topic: str
    size: int


Event = Inbound | Acknowledged | Skipped


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker announced in its CONNACK (MQTT 5); the defaults are those of 3.1.1."""

    receive_maximum: int = 65_535
    maximum_packet: int | None = None
    maximum_qos: int = 1
    retain_available: bool = True

    @classmethod
    def of(cls, properties: object) -> "Limits":
        """Those in the properties of a CONNACK. QoS 2 is not used, whatever the broker takes."""
        return cls(
            getattr(properties, "ReceiveMaximum", 65_535),
            getattr(properties, "MaximumPacketSize", None),
            min(getattr(properties, "MaximumQoS", 1), 1),
            bool(getattr(properties, "RetainAvailable", True)),
        )


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
        if len(self._waiting) >= _MOST_WAITING or self._bytes + message.size > _MOST_BYTES:
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


class Echoes:
    """Our own messages that the broker has not delivered to us yet, by topic, in their order.

    The No Local option would keep them away, but brokers apply it differently: to stored messages, to overlapping
    subscriptions, or (3.1.1) not at all. Without it one subscription works the same way on all of them.
    """

    def __init__(self) -> None:
        self._root = ""
        self._sent: OrderedDict[str, deque[int]] = OrderedDict()

    def expect_below(self, root: str) -> None:
        """Note that everything below a root is delivered to us from now on."""
        self._root = f"{root}/"

    def sent(self, topic: str, payload: bytes) -> None:
        """Note a message that is sent."""
        if not self._root or not topic.startswith(self._root):
            return
        if (hashes := self._sent.get(topic)) is None:
            hashes = self._sent[topic] = deque(maxlen=_MOST_OF_ONE)
            if len(self._sent) > _MOST_TOPICS:
                self._sent.popitem(last=False)
        hashes.append(hash(payload))

    def came_back(self, topic: str, payload: bytes) -> bool:
        """Whether a message is one of ours; those sent before it on its topic do not come any more."""
        hashes = self._sent.get(topic)
        if hashes is None or hash(payload) not in hashes:
            return False
        while hashes.popleft() != hash(payload):
            pass
        if not hashes:
            del self._sent[topic]
        return True


class MalformedLength(Exception):
    """What came is no MQTT packet that a broker has reason to send."""


class Packet(NamedTuple):
    """A packet; `command` is its first byte. Of one that was `skipped` (its whole size) `body` is the beginning."""

    command: int
    body: bytes
    skipped: int = 0


class PacketReader:
    """Reads packets of at most `limit` bytes from chunks as they come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._needed = 2  # bytes until the next packet can be read
        self._to_skip = 0

    def feed(self, chunk: bytes) -> Iterator[Packet]:
        """Add what came; yields the packets that are complete. MalformedLength ends the connection."""
        if self._to_skip:
            skipped = min(self._to_skip, len(chunk))
            self._to_skip -= skipped
            chunk = chunk[skipped:]
        self._buffer += chunk
        if len(self._buffer) < self._needed:
            return
        data, position = bytes(self._buffer), 0
        self._buffer.clear()
        while packet := self._packet(data, position):
            position = packet[1]
            yield packet[0]
        self._buffer += data[position:]

    def _packet(self, data: bytes, start: int) -> tuple[Packet, int] | None:
        """The packet that begins at `start`, and where the next one begins."""
        begin, length = _length(data, start)
        if length is None:
            self._needed = len(data) - start + 1
            return None
        command, end = data[start], begin + length
        if end - start > self._limit:
            return self._skip(data, start, begin, end)
        if end > len(data):
            self._needed = end - start
            return None
        return Packet(command, data[begin:end]), end

    def _skip(self, data: bytes, start: int, begin: int, end: int) -> tuple[Packet, int] | None:
        if data[start] & 0xF0 != PUBLISH:
            raise MalformedLength(f"a packet of {end - start} bytes that is no message")
        head = min(end, begin + _HEAD)
        if head > len(data):
            self._needed = head - start
            return None
        self._to_skip = max(end - len(data), 0)
        return Packet(data[start], data[begin:head], end - start), min(end, len(data))


def may_respond(topic: str) -> bool:
    """Whether an answer may go to a topic: a wrong one ends the connection, and a command it must not become."""
    if len(topic) > LONGEST_TOPIC or topic.count("/") > DEEPEST_TOPIC:
        return False
    return is_topic(topic) and not topic.endswith("/set")


def _length(data: bytes, start: int) -> tuple[int, int | None]:
    """Where a packet's body begins, and its length in bytes; None while that has not come."""
    length = 0
    for index in range(_LONGEST_LENGTH):
        position = start + 1 + index
        if position >= len(data):
            return position, None
        length |= (data[position] & 0x7F) << (7 * index)
        if data[position] < 0x80:
            return position + 1, length
    raise MalformedLength("a packet without a valid length")
