"""A stop at any moment ends soon, with `offline` on `status` and an answer to every command."""

import asyncio
from collections import Counter
from pathlib import Path
from signal import SIGHUP

import orjson
import pytest

from bridge.settings import Settings
from bridge.site import Site
from evcc_simulator import Evcc
from tests.broker.client import client, plant, retained
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import Bridge, settings

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(600)]

STEP = 0.01
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])
STOPPED_WITHIN = 2.0  # seconds
BUSY = 5  # a machine that does much else may take so many times as long


async def stopped_after(options: Settings, seconds: float) -> float:
    """Run a site for so long, stop it, and return how long the stop took."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(Site(options).run())
    await asyncio.wait([task], timeout=seconds)
    assert not task.done()
    began = loop.time()
    task.cancel()
    await asyncio.wait([task], timeout=60)
    assert task.cancelled()
    return loop.time() - began


@VERSIONS
async def test_a_site_stopped_in_any_phase_leaves_offline(broker: Mosquitto, version: str) -> None:
    """In steps of 10 ms through start, connect, reading the retained topics, subscribing, publishing, online."""
    async with Evcc(still=True) as evcc:
        options = settings(evcc, broker, mqtt={"version": version})
        await stopped_after(options, 2)  # a tree is stored from here on
        slowest = 0.0
        for step in range(60):
            await plant(broker, {"evcc/status": "online"})  # as an earlier run without an end has left it
            slowest = max(slowest, await stopped_after(options, step * STEP))
            status = (await retained(broker, "evcc/status")).get("evcc/status")
            # a bridge that has not reached the broker cannot change what is stored there
            assert status == b"offline" or step * STEP < 0.1, f"stopped after {step * STEP:.2f} s"
    assert slowest < STOPPED_WITHIN * BUSY


@VERSIONS
async def test_commands_around_a_stop_are_answered_once(broker: Mosquitto, recorder: Recorder, version: str) -> None:
    """Whether evcc answers or hangs."""
    topic, values = "evcc/loadpoints/1/limitSoc", range(50, 56)
    async with Evcc(still=True) as evcc, client(broker) as sender:
        options = settings(evcc, broker, mqtt={"version": version}, discovery={"homeassistant": False})
        for step in range(10):
            task = asyncio.ensure_future(Site(options).run())
            await recorder.value("evcc/status", "online")
            await recorder.fresh()
            if step % 2:
                evcc.fault("hang", "/api/loadpoints")
            for soc in values:
                await sender.publish(f"{topic}/set", str(soc), qos=1)
            await asyncio.wait([task], timeout=step * STEP)
            task.cancel()
            await asyncio.wait([task], timeout=60)
            assert task.cancelled()
            evcc.fault(None)
            await recorder.value("evcc/status", "offline")
            await recorder.until(lambda: len(recorder.payloads(f"{topic}/result")) >= len(values))
            answers = [orjson.loads(payload) for payload in recorder.payloads(f"{topic}/result")]
            assert Counter(answer["value"] for answer in answers) == Counter(values), (step, answers)
            assert {answer["status"] for answer in answers} <= {"ok", "superseded", "failed"}, (step, answers)


async def test_a_stop_soon_after_a_new_configuration_leaves_offline(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    config = tmp_path / "bridge.toml"
    async with Evcc(still=True) as evcc:
        for step in range(3, 21, 2):
            config.write_text(f"[mqtt]\nkeepalive = {step + 5}\n")
            async with Bridge(evcc, broker, tmp_path / "log", CONFIG=str(config)) as bridge:
                await recorder.value("evcc/status", "online")
                config.write_text(f"[mqtt]\nkeepalive = {step + 6}\n")
                bridge.signal(SIGHUP)
                await asyncio.sleep(step * STEP)
                assert await bridge.stop() == 0
            await recorder.value("evcc/status", "offline")
            assert (await retained(broker, "evcc/status"))["evcc/status"] == b"offline", step
