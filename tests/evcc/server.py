"""A bare HTTP server for one test, which answers, or fails to, in any way."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.broker.mosquitto import HOST


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 200, body: bytes = b"{}", content_type: str = "application/json", **headers: str) -> Answer:
    """A whole answer; names of `headers` with `_` for `-`."""
    lines = {"Content-Type": content_type, "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return raw(f"HTTP/1.1 {status} Word\r\n{head}\r\n".encode("latin-1") + body)


def raw(data: bytes, *, end: str = "") -> Answer:
    """Any bytes, then perhaps the `end` of the connection: `close` or `reset`."""

    async def send(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if end == "reset":
            writer.transport.abort()
        elif end:
            writer.close()

    return send


async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
    """No answer at all."""


@dataclass
class Server:
    """The server: what it answers, and what it was asked."""

    answer: Answer = field(default_factory=answer)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, path: str = "", *, login: str = "", scheme: str = "http") -> str:
        return f"{scheme}://{login}{HOST}:{self.port}{path}"

    async def cut(self) -> None:
        """End all connections, and return when they have ended."""
        for writer in tuple(self._writers):
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, OSError, ValueError):
            while True:
                request = await _read(reader)
                self.requests.append(request)
                await self.answer(request, writer)
        self._writers.discard(writer)
        writer.close()


@asynccontextmanager
async def server(reply: Answer | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A running server, by default one that answers everything with an empty object."""
    made = Server(reply or answer())
    listening = await asyncio.start_server(made.serve, HOST, 0, ssl=tls)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()
        await made.cut()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))
