"""A TCP proxy that makes a connection as bad as a test needs it."""

import asyncio
import contextlib
import random
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.broker.mosquitto import HOST
from tests.broker.ports import free_port

_CHUNK = 65_536
_MQTT5 = 5
_CONNACK_UNACCEPTABLE_PROTOCOL = b"\x20\x02\x00\x01"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with all connections at present; several can be at once."""

    half_open: bool = False
    """Both directions are swallowed, neither end is told: even an end's closing is kept from the other."""
    mute: bool = False
    """New connections are accepted, and that is all."""
    delay: float = 0.0
    """Seconds that each chunk takes in each direction."""
    rate: int | None = None
    """Bytes per second in each direction."""
    corrupt: float = 0.0
    """Probability that one bit of a chunk is turned."""
    no_mqtt5: bool = False
    """An MQTT 5 CONNECT is refused as a broker does that knows 3.1.1 only."""
    no_answer: bool = False
    """With `no_mqtt5`: the connection is closed in place of the refusal."""


class Proxy:
    """Forwards a port of ours to one on this machine, with the `faults` set at the time."""

    def __init__(self, target: int, *, port: int | None = None, seed: int = 0) -> None:
        self.port = port or free_port()
        self.faults = Faults()
        self.accepted = 0
        self._target = target
        self._random = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.refuse()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._tasks)

    async def accept(self) -> None:
        """Listen (again)."""
        if not self._server:
            self._server = await asyncio.start_server(self._serve, HOST, self.port)

    def refuse(self) -> None:
        """Stop listening: new connections are refused, those there are stay."""
        if self._server:
            self._server.close()
            self._server = None

    def cut(self, *, reset: bool = False) -> None:
        """End all connections now, by FIN or by RST, to both ends."""
        for writer in self._writers:
            if reset:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    async def heal(self) -> None:
        """No faults any more. Connections that lost bytes on the way cannot be healed: they are cut."""
        lossy = self.faults.half_open or self.faults.mute or self.faults.corrupt
        self.faults = Faults()
        if lossy:
            self.cut()
        await self.accept()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        self.accepted += 1
        try:
            # a proxy's daily bread; cancelled, it is at its end, and asyncio's streams would log that as an error
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._connect(reader, writer)
        finally:
            self._tasks.discard(task)
            self._close(writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.faults.mute:
            while await reader.read(_CHUNK):
                pass
            return
        first = await self._first(reader, writer)
        if first is None:
            return
        there, back = await asyncio.open_connection(HOST, self._target)
        self._writers.add(back)
        back.write(first)
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._close(back)

    async def _first(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """What was read to see the protocol level; None when the connection was refused for it."""
        if not self.faults.no_mqtt5:
            return b""
        read = await reader.readexactly(2)
        while read[-1] & 0x80:  # the length goes on
            read += await reader.readexactly(1)
        read += await reader.readexactly(7)  # the name "MQTT" with its length, and the level
        if read[-1] != _MQTT5:
            return read
        writer.write(b"" if self.faults.no_answer else _CONNACK_UNACCEPTABLE_PROTOCOL)
        await writer.drain()
        return None

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Forward one direction until its source closes; a half-open connection keeps that for itself."""
        with contextlib.suppress(OSError):
            while chunk := await source.read(_CHUNK):
                await self._forward(chunk, sink)
        if not self.faults.half_open and sink.can_write_eof():
            sink.write_eof()

    async def _forward(self, chunk: bytes, sink: asyncio.StreamWriter) -> None:
        faults = self.faults
        pause = faults.delay + (len(chunk) / faults.rate if faults.rate else 0.0)
        if pause:
            await asyncio.sleep(pause)
        if self.faults.half_open:
            return
        if self._random.random() < faults.corrupt:
            chunk = self._corrupted(chunk)
        sink.write(chunk)
        await sink.drain()

    def _corrupted(self, chunk: bytes) -> bytes:
        broken = bytearray(chunk)
        broken[self._random.randrange(len(broken))] ^= 1 << self._random.randrange(8)
        return bytes(broken)

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
