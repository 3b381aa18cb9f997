"""Answers and frames that are no evcc's, or far too much: the daemon goes on, and takes evcc up again afterwards."""

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from tests.attacks.memory import MEGABYTE, bounded, cpu_seconds, highest, resident, show
from tests.broker.client import client
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.evcc.server import Answer, Request, Server, answer, raw, server
from tests.site.running import Bridge

pytestmark = pytest.mark.broker

STATE = (Path(__file__).parents[1] / "recordings/0.313.2/state.json").read_bytes()
WAIT = 60.0
STATUS, RESULT, PROBLEM = "evcc/status", "evcc/site/prioritySoc/result", "evcc/bridge/problem"
LOCATIONS = (
    "evcc:7070/login", "localhost:login", "a:b", "http:x", "mailto:a", "http://[::1", "//", "http://evcc:99999/",
    "\xff", "https://user:pa ss@host/", "javascript:alert(1)", "http://\u2603/", "x" * 7000,
)  # fmt: skip


def bomb(layers: int, size: int) -> bytes:
    """Zeros, compressed again and again."""
    body = bytes(size)
    for _ in range(layers):
        body = gzip.compress(body)
    return body


def head(*lines: str, body: bytes = b"", status: str = "200 OK") -> Answer:
    text = "".join(f"{line}\r\n" for line in lines)
    return raw(f"HTTP/1.1 {status}\r\n{text}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)


JSON = "Content-Type: application/json"
ANSWERS: dict[str, Answer] = {
    **{
        f"redirect-{number}": head(f"Location: {where}".encode().decode("latin-1"), status="302 Found")
        for number, where in enumerate(LOCATIONS)
    },
    "cookie-latin-1": head(JSON, "Set-Cookie: lang=M\xfcller", body=b"[]"),
    "gzip-gzip": head(JSON, "Content-Encoding: gzip, gzip", body=bomb(2, 1_400 * MEGABYTE // 10)),
    "gzip": head(JSON, "Content-Encoding: gzip", body=bomb(1, 200 * MEGABYTE)),
    "deflate": head(JSON, "Content-Encoding: deflate", body=zlib.compress(bytes(50 * MEGABYTE))),
    "coding-unknown": head(JSON, "Content-Encoding: br, zstd", body=STATE),
    "length-not-a-number": raw(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
    "length-negative": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
    "length-huge": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{", end="close"),
    "no-http": raw(b"SSH-2.0-OpenSSH_9.2\r\n", end="close"),
    "endless-header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 500_000, end="close"),
    "informational-for-ever": raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, end="close"),
    "stranger": answer(body=b'{"name":"openHAB","version":"4"}'),
    "stranger-list": answer(body=b'[{"name":"openHAB"}]'),
    "login-page": answer(body=b"<html>login</html>", content_type="text/html"),
    "deep": answer(body=b"[" * 100_000 + b"]" * 100_000),
    "not-utf-8": answer(body=b'{"loadpoints":[],"siteTitle":"\xff\xfe"}'),
    "pattern": answer(body=orjson.dumps({"fatal": "//:x" * 2_000_000 + " @", "version": "1", "loadpoints": []})),
    "status-999": raw(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
    "empty": answer(body=b""),
}  # fmt: skip


class Switched:
    """Answers with `attack` while there is one, else as an evcc without `/ws`."""

    def __init__(self) -> None:
        self.attack: Answer | None = None
        self.attacked = 0
        self._changed = asyncio.Event()

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if self.attack is not None:
            self.attacked += 1
            self._changed.set()
            await self.attack(request, writer)
        elif request.target.startswith("/api/state"):
            await answer(body=STATE)(request, writer)
        else:
            await answer(404, b"404 page not found\n", "text/plain")(request, writer)

    async def until_attacked(self, times: int) -> None:
        async with asyncio.timeout(WAIT):
            while self.attacked < times:
                self._changed.clear()
                await self._changed.wait()


@pytest.mark.parametrize("name", ANSWERS)
async def test_any_answer_leaves_the_daemon_running_and_small(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path, name: str
) -> None:
    evcc = Switched()
    async with server(evcc) as listening, Bridge(listening.url(), broker, tmp_path / "log", EVCC_PUSH="off") as bridge:
        await recorder.value("evcc/status", "online", wait=WAIT)
        assert bridge.process is not None
        async with bounded(bridge.process.pid, f"evcc answers: {name}", 64 * MEGABYTE):
            evcc.attack = ANSWERS[name]
            await evcc.until_attacked(3)
            await recorder.until(lambda: recorder.last("evcc/bridge/evcc") != b"online", WAIT)
            await recorder.value("evcc/status", "offline", wait=WAIT)
            evcc.attack = None
            await recorder.value("evcc/bridge/evcc", "online", wait=WAIT)
            await recorder.value("evcc/status", "online", wait=WAIT)
        assert bridge.process.returncode is None
        assert "Traceback" not in bridge.text()
        assert await bridge.stop() == 0


@pytest.mark.parametrize("command", ["check", "topics", "export openhab"])
@pytest.mark.parametrize(
    "name", ["redirect-0", "redirect-8", "cookie-latin-1", "gzip-gzip", "no-http", "stranger", "deep"]
)
async def test_a_command_ends_with_a_sentence(broker: Mosquitto, tmp_path: Path, name: str, command: str) -> None:
    async with server(ANSWERS[name]) as listening:
        bridge = Bridge(listening.url(), broker, tmp_path / "log")
        process = await bridge.command(*command.split())
        async with asyncio.timeout(WAIT):
            out, errors = await process.communicate()
        assert process.returncode == 1
        assert b"Traceback" not in out + errors
        assert len((out + errors).strip()) > 20


async def test_cookies_are_neither_kept_nor_sent(broker: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    """A login page sets a new cookie name each time: kept, they fill the header until a proxy answers 400 for ever."""
    evcc = Switched()
    listening: Server
    async with server(evcc) as listening, Bridge(listening.url(), broker, tmp_path / "log", EVCC_PUSH="off") as bridge:
        await recorder.value("evcc/status", "online", wait=WAIT)
        evcc.attack = head(JSON, "Set-Cookie: session=1; Path=/", body=b"[]")
        await evcc.until_attacked(3)
        evcc.attack = None
        await recorder.value("evcc/status", "online", wait=WAIT)
        assert not [request for request in listening.requests if "cookie" in request.headers]
        assert await bridge.stop() == 0


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(lambda: orjson.dumps({"loadpoints": [{"mode": "pv"}] * 20_000, "version": "1"}), id="loadpoints"),
        pytest.param(
            lambda: orjson.dumps({"vehicles": {f"v{n}": {"title": "x"} for n in range(20_000)}, "loadpoints": []}),
            id="vehicles",
        ),
        pytest.param(lambda: orjson.dumps({"loadpoints": [], **{f"k{n}": n for n in range(100_000)}}), id="keys"),
        pytest.param(
            lambda: orjson.dumps({"loadpoints": [{f"k{n}": n for n in range(100_000)}]}), id="keys-of-a-loadpoint"
        ),
        pytest.param(lambda: orjson.dumps({"loadpoints": [], "x" * 5_000_000: 1}), id="long-key"),
        pytest.param(
            lambda: orjson.dumps({"loadpoints": [], "pv": [{"power": n} for n in range(50_000)]}), id="meters"
        ),
    ],
)
async def test_a_state_beyond_all_bounds_is_cut_and_commands_are_answered(
    broker: Mosquitto,
    record: Callable[..., Awaitable[Recorder]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    start: Callable[[], bytes],
) -> None:
    body = start()
    # each by itself: a recorder of everything would be slower than the bridge
    status, result, problem = [await record(broker, topic) for topic in (STATUS, RESULT, PROBLEM)]

    async def evcc(asked: Request, writer: asyncio.StreamWriter) -> None:
        whole = asked.target.startswith("/api/state") and asked.method == "GET"
        await answer(body=body if whole else b'{"result":1}')(asked, writer)

    async with server(evcc) as listening, Bridge(listening.url(), broker, tmp_path / "log", EVCC_PUSH="off") as bridge:
        await status.value(STATUS, "online", wait=WAIT)
        assert bridge.process is not None
        async with client(broker) as sender:
            await sender.publish("evcc/site/prioritySoc/set", "50", qos=1)
        await result.until(lambda: result.last(RESULT), WAIT)
        pid = bridge.process.pid
        show(f"evcc's state: {request.node.callspec.id}", 0, highest(pid), resident(pid), cpu_seconds(pid))
        assert highest(pid) < 250 * MEGABYTE
        assert problem.last(PROBLEM)
        assert await bridge.stop() == 0
