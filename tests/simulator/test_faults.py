"""What goes wrong on demand, as a client sees it."""

import asyncio

import httpx
import orjson
import pytest

from evcc_simulator import Evcc
from evcc_simulator.faults import FAULTS


def _client(evcc: Evcc, timeout: float = 2) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=evcc.url, timeout=timeout)


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ("html", 200, "text/html; charset=utf-8"),
        ("redirect", 302, "text/plain; charset=utf-8"),
        ("unauthorized", 401, "text/plain; charset=utf-8"),
        ("missing", 404, "text/plain; charset=utf-8"),
        ("broken", 500, "text/plain; charset=utf-8"),
        ("gateway", 502, "text/plain; charset=utf-8"),
        ("empty", 200, "application/json"),
    ],
)
async def test_another_answer_in_its_place(fault: str, status: int, content_type: str) -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.fault(fault)
        reply = await client.get("/api/state")
    assert (reply.status_code, reply.headers["content-type"]) == (status, content_type)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("hang", httpx.ReadTimeout),
        ("reset", httpx.ReadError),
        ("cut", httpx.RemoteProtocolError),
        ("garbage", httpx.RemoteProtocolError),
        ("trickle", httpx.ReadTimeout),
    ],
)
async def test_no_whole_answer(fault: str, error: type[Exception]) -> None:
    async with Evcc() as evcc, _client(evcc, timeout=0.05) as client:
        evcc.fault(fault)
        with pytest.raises(error):
            await client.get("/api/state")


@pytest.mark.parametrize("fault", ["truncated", "empty", "deep"])
async def test_a_body_that_is_no_usable_json(fault: str) -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.fault(fault)
        reply = await client.get("/api/state")
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(reply.content)


async def test_other_types_everywhere() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.fault("types")
        told = (await client.get("/api/state")).json()
    assert told["pvPower"] == "many"
    assert told["siteTitle"] == len("Haus Süd")
    assert told["loadpoints"]["0"]["charging"] == [True]


async def test_a_huge_body_comes_in_pieces() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.fault("huge")
        async with client.stream("GET", "/api/state") as reply:
            assert int(reply.headers["content-length"]) > 150_000_000
            first = await anext(aiter(reply.aiter_raw()))
            [connection] = evcc.connections
            assert connection._transport.get_write_buffer_size() < 1_000_000
    assert first.isspace()


async def test_hits_only_its_paths_and_only_so_often() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.fault("gateway", "/api/loadpoints/", times=2)
        assert (await client.get("/api/state")).status_code == 200
        answers = [(await client.post("/api/loadpoints/1/mode/now")).status_code for _ in range(3)]
    assert answers == [502, 502, 200]


async def test_ends_when_told_to() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.fault("gateway")
        evcc.fault(None)
        assert (await client.get("/api/state")).status_code == 200


async def test_names_the_faults_that_there_are() -> None:
    async with Evcc() as evcc:
        with pytest.raises(ValueError, match="hang, reset"):
            evcc.fault("bogus")
        for name in FAULTS:
            evcc.fault(name)


async def test_a_hanging_connection_does_not_hold_up_the_end() -> None:
    async with Evcc() as evcc, _client(evcc, timeout=0.05) as client:
        evcc.fault("hang")
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/api/state")


async def test_no_http_is_answered_400() -> None:
    async with Evcc() as evcc:
        evcc.fault("garbage")
        reply = await _raw(evcc.port, b"nonsense\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 400 ")


async def _raw(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply
