"""`evcc-bridge demo`, as a user starts it."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.cli import demo
from bridge.cli.arguments import ERAS
from bridge.errors import BridgeError
from bridge.settings import Settings, Topics
from tests.broker.client import publish
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder

ROOT = Path(__file__).parents[2]
CONFIGURATION = ("EVCC_URL", "MQTT_URL", "CONFIG")


class Demo:
    """A running demo, and what it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, found: Callable[[str], bool]) -> None:
        """Read on until a line is found."""
        assert self.process.stdout
        async with asyncio.timeout(30):
            async for line in self.process.stdout:
                self.lines.append(line.decode().rstrip())
                if found(self.lines[-1]):
                    return
        raise AssertionError("\n".join(self.lines[-20:]))

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(10):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def running(*argv: str) -> AsyncIterator[Demo]:
    """The demo, which ends with the test."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge",
        "demo",
        *argv,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in CONFIGURATION},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


def children(pid: int) -> set[int]:
    """The processes that a process has started."""
    return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.broker
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_shows_the_house_then_changes_and_ends_by_a_signal(number: signal.Signals) -> None:
    async with running() as demo:
        await demo.until(lambda line: line.startswith("Ctrl-C ends the demo"))
        picture = "\n".join(demo.lines)
        for part in (
            "            solar ",
            "loadpoint 1  Carport + Süd",
            " of 85 %",
            "set loadpoints/1/mode now --mqtt-url mqtt",
        ):
            assert part in picture
        assert " = " not in picture
        await demo.until(lambda line: " = " in line)
        assert await demo.end(number) == 0


@pytest.mark.broker
async def test_shows_every_topic_where_that_is_wanted() -> None:
    async with running("--verbose") as demo:
        await demo.until(lambda line: line.startswith("Ctrl-C ends the demo"))
        assert any(line.endswith(" loadpoints/1/mode = pv") for line in demo.lines)


@pytest.mark.broker
async def test_takes_its_children_along_when_its_terminal_goes() -> None:
    terminal, slave = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", "demo",
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in CONFIGURATION},
        stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while b"Ctrl-C ends" not in shown:
        shown += await asyncio.to_thread(os.read, terminal, 4096)
    started = children(process.pid)
    assert len(started) == 2
    os.close(terminal)
    async with asyncio.timeout(15):
        await process.wait()
    assert not any(map(is_there, started))


@pytest.mark.broker
async def test_uses_the_broker_that_is_configured(broker: Mosquitto, recorder: Recorder) -> None:
    async with running("--mqtt-url", broker.url, "--root", "home", "--era", "0.131.4") as demo:
        await recorder.value("home/status", "online", wait=30)
        await publish(broker, "home/loadpoints/1/mode/set", "now")
        await demo.until(lambda line: " loadpoints/1/mode = now  (was pv for " in line)
        assert await demo.end(signal.SIGTERM) == 0
    await recorder.value("home/status", "offline")


@pytest.mark.broker
async def test_a_wrong_configuration_ends_it(broker: Mosquitto) -> None:
    async with running("--mqtt-url", broker.url, "--set", "mqtt.qos=7") as demo:
        await demo.process.communicate()
        assert demo.process.returncode == 2


async def test_what_is_in_the_working_directory_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bridge.py").write_text("raise SystemExit(99)")
    monkeypatch.chdir(tmp_path)
    process = await demo.start_bridge({"mqtt.qos": "7"}, os.environ)
    assert await process.wait() == 2


def test_without_jq_it_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    settings = Settings(topics=Topics(jq={"house": ".homePower"}))
    with pytest.raises(BridgeError, match=r"pip install 'evcc-mqtt-bridge\[demo\]'"):
        demo.run(settings, ERAS[-1], {}, os.environ)
