"""`scripts/soak`: a day in minutes. The house's clock and the bridge's run fast; memory must not grow."""

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median

from tests.broker.mosquitto import HOST, Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.chaos.commander import Commander
from tests.chaos.programs import Bridge, Simulator
from tests.site.running import expected, state_topics

_DAY = 24 * 3600.0
_CYCLE = 0.25  # seconds between evcc's control cycles
_SAMPLE = 1.0
_PARTS = 10
_MOST = 1.0  # MB that memory may grow by after the first tenth
_MB = 2**20


def main() -> int:
    """Soak; 1 when memory grew, or the tree is not evcc's state at the end."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description="A day of the bridge in minutes.")
    parser.add_argument("--minutes", type=float, default=10, help="how long the day takes (default 10)")
    parser.add_argument("--era", default="0.313.2", help="which evcc (default 0.313.2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak") as scratch:
        return asyncio.run(_soak(Path(scratch), options.minutes * 60, options.era))


async def _soak(directory: Path, seconds: float, era: str) -> int:
    async with _house(directory, era, _DAY / seconds) as (broker, evcc, bridge), Recorder(broker) as recorder:
        await recorder.value("evcc/status", "online")
        await bridge.surround(speed=_DAY / seconds)
        commander = Commander(broker, Random(era), itertools.count(1))
        group = [asyncio.create_task(work) for work in (commander.run(), _come_and_go(evcc, seconds))]
        medians = [await _part(bridge, recorder, seconds / _PARTS, number) for number in range(1, _PARTS + 1)]
        for task in group:
            task.cancel()
        await asyncio.wait(group)
        bridge.check()
        growth = max(medians[1:]) - medians[1]
        equal = await _equal(evcc, recorder)
    sent = sum(command.acknowledged is not None for command in commander.commands)
    _say(f"{sent} commands; grown by {growth:.2f} MB after the first tenth; the tree is evcc's state: {equal}")
    return 0 if equal and growth <= _MOST else 1


@asynccontextmanager
async def _house(directory: Path, era: str, speed: float) -> AsyncIterator[tuple[Mosquitto, Simulator, Bridge]]:
    evcc = Simulator(directory, era, interval=_CYCLE, speed=speed)
    async with Mosquitto(directory / "broker", Config(store=False, lines=("log_type none",))) as broker:
        address = {"EVCC_URL": f"http://{HOST}:{evcc.port}", "MQTT_URL": broker.url, "EVCC_PUSH_INTERVAL": "2"}
        bridge = Bridge(directory / "bridge.log", os.environ | address | {"LOG_LEVEL": "warning"})
        await evcc.start()
        await bridge.start()
        try:
            yield broker, evcc, bridge
        finally:
            await bridge.close()
            await evcc.close()


async def _part(bridge: Bridge, recorder: Recorder, seconds: float, number: int) -> float:
    """One tenth of the day; the median of resident megabytes in it."""
    samples: list[float] = []
    messages, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(_SAMPLE)
        bridge.check()
        samples.append(bridge.memory() / _MB)
        messages += len(recorder.records)
        recorder.records.clear()
    _say(f"{number * 24 / _PARTS:5.1f} h  {median(samples):6.2f} MB (to {max(samples):.2f})  {messages} messages")
    return median(samples)


async def _come_and_go(evcc: Simulator, seconds: float) -> None:
    """A vehicle comes and leaves every few simulated hours."""
    while True:
        await asyncio.sleep(seconds / 16)
        await evcc.act("connect", loadpoint=0, vehicle="bike")
        await asyncio.sleep(seconds / 16)
        await evcc.act("finish_session", loadpoint=0)


async def _equal(evcc: Simulator, recorder: Recorder) -> bool:
    await evcc.act("still")
    for _ in range(50):
        tree = expected(await evcc.ask("state"))
        try:
            await recorder.until(lambda tree=tree: state_topics(recorder.tree()) == tree, 0.3)  # type: ignore[misc]
        except AssertionError:
            continue
        return True
    return False


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program's output


if __name__ == "__main__":
    sys.exit(main())
