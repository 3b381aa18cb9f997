"""The page of a house on a port of its own, and a proxy that has it below a prefix."""

import asyncio
import re
from asyncio import StreamReader, StreamWriter, TaskGroup
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from bridge.settings import Web
from bridge.site import Site
from bridge.util.recent_lines import RecentLines
from bridge.web.server import Server
from tests.broker.ports import free_port
from tests.web.house import TODAY, House


@asynccontextmanager
async def serving(release: str | None = TODAY, port: int | None = None, **web: Any) -> AsyncIterator[tuple[House, str]]:
    """A house without evcc and broker whose page is served; its address."""
    port = port or free_port()
    house = House(release, listen=f"127.0.0.1:{port}", **web)
    page = Server(house.settings.web, {"evcc": house.site}, house.lines)
    house.view = page._view
    async with _running(page, port):
        yield house, f"http://127.0.0.1:{port}"


@asynccontextmanager
async def serving_sites(
    web: Web, sites: Mapping[str, Site], wrong: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """The page of sites that run, and of those that do not for what is `wrong`; its address."""
    async with _running(Server(web, sites, RecentLines(), wrong or {}), int(str(web.listen).rpartition(":")[2])):
        yield f"http://{web.listen}"


@asynccontextmanager
async def proxied(url: str, prefix: str, headers: Mapping[str, str]) -> AsyncIterator[str]:
    """A reverse proxy that cuts `prefix` off, and adds headers."""
    host, port = re.fullmatch(r"http://(.+):(\d+)", url).groups()  # type: ignore[union-attr]

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            added = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Connection": "close"}.items())
            head = re.sub(rb"(?i)\r\n(connection|host):[^\r]*", b"", head).replace(f" {prefix}".encode(), b" ", 1)
            there_writer.write(head[:-2] + f"Host: {host}:{port}\r\n{added}\r\n".encode())
            async with TaskGroup() as group:
                group.create_task(_pipe(reader, there_writer))
                await _pipe(there_reader, writer)
                writer.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            there_writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{prefix}/"
    server.close()


async def _pipe(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def _running(page: Server, port: int) -> AsyncIterator[None]:
    async with TaskGroup() as group:
        task = group.create_task(page.run())
        await _until_open(port)
        yield
        task.cancel()


async def _until_open(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
