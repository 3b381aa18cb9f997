"""The daemon as a process under a notify socket of ours: what it tells whoever supervises it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from evcc_simulator import Evcc
from tests.broker.client import retained
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.ports import free_port
from tests.broker.recorder import Recorder
from tests.patience import PATIENCE, limit
from tests.site.running import expected, state_topics

WATCHDOG = 0.6  # seconds within which a sign of life is wanted
SIGNS = 3  # in one period

# the bridge as it is, but for one thing: once a file is there, evcc's answer never comes, whatever the time limits
STUCK = """
import asyncio, os, sys
from bridge.cli import main
from bridge.evcc.client import EvccClient

answer = EvccClient.state

async def state(self):
    if os.path.exists(os.environ["STUCK"]):
        await asyncio.Event().wait()
    return await answer(self)

EvccClient.state = state
sys.exit(main())
"""

# the same, where evcc's first answer comes long after the broker is there
LATE = """
import asyncio, sys
from bridge.cli import main
from bridge.evcc.client import EvccClient

answer = EvccClient.state

async def state(self):
    await asyncio.sleep(1)
    return await answer(self)

EvccClient.state = state
sys.exit(main())
"""

pytestmark = pytest.mark.broker


class Supervisor:
    """Plays systemd for one process: starts it, and hears what it says."""

    def __init__(self, directory: Path, options: dict[str, str]) -> None:
        self.heard: list[dict[str, str]] = []
        self._news = asyncio.Event()
        self._options = options
        self._address = str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.process: asyncio.subprocess.Process

    async def start(self, *program: str) -> None:
        """Start the bridge, or another program for Python in its place."""
        self._socket.bind(self._address)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
        environment = {"NOTIFY_SOCKET": self._address, "WATCHDOG_USEC": str(int(WATCHDOG * 1e6)), **self._options}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *(program or ("-m", "bridge")), "run", env={**os.environ, **environment}
        )

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    async def until(self, **expected: str) -> int:
        """Wait for a message with these fields; how many came before it."""

        def found() -> list[int]:
            return [at for at, told in enumerate(self.heard) if expected.items() <= told.items()]

        await self.until_heard(lambda: bool(found()))
        return found()[0]

    async def until_heard(self, fulfilled: Callable[[], bool]) -> None:
        """Wait until what was heard is as wanted."""
        async with asyncio.timeout(PATIENCE):
            while not fulfilled():
                self._news.clear()
                await self._news.wait()

    @property
    def signs(self) -> str:
        """What came each time that a sign of life is due: L and a status for life, or a status alone."""
        return "".join("L" if "WATCHDOG" in told else "s" for told in self.heard)

    def forget(self) -> None:
        self.heard.clear()

    def _hear(self) -> None:
        lines = self._socket.recv(4_096).decode().splitlines()
        self.heard.append({name: value for name, _, value in (line.partition("=") for line in lines)})
        self._news.set()


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    """One that writes nothing: on a slow disk the tree would take longer than the bridge waits with its READY."""
    return await start_broker(Config(store=False))


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with Evcc(interval=0.2) as simulated:
        yield simulated


@pytest.fixture
async def supervise(tmp_path: Path, broker: Mosquitto) -> AsyncIterator[Callable[..., Supervisor]]:
    """Make a supervisor, to be started, for a bridge with an evcc at `url`."""
    made: list[Supervisor] = []

    def make(url: str, **options: str) -> Supervisor:
        fixed = {"EVCC_URL": url, "MQTT_URL": broker.url, "EVCC_INTERVAL": "1", "EVCC_TIMEOUT": "1"}
        made.append(Supervisor(tmp_path, {**fixed, **options}))
        return made[-1]

    yield make
    for one in made:
        await one.end()


Supervise = Callable[..., Supervisor]


@pytest.mark.parametrize("program", [(), ("-c", LATE)], ids=["evcc-is-fast", "evcc-is-slow"])
async def test_ready_comes_when_the_tree_is_there(
    supervise: Supervise, evcc: Evcc, broker: Mosquitto, recorder: Recorder, program: tuple[str, ...]
) -> None:
    bridge = supervise(evcc.url)
    await bridge.start(*program)
    at = await bridge.until(READY="1")
    assert state_topics(await retained(broker)).keys() == expected(evcc.state).keys()
    assert "topics" in bridge.heard[at]["STATUS"]
    await recorder.value("evcc/status", "online")


async def test_signs_of_life_come_in_time(supervise: Supervise, evcc: Evcc) -> None:
    bridge = supervise(evcc.url)
    await bridge.start()
    await bridge.until(READY="1")
    loop = asyncio.get_running_loop()
    for _ in range(5):
        bridge.forget()
        begin = loop.time()
        await bridge.until(WATCHDOG="1")
        assert loop.time() - begin < limit(WATCHDOG)


async def test_without_evcc_it_is_ready_all_the_same(supervise: Supervise) -> None:
    """Whatever comes after it at boot must not wait for evcc, and nobody may end it for that."""
    bridge = supervise(f"http://127.0.0.1:{free_port()}")
    await bridge.start()
    at = await bridge.until(READY="1")
    assert "unreachable" in bridge.heard[at]["STATUS"]
    await bridge.until(WATCHDOG="1")


async def test_a_frozen_broker_takes_no_sign_of_life(supervise: Supervise, evcc: Evcc, broker: Mosquitto) -> None:
    """What systemd can mend by a new start is a bridge that does not work, not a broker that does not."""
    keepalive = 1
    bridge = supervise(evcc.url, MQTT_KEEPALIVE=str(keepalive))
    await bridge.start()
    await bridge.until(READY="1")
    await bridge.until(WATCHDOG="1")
    broker.pause()
    bridge.forget()
    beyond = int(3 * keepalive / WATCHDOG * SIGNS)  # long after it has been noticed
    await bridge.until_heard(lambda: bridge.signs.count("s") > beyond)
    broker.resume()
    assert "ss" not in bridge.signs
    assert "broker not connected" in bridge.heard[-1].get("STATUS", bridge.heard[-2].get("STATUS", ""))


async def test_a_poll_that_is_stuck_gives_no_sign_of_life(supervise: Supervise, evcc: Evcc, tmp_path: Path) -> None:
    """The rest of it goes on, and says so: for work that is not done that is no excuse."""
    stuck = tmp_path / "stuck"
    bridge = supervise(evcc.url, EVCC_PUSH="off", EVCC_INTERVAL="0.3", EVCC_TIMEOUT="0.3", STUCK=str(stuck))
    await bridge.start("-c", STUCK)
    await bridge.until(WATCHDOG="1")
    stuck.touch()
    await bridge.until_heard(lambda: bridge.signs.endswith("s" * 4 * SIGNS))
    assert bridge.process.returncode is None


async def test_a_reload_is_announced_and_finished(supervise: Supervise, evcc: Evcc) -> None:
    bridge = supervise(evcc.url)
    await bridge.start()
    await bridge.until(READY="1")
    bridge.forget()
    bridge.process.send_signal(signal.SIGHUP)
    reloading = await bridge.until(RELOADING="1")
    assert bridge.heard[reloading]["MONOTONIC_USEC"].isdecimal()
    assert await bridge.until(READY="1") > reloading


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_end_is_announced_fast_and_clean(supervise: Supervise, evcc: Evcc, number: signal.Signals) -> None:
    bridge = supervise(evcc.url)
    await bridge.start()
    await bridge.until(READY="1")
    bridge.process.send_signal(number)
    async with asyncio.timeout(limit(2)):
        assert await bridge.process.wait() == 0
    await bridge.until(STOPPING="1")
