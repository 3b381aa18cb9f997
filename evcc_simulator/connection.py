"""One TCP connection to the simulated evcc: HTTP/1.1, or /ws after the upgrade. Answers can be made to go wrong."""

import asyncio
import gzip
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from itertools import repeat
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
from websockets.datastructures import Headers

from evcc_simulator.messages import Answer, Delivery, Request
from evcc_simulator.push import Socket

_TRICKLE_BYTES = 16
_TRICKLE_SECONDS = 0.1
_LINGER_NOT = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """Whom the connection serves."""

    connections: set["Connection"]

    def respond(self, request: Request) -> Answer | None:
        """The answer; None when the request is for `/ws` and is to be upgraded."""

    def join(self, socket: Socket) -> None: ...
    def leave(self, socket: Socket) -> None: ...


class Connection(asyncio.Protocol):
    """Answers every request in the callback that its last byte comes in: no task, no delay."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._http = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._socket: Socket | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._out = b""
        self._slow = False
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP and TLS give nothing else
        self._transport = transport
        self._owner.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it ended does not matter
        self._owner.connections.discard(self)
        if self._socket:
            self._owner.leave(self._socket)
        if self._timer:
            self._timer.cancel()

    def abort(self) -> None:
        """End it at once, with a reset."""
        if connected := self._transport.get_extra_info("socket"):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()

    def pause_writing(self) -> None:
        self._paused = True
        if self._socket:
            self._socket.pause()

    def resume_writing(self) -> None:
        self._paused = False
        if self._socket:
            self._socket.resume()
        else:
            self._pump()

    def data_received(self, data: bytes) -> None:
        if self._socket:
            self._socket.receive(data)
            return
        try:
            self._http.receive_data(data)
            self._advance()
        except h11.RemoteProtocolError:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request")
            self._transport.close()

    def _advance(self) -> None:
        while True:
            match self._http.next_event():
                case h11.Request() as head:
                    self._head, self._body = head, bytearray()
                case h11.Data() as data:
                    self._body += data.data
                case h11.EndOfMessage():
                    self._respond()
                    return
                case _:
                    return

    def _respond(self) -> None:
        assert self._head is not None  # noqa: S101 - a message ends only after it began
        request = _read(self._head, bytes(self._body))
        answer = self._owner.respond(request)
        if answer is None:
            self._socket = Socket(self._transport, request.target, Headers(request.headers))
            self._owner.join(self._socket)
        else:
            self._deliver(_compressed(answer, request))

    def _deliver(self, answer: Answer) -> None:
        half = answer.body[: len(answer.body) // 2]
        match answer.delivery:
            case Delivery.HANG:
                pass
            case Delivery.RAW:
                self._transport.write(answer.body)
                self._transport.close()
            case Delivery.RESET:
                self._start(answer, iter((half,)))
                self.abort()
            case Delivery.CUT:
                self._start(answer, iter((half,)))
                self._transport.close()
            case Delivery.TRICKLE:
                self._start(answer, _crumbs(answer.body))
            case Delivery.WHOLE:
                self._start(answer, repeat(answer.body, answer.repeat))

    def _start(self, answer: Answer, pieces: Iterator[bytes]) -> None:
        headers = {
            "Content-Type": answer.content_type,
            "Date": formatdate(usegmt=True),
            "Content-Length": str(len(answer.body) * answer.repeat),
            **answer.headers,
        }
        self._slow = answer.delivery is Delivery.TRICKLE
        self._pieces = pieces
        self._out = self._http.send(h11.Response(status_code=answer.status, headers=list(headers.items()))) or b""
        self._pump(whole=answer.delivery not in (Delivery.RESET, Delivery.CUT))

    def _pump(self, *, whole: bool = True) -> None:
        """Send pieces as long as the client takes them; then make ready for the next request."""
        for piece in self._pieces:
            self._write(piece)
            if self._slow:
                self._timer = asyncio.get_running_loop().call_later(_TRICKLE_SECONDS, self._pump)
                return
            if self._paused:
                return
        if whole and self._http.our_state is h11.SEND_BODY:
            self._http.send(h11.EndOfMessage())
            self._next()

    def _write(self, piece: bytes) -> None:
        """Send a piece of the body, together with the head before the first."""
        self._transport.write(self._out + (self._http.send(h11.Data(data=piece)) or b""))
        self._out = b""

    def _next(self) -> None:
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
        else:
            self._http.start_next_cycle()
            self._advance()


def _read(head: h11.Request, body: bytes) -> Request:
    target = head.target.decode("latin-1")
    parts = urlsplit(target)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode(), target, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)


def _crumbs(body: bytes) -> Iterator[bytes]:
    return (body[at : at + _TRICKLE_BYTES] for at in range(0, len(body), _TRICKLE_BYTES))


def _compressed(answer: Answer, request: Request) -> Answer:
    """As evcc: everything is compressed for those who take it."""
    if "gzip" not in request.headers.get("accept-encoding", "") or answer.delivery is Delivery.RAW or answer.repeat > 1:
        return answer
    headers = {**answer.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return replace(answer, body=_zipped(answer.body), headers=headers)


@lru_cache(maxsize=4)
def _zipped(body: bytes) -> bytes:
    """Kept for the bodies that come again and again while nothing changes."""
    return gzip.compress(body, 6, mtime=0)
