"""A small reverse proxy with TLS and a login, as it stands before an evcc that is reached from outside.

It passes on whatever it lets through, `/ws` and the `Authorization` header included: so do nginx and the tunnel of
evcc.cloud.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.broker.authority import Authority
from tests.broker.mosquitto import HOST

_UNAUTHORIZED = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=evcc\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 13\r\nConnection: close\r\n\r\nUnauthorized\n"
)


def basic(user: str, password: str) -> str:
    """The header of a basic login."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Proxy:
    """Lets requests with the right `Authorization` through to evcc's port, one on each connection."""

    behind: int
    wanted: str
    port: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)
    """The path and the `Authorization` of each request."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with suppress(asyncio.IncompleteReadError, OSError):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            self.seen.append((first.split()[1], headers.get("authorization", "")))
            if headers.get("authorization") != self.wanted:
                writer.write(_UNAUTHORIZED)
                await writer.drain()
            else:
                if "upgrade" not in headers:  # else the next request would come in unseen
                    headers["connection"] = "close"
                head = "\r\n".join([first, *(f"{name}: {value}" for name, value in headers.items())]) + "\r\n\r\n"
                await self._pass_on(head.encode("latin-1"), reader, writer)
        writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        evcc_reader, evcc_writer = await asyncio.open_connection(HOST, self.behind)
        evcc_writer.write(head)
        upwards = asyncio.create_task(_copy(reader, evcc_writer))
        try:
            await _copy(evcc_reader, writer)
        finally:
            upwards.cancel()
            evcc_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def reverse_proxy(behind: int, wanted: str, authority: Authority) -> AsyncIterator[Proxy]:
    """A running proxy, whose certificate is of an authority of its own."""
    files = authority.server()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.cert, files.key)
    proxy = Proxy(behind, wanted)
    listening = await asyncio.start_server(proxy.serve, HOST, 0, ssl=tls)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
