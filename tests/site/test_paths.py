"""How many files a value, a command and a reconnect pass on their way, traced while a bridge runs."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bridge import report
from bridge.commands import lender
from bridge.evcc import reader
from bridge.mqtt import connection, mirror
from evcc_simulator import Evcc
from tests.broker.client import client
from tests.broker.mosquitto import HOST, Mosquitto
from tests.broker.proxy import Proxy
from tests.broker.recorder import Recorder
from tests.site.running import running, settings

pytestmark = pytest.mark.broker

BRIDGE = Path(__file__).parents[2] / "bridge"
ROUNDS = 5
_CALM = 0.3  # seconds after a round, in which what it has caused (the poll after a command) comes to its end


@contextmanager
def traced(end: bytes) -> Iterator[set[str]]:
    """The files of `bridge/` in which a function is called until the MQTT library publishes on the topic `end`."""
    files: set[str] = set()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        path = frame.f_code.co_filename
        if path.startswith(f"{BRIDGE}/"):
            files.add(str(Path(path).relative_to(BRIDGE)))
        elif frame.f_code.co_name == "_send_publish" and frame.f_locals.get("topic") == end:
            sys.setprofile(None)

    sys.setprofile(profile)
    try:
        yield files
    finally:
        sys.setprofile(None)


async def always(end: str, rounds: Callable[[int], Awaitable[None]]) -> list[str]:
    """The files that every one of a few rounds passes: what happens beside it (polls, timers) is in some only."""
    common: set[str] | None = None
    for number in range(ROUNDS):
        await asyncio.sleep(_CALM)
        with traced(end.encode()) as files:
            await rounds(number)
        common = files if common is None else common & files
    return sorted(common or ())


async def test_a_pushed_value_passes_at_most_nine_files(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc={"interval": 60, "push_interval": 60})):
        await recorder.value("evcc/status", "online")

        async def push(number: int) -> None:
            evcc.set("loadpoints.0.chargePower", 1000 + number)
            await recorder.value("evcc/loadpoints/1/chargePower", str(1000 + number))

        await push(99)
        files = await always("evcc/loadpoints/1/chargePower", push)
    assert {"evcc/push.py", "mqtt/client.py"} <= set(files)
    assert len(files) <= 9, files


async def test_a_command_passes_at_most_ten_files(broker: Mosquitto, recorder: Recorder) -> None:
    topic = "evcc/loadpoints/1/limitSoc"
    async with (
        Evcc(still=True) as evcc,
        running(settings(evcc, broker, evcc={"interval": 60, "push_interval": 60}, discovery={"homeassistant": False})),
        client(broker) as sender,
    ):
        await recorder.value("evcc/status", "online")

        async def command(number: int) -> None:
            seen = len(recorder.payloads(f"{topic}/result"))
            await sender.publish(f"{topic}/set", "85", qos=1)
            await recorder.until(lambda: len(recorder.payloads(f"{topic}/result")) > seen)

        await command(0)
        files = await always(f"{topic}/result", command)
    assert {"mqtt/client.py", "evcc/client.py"} <= set(files)
    assert len(files) <= 10, " ".join(files)


async def test_a_reconnect_passes_at_most_fourteen_files(
    broker: Mosquitto, recorder: Recorder, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (lender, mirror, reader, report):  # what happens every second has nothing to do with a reconnect
        monkeypatch.setattr(module, "_TICK", 60.0)
    monkeypatch.setattr(connection, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(connection, "_LONG_PAUSE", 0.01)
    options = {"interval": 60, "push_interval": 60}
    async with Evcc(still=True) as evcc, running(settings(evcc, f"mqtt://{HOST}:{proxy.port}", evcc=options)):
        await recorder.value("evcc/status", "online")

        async def reconnect(_: int) -> None:
            seen = recorder.payloads("evcc/status").count(b"online")
            proxy.cut()
            await recorder.until(lambda: recorder.payloads("evcc/status").count(b"online") > seen)

        await reconnect(0)
        files = await always("evcc/status", reconnect)
    assert {"mqtt/connection.py", "mqtt/client.py"} <= set(files)
    assert len(files) <= 14, " ".join(files)
