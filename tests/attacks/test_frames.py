"""Frames of `/ws` that are no evcc's, or far too much: the daemon goes on, stays small, and ends when it is to end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tests.attacks.memory import MEGABYTE, RETURNED, bounded
from tests.broker.mosquitto import HOST, Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import Bridge

pytestmark = pytest.mark.broker

STATE = (Path(__file__).parents[1] / "recordings/0.313.2/state.json").read_bytes()
WAIT = 60.0
STATUS, POWER = "evcc/status", "evcc/site/homePower"
ENDS_WITHIN = 5.0  # seconds
_NO_NUMBERS = (-1, "9" * 5000, "x", "", "\u0661")
FRAMES: dict[str, list[bytes]] = {
    "keys": [orjson.dumps({f"k{number}": number for number in range(40_000)})],
    "keys-in-many-frames": [
        orjson.dumps({f"{'k' * 200}{number}.{frame}": number for number in range(1000)}) for frame in range(40)
    ],
    "keys-of-a-loadpoint": [orjson.dumps({f"loadpoints.0.k{number}": number for number in range(40_000)})],
    "loadpoints": [orjson.dumps({f"loadpoints.{number}.mode": "pv" for number in range(40_000)})],
    "loadpoint-numbers": [orjson.dumps({f"loadpoints.{name}.mode": "pv" for name in _NO_NUMBERS})],
    "vehicles": [orjson.dumps({"vehicles": {f"v{number}": {"title": "x"} for number in range(40_000)}})],
    "long-text": [orjson.dumps({"siteTitle": "x" * 5_000_000})],
    "long-key": [orjson.dumps({"x" * 5_000_000: 1})],
    "deep": [b'{"a":' * 100_000 + b"1" + b"}" * 100_000],
    "no-json": [b"\xff\xfe{", b"[]", b"null", b'"text"', b"", b"{"],
    "too-long-to-be-read": [b'{"a":"' + b"x" * (40 * MEGABYTE) + b'"}'],
}  # fmt: skip
# on a busy machine up to 58 MB remain of this one, in pages that Python's allocator still uses in part
REMAINING = {"keys-in-many-frames": 80 * MEGABYTE}


class Pushing:
    """An evcc that sends its state, then once the frames of an attack, and from then on its power, ever again."""

    def __init__(self, frames: list[bytes]) -> None:
        self.url = ""
        self.attack = asyncio.Event()
        self._frames = frames

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Pushing"]:
        async with serve(self._push, HOST, 0, process_request=self._respond, compression=None) as listening:
            self.url = f"http://{HOST}:{listening.sockets[0].getsockname()[1]}"
            yield self

    async def _respond(self, _: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/ws"):
            return None
        found = request.path.startswith("/api/state")
        body = STATE if found else b"404 page not found"
        kind = "application/json" if found else "text/plain"
        headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
        return Response(200 if found else 404, "OK" if found else "Not Found", headers, body)

    async def _push(self, connection: ServerConnection) -> None:
        await connection.send(STATE, text=True)
        await self.attack.wait()
        frames, self._frames = self._frames, []
        for frame in frames:
            await connection.send(frame, text=True)
        power = 0
        while True:
            power += 1
            await connection.send(orjson.dumps({"homePower": 10_000 + power}), text=True)
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("name", FRAMES)
async def test_any_frame_leaves_the_daemon_running_and_small(
    broker: Mosquitto, record: Callable[..., Awaitable[Recorder]], tmp_path: Path, name: str
) -> None:
    # each by itself: a recorder of everything would be slower than the bridge
    status, power = [await record(broker, topic) for topic in (STATUS, POWER)]
    async with (
        Pushing(FRAMES[name]).listening() as evcc,
        Bridge(evcc.url, broker, tmp_path / "log", EVCC_PUSH_INTERVAL="5") as bridge,
    ):
        await status.value(STATUS, "online", wait=WAIT)
        assert bridge.process is not None
        async with bounded(
            bridge.process.pid, f"a frame of evcc: {name}", 150 * MEGABYTE, REMAINING.get(name, RETURNED)
        ):
            evcc.attack.set()
            await power.until(lambda: float(power.last(POWER) or 0) > 10_000, WAIT)
        assert "Traceback" not in bridge.text()
        began = asyncio.get_running_loop().time()
        assert await bridge.stop() == 0
        assert asyncio.get_running_loop().time() - began < ENDS_WITHIN
        await status.value(STATUS, "offline", wait=WAIT)
