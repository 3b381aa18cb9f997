"""The stream of events, over real sockets: what comes first, what changes, many and slow readers, the end."""

import asyncio
import json
import socket
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from bridge.commands.answer import Entry
from bridge.web import feed, server, view
from bridge.web.api import _MOST_STREAMS
from bridge.web.feed import Feed
from bridge.web.server import Server
from tests.web import serving as page
from tests.web.house import House


@asynccontextmanager
async def serving(**web: Any) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
    """A house whose page is served, and a client of it."""
    limits = httpx.Limits(max_connections=None)
    async with page.serving(**web) as (house, url), httpx.AsyncClient(base_url=url, timeout=20, limits=limits) as http:
        yield house, http


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in response.aiter_lines():
        key, _, text = line.partition(": ")
        if key == "event":
            name = text
        elif key == "data":
            yield name, json.loads(text)


async def next_of(found: AsyncIterator[tuple[str, Any]], wanted: str) -> Any:
    async with asyncio.timeout(10):
        async for name, data in found:
            if name == wanted:
                return data
    raise AssertionError("the stream has ended")


class TestEvents:
    async def test_everything_comes_first_then_what_changes(self) -> None:
        async with serving() as (house, http), http.stream("GET", "/api/stream") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            found = events(response)
            first = [await anext(found) for _ in range(5)]
            assert [name for name, _ in first] == ["hello", "topics", "health", "journal", "log"]
            assert first[0][1]["write"] is False
            assert first[1][1].keys() == {f"evcc/{topic}" for topic in house.site.mirror.tree.topics}
            house.site.mirror.tree.set("x", {"site/one": b"1"})
            assert (await next_of(found, "topics"))["evcc/site/one"]["value"] == "1"
            house.site.mirror.tree.set("x", {})
            assert (await next_of(found, "topics"))["evcc/site/one"] is None

    async def test_commands_problems_and_log_lines(self) -> None:
        async with serving() as (house, http), http.stream("GET", "/api/stream") as response:
            found = events(response)
            await next_of(found, "log")
            house.site.dispatcher.journal.add(Entry(1.0, "site/a", "1", None, {"status": "stale"}))
            (entry,) = await next_of(found, "journal")
            assert (entry["topic"], entry["status"]) == ("evcc/site/a", "stale")
            house.site.diagnostics.set("x", "something is wrong")
            assert (await next_of(found, "health"))["evcc"]["problem"] == "something is wrong"
            house.lines.add("info", {"event": "hello"})
            assert (await next_of(found, "log"))[-1][1:] == ["info", "hello"]

    async def test_each_change_comes_at_once(self) -> None:
        loop = asyncio.get_running_loop()
        async with serving() as (house, http), http.stream("GET", "/api/stream") as response:
            found = events(response)
            await next_of(found, "log")
            delays = []
            for number in range(20):
                began = loop.time()
                house.site.mirror.tree.set("x", {"site/one": b"%d" % number})
                while "evcc/site/one" not in await next_of(found, "topics"):
                    pass
                delays.append(loop.time() - began)
        assert sorted(delays)[len(delays) // 2] < 0.2


class TestSlowReaders:
    def test_a_feed_keeps_little(self) -> None:
        one = Feed()
        for number in range(2000):
            one.add("topics", number)
        assert one.after(0) is None
        assert one.after(one.end) == b""
        assert one.after(one.end - 1) == b"event: topics\ndata: 1999\n\n"

    def test_nor_many_bytes(self) -> None:
        one = Feed()
        for _ in range(10):
            one.add("topics", "x" * (feed._MOST_BYTES // 4))
        assert one.after(one.end - 3) is not None
        assert one.after(one.end - 5) is None

    async def test_whoever_is_too_slow_gets_everything_again(self) -> None:
        house = House()
        reader = house.view.events()
        names = [(await anext(reader)).split(b"\n")[0] for _ in range(6)]
        for number in range(600):
            house.site.mirror.tree.set("x", {"site/one": b"%d" % number})
            house.view.refresh()
        names += [(await anext(reader)).split(b"\n")[0] for _ in range(2)]
        await reader.aclose()
        assert names[0] == names[-2] == b"event: hello"
        assert names[-1] == b"event: topics"

    async def test_a_client_that_does_not_read_is_left_alone_for_a_while_only(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(server, "_UNREAD", 0.3)
        async with serving() as (house, http):
            payload = b"x" * 200_000
            connection = socket.create_connection(("127.0.0.1", http.base_url.port or 0))
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_sendall(
                connection, b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
            async with asyncio.timeout(20):
                while not house.view.readers:  # noqa: ASYNC110 - nothing sets an event for it
                    await asyncio.sleep(0.01)
                number = 0
                while house.view.readers:  # it never reads
                    number += 1
                    house.site.mirror.tree.set("x", {f"site/one{number % 20}": b"%d" % number + payload})
                    await asyncio.sleep(0.01)
            connection.close()
            assert (await http.get("/healthz")).status_code == 200


class TestManyReaders:
    @pytest.mark.slow
    async def test_200_streams_and_no_more(self) -> None:
        async with serving() as (house, http), AsyncExitStack() as stack:
            streams = [
                events(await stack.enter_async_context(http.stream("GET", "/api/stream"))) for _ in range(_MOST_STREAMS)
            ]
            for stream in streams:
                await next_of(stream, "log")
            assert house.view.readers == _MOST_STREAMS
            assert (await http.get("/api/stream")).status_code == 503
            house.site.mirror.tree.set("x", {"site/one": b"1"})
            for stream in streams:
                while "evcc/site/one" not in await next_of(stream, "topics"):
                    pass

    async def test_a_closed_stream_is_forgotten(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(view, "_HEARTBEAT", 0.1)
        async with serving() as (house, http):
            async with http.stream("GET", "/api/stream") as response:
                await next_of(events(response), "log")
                assert house.view.readers == 1
            async with asyncio.timeout(5):
                while house.view.readers:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    async def test_connections_beyond_a_limit_are_closed(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(server, "_MOST_CONNECTIONS", 5)
        async with serving() as (_, http):
            port = http.base_url.port
            some = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
            async with asyncio.timeout(5):
                assert await some[-1][0].read() == b""
            for _, writer in some:
                writer.close()


class TestSlowRequests:
    @pytest.mark.parametrize(
        "begun",
        [
            b"",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
            b"POST /api/set HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea",
        ],
    )
    async def test_a_request_that_does_not_end_is_ended(self, begun: bytes, monkeypatch: Any) -> None:
        monkeypatch.setattr(server, "_REQUEST", 0.2)
        async with serving(write=True) as (_, http):
            reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
            writer.write(begun)
            async with asyncio.timeout(4):  # less than what uvicorn keeps an idle connection for
                with suppress(ConnectionResetError):
                    await reader.read()
            writer.close()

    @pytest.mark.parametrize(
        "bytes_", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 100_000, b"\x00" * 1000]
    )
    async def test_what_is_no_request_disturbs_nothing(self, bytes_: bytes) -> None:
        async with serving() as (_, http):
            reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
            writer.write(bytes_ + b"\r\n\r\n")
            async with asyncio.timeout(5):
                with suppress(ConnectionResetError):
                    await reader.read()
            writer.close()
            assert (await http.get("/healthz")).status_code == 200


class TestEnd:
    async def test_it_ends_at_once_though_streams_are_open(self) -> None:
        async with serving() as (house, http):
            reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port, limit=2**20)
            writer.write(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b"event: log\n")
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 2
        assert not house.view.readers
        writer.close()

    async def test_a_port_in_use_is_waited_for(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(server, "_FIRST_PAUSE", 0.05)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            house = House(listen=f"127.0.0.1:{port}")
            async with TaskGroup() as group:
                running = group.create_task(Server(house.settings.web, {"evcc": house.site}, house.lines).run())
                await asyncio.sleep(0.1)
                taken.close()
                async with asyncio.timeout(10), httpx.AsyncClient() as http:
                    while True:
                        try:
                            assert (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
                        except httpx.ConnectError:
                            await asyncio.sleep(0.05)
                        else:
                            break
                running.cancel()
