import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from aiomqtt.exceptions import MqttConnectError

from tests.broker.client import V5, V311, client
from tests.broker.mosquitto import HOST, Mosquitto
from tests.broker.ports import free_port
from tests.broker.proxy import Faults, Proxy
from tests.patience import PATIENCE

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SILENCE = 0.1  # seconds without an answer that show that none comes


class Echo:
    """A server that says back what it hears, and how its connections ended."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard = bytearray()
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65_536):
                self.heard += chunk
                writer.write(chunk)
                await writer.drain()
        self.ended.set()
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    server = Echo()
    async with await asyncio.start_server(server.serve, HOST, server.port):
        yield server


@pytest.fixture
async def proxy(start_proxy: Callable[[int], Awaitable[Proxy]], echo: Echo) -> Proxy:
    return await start_proxy(echo.port)


@pytest.fixture
async def connect(proxy: Proxy) -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    opened: list[asyncio.StreamWriter] = []

    async def connect() -> Streams:
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        opened.append(writer)
        return reader, writer

    yield connect
    for writer in opened:
        writer.close()


Connect = Callable[[], Awaitable[Streams]]


async def say(streams: Streams, text: bytes, wait: float = 5.0) -> bytes:
    reader, writer = streams
    writer.write(text)
    async with asyncio.timeout(wait):
        return await reader.readexactly(len(text))


async def test_it_forwards_and_closes(connect: Connect, echo: Echo, proxy: Proxy) -> None:
    streams = await connect()
    assert await say(streams, b"x" * 300_000) == b"x" * 300_000
    streams[1].close()
    async with asyncio.timeout(PATIENCE):
        await echo.ended.wait()


@pytest.mark.parametrize("reset", [False, True])
async def test_cut(connect: Connect, echo: Echo, proxy: Proxy, reset: bool) -> None:
    streams = await connect()
    await say(streams, b"hello")
    proxy.cut(reset=reset)
    async with asyncio.timeout(PATIENCE):
        await echo.ended.wait()
        if reset:
            with pytest.raises(ConnectionResetError):
                await streams[0].read()
        else:
            assert await streams[0].read() == b""
    assert await say(await connect(), b"again") == b"again"


async def test_half_open_swallows_all_even_the_end(connect: Connect, echo: Echo, proxy: Proxy) -> None:
    streams = await connect()
    await say(streams, b"hello")
    proxy.faults = Faults(half_open=True)
    with pytest.raises(TimeoutError):
        await say(streams, b"lost", SILENCE)
    streams[1].close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SILENCE):
            await echo.ended.wait()
    assert echo.heard == b"hello"
    await proxy.heal()
    async with asyncio.timeout(PATIENCE):
        await echo.ended.wait()
    assert await say(await connect(), b"again") == b"again"


async def test_delay_and_rate(connect: Connect, proxy: Proxy) -> None:
    streams = await connect()
    loop = asyncio.get_running_loop()
    for faults in (Faults(delay=0.05), Faults(rate=200)):
        proxy.faults = faults
        begin = loop.time()
        await say(streams, b"0123456789")
        assert loop.time() - begin >= 0.1
    await proxy.heal()
    assert await say(streams, b"same connection", 1.0)


async def test_corruption_turns_one_bit(connect: Connect, proxy: Proxy, echo: Echo) -> None:
    streams = await connect()
    sent = bytes(100)
    proxy.faults = replace(proxy.faults, corrupt=1.0)
    await say(streams, sent)
    assert sum(byte.bit_count() for byte in echo.heard) == 1


async def test_refused_connections(connect: Connect, proxy: Proxy) -> None:
    streams = await connect()
    await say(streams, b"hello")
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect()
    assert await say(streams, b"old ones live") == b"old ones live"
    await proxy.heal()
    assert await say(await connect(), b"again") == b"again"


async def test_a_mute_listener(connect: Connect, proxy: Proxy, echo: Echo) -> None:
    proxy.faults = Faults(mute=True)
    with pytest.raises(TimeoutError):
        await say(await connect(), b"hello?", SILENCE)
    assert not echo.heard


async def test_an_unreachable_target_closes(start_proxy: Callable[[int], Awaitable[Proxy]]) -> None:
    proxy = await start_proxy(free_port())
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    writer.close()


async def test_a_broker_without_mqtt5(broker: Mosquitto, start_proxy: Callable[[int], Awaitable[Proxy]]) -> None:
    proxy = await start_proxy(broker.port)
    proxy.faults = Faults(no_mqtt5=True)
    with pytest.raises(MqttConnectError, match="Unsupported protocol version"):
        await client(broker, port=proxy.port, version=V5).__aenter__()
    async with client(broker, port=proxy.port, version=V311) as connection:
        await connection.publish("a", "1", qos=1)
