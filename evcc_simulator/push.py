"""evcc's `/ws`: the whole state at first, then a frame for every published value."""

import asyncio
from collections import deque
from enum import Enum

import orjson
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from evcc_simulator.house import Frame
from evcc_simulator.simulation import Simulation

BACKLOG = 1_024
"""So many frames wait for a slow client; with one more it is cut off."""


class PushFault(Enum):
    """What can be wrong with `/ws`."""

    MISSING = "missing"
    """404, as behind a proxy that does not pass it on."""
    SILENT = "silent"
    """Nothing is sent any more, not even at first."""
    CLOSING = "closing"
    """Every connection is closed as soon as it is made."""
    GARBAGE = "garbage"
    """Frames hold no JSON."""


class Socket:
    """One client of `/ws`, on a transport whose bytes and flow control its owner passes on."""

    def __init__(self, transport: asyncio.Transport, path: str, headers: Headers) -> None:
        self._transport = transport
        self._protocol = ServerProtocol(max_size=1 << 20)
        self._backlog: deque[bytes] = deque()
        self._paused = False
        self._greet(path, headers)

    def _greet(self, path: str, headers: Headers) -> None:
        self._protocol.receive_data(Request(path, headers).serialize())
        for request in self._protocol.events_received():
            assert isinstance(request, Request)  # noqa: S101 - the protocol's first event is always that
            self._protocol.send_response(self._protocol.accept(request))
        self._flush()

    def receive(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._protocol.events_received()
        self._flush()

    def send(self, payload: bytes) -> None:
        """Send a frame, or keep it while the client is slow, up to `BACKLOG`; nothing once the connection closes."""
        if self._protocol.state is not State.OPEN:
            return
        if self._paused:
            self._backlog.append(payload)
            if len(self._backlog) > BACKLOG:
                self._transport.abort()
        else:
            self._protocol.send_text(payload)
            self._flush()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        while self._backlog and not self._paused:
            self.send(self._backlog.popleft())

    def close(self) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1001)
            self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        if self._protocol.close_expected():
            self._transport.close()


class Hub:
    """All clients of `/ws`."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.sockets: set[Socket] = set()
        self.fault: PushFault | None = None

    def join(self, socket: Socket) -> None:
        """Welcome a client: everything in one frame, and then each forecast."""
        self.sockets.add(socket)
        if self.fault is PushFault.CLOSING:
            socket.close()
            return
        house = self._simulation.house
        self._send(socket, orjson.dumps(dict(house.flat())))
        if "forecast" in house.document():
            for key, value in house.shards().items():
                self._send(socket, orjson.dumps({key: value}))

    def leave(self, socket: Socket) -> None:
        self.sockets.discard(socket)

    def broadcast(self, frame: Frame) -> None:
        if self.sockets:
            payload = orjson.dumps(frame)
            for socket in tuple(self.sockets):
                self._send(socket, payload)

    def break_with(self, fault: PushFault | None) -> None:
        """Let a fault begin, or end it; one that takes connections away takes the present ones too."""
        self.fault = fault
        if fault in (PushFault.MISSING, PushFault.CLOSING):
            for socket in tuple(self.sockets):
                socket.close()

    def _send(self, socket: Socket, payload: bytes) -> None:
        match self.fault:
            case PushFault.SILENT | PushFault.CLOSING:
                pass
            case PushFault.GARBAGE:
                socket.send(b"not JSON: " + payload[:20])
            case _:
                socket.send(payload)
