"""Cuts the bytes of a connection into MQTT packets, and skips a message that is too large without buffering it."""

from collections.abc import Iterator
from typing import NamedTuple

PUBLISH = 0x30
_LONGEST_LENGTH = 4  # bytes in which a packet's length is written (MQTT 1.5.5)
_HEAD = 2 + 65_535 + 2  # bytes of a PUBLISH that hold its topic and packet identifier


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
