"""Messages that are far too large or far too many: the daemon goes on, stays small, and answers commands again."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from evcc_simulator import Evcc
from tests.attacks.memory import MEGABYTE, bounded, highest, resident
from tests.broker.client import client, properties_of
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import Bridge

pytestmark = pytest.mark.broker

WAIT = 60.0
FLOOD = 8  # seconds
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])
TOPIC = "evcc/loadpoints/1/limitSoc"


async def commanded(broker: Mosquitto, recorder: Recorder, value: int) -> None:
    """Publish a command until it is answered `ok`: what came before it may have to be worked off first."""
    async with client(broker) as sender, asyncio.timeout(WAIT):
        while True:
            seen = len(recorder.payloads(f"{TOPIC}/result"))
            await sender.publish(f"{TOPIC}/set", str(value), qos=1)
            await recorder.until(lambda seen=seen: len(recorder.payloads(f"{TOPIC}/result")) > seen, WAIT)  # type: ignore[misc]
            if orjson.loads(recorder.payloads(f"{TOPIC}/result")[-1])["status"] == "ok":
                return


@VERSIONS
@pytest.mark.parametrize("retain", [False, True], ids=["live", "retained"])
@pytest.mark.parametrize("topic", ["evcc/notes", "evcc/loadpoints/1/mode", "evcc/loadpoints/1/mode/set"])
async def test_one_huge_message(
    broker: Mosquitto,
    record: Callable[..., Awaitable[Recorder]],
    tmp_path: Path,
    topic: str,
    version: str,
    *,
    retain: bool,
) -> None:
    recorder = await record(broker, "evcc/#")
    async with (
        Evcc(still=True) as evcc,
        Bridge(evcc, broker, tmp_path / "log", MQTT_VERSION=version) as bridge,
    ):
        await recorder.value("evcc/status", "online", wait=WAIT)
        assert bridge.process is not None
        pid = bridge.process.pid
        before = resident(pid)
        async with bounded(pid, f"100 MB on {topic}, {'retained' if retain else 'live'}, {version}", 30 * MEGABYTE):
            async with client(broker) as sender:
                await sender.publish(topic, bytes(100 * MEGABYTE), qos=1, retain=retain, timeout=WAIT)
            await commanded(broker, recorder, 77)
        assert bridge.text().count("\n") < 60
        assert await bridge.stop() == 0
        await recorder.fresh()
        await bridge.start()
        await recorder.value("evcc/status", "online", wait=WAIT)
        assert highest(bridge.process.pid) - before < 30 * MEGABYTE


async def test_many_topics_of_nobody(broker: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log") as bridge, client(broker) as sender:
        await recorder.value("evcc/status", "online", wait=WAIT)
        assert bridge.process is not None
        pid = bridge.process.pid
        async with bounded(pid, "2,000 topics of 100 kB below a vehicle that evcc does not list", 60 * MEGABYTE):
            for number in range(2000):
                await sender.publish(f"evcc/vehicles/nobody/x{number}", bytes(100_000), qos=0)
            await commanded(broker, recorder, 78)
        assert await bridge.stop() == 0


async def test_a_flood_of_commands_with_response_topics(
    broker: Mosquitto, tmp_path: Path, record: Callable[..., Awaitable[Recorder]]
) -> None:
    recorder = await record(broker, "evcc/loadpoints/1/limitSoc/result")
    status = await record(broker, "evcc/status")
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log") as bridge, client(broker) as sender:
        await status.value("evcc/status", "online", wait=WAIT)
        assert bridge.process is not None
        pid = bridge.process.pid
        loop = asyncio.get_running_loop()
        end = loop.time() + FLOOD
        sent = 0
        properties = properties_of("answers/flood", None, None, ())
        async with bounded(pid, "commands with a response topic, as fast as they go", 60 * MEGABYTE):
            while loop.time() < end:
                for _ in range(100):
                    await sender.publish(f"{TOPIC}/set", str(sent % 100), qos=0, properties=properties)
                    sent += 1
            await commanded(broker, recorder, 79)
        assert loop.time() - end < 30
        assert len(evcc.requests.matching("POST")) < sent
        assert await bridge.stop() == 0
