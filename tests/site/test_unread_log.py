"""A log that nobody reads stops neither commands nor the end of the daemon."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import orjson
import pytest

from evcc_simulator import Evcc
from tests.broker.client import publish
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder

pytestmark = pytest.mark.broker


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with Evcc(still=True) as one:
        yield one


def full_pipe() -> tuple[int, int]:
    """A pipe into which not one byte can be written."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (4096, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * size)
    os.set_blocking(writer, True)
    return reader, writer


async def test_commands_are_answered_and_the_daemon_ends(evcc: Evcc, broker: Mosquitto, recorder: Recorder) -> None:
    reader, log = full_pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "run"),
        env=os.environ | {"EVCC_URL": evcc.url, "MQTT_URL": broker.url, "LOG_LEVEL": "debug"},
        stdout=log,
        stderr=log,
    )
    os.close(log)
    try:
        await recorder.value("evcc/status", "online", 60)
        waiting = asyncio.create_task(recorder.message("evcc/loadpoints/1/mode/result", 60))
        await asyncio.sleep(0)
        await publish(broker, "evcc/loadpoints/1/mode/set", "now")
        assert orjson.loads((await waiting).payload)["status"] == "ok"
        process.terminate()
        async with asyncio.timeout(5):
            assert await process.wait() == 0
        await recorder.value("evcc/status", "offline", 60)
    finally:
        os.close(reader)
        if process.returncode is None:
            process.kill()
            await process.wait()
