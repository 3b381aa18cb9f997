"""The daemon as a container runs it, and as a shell does: it behaves the same."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from evcc_simulator import Evcc
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.packaging.image import Image, missing, user_of

Around = tuple[list[str], dict[str, str]]

_container = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=str(missing()))]

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    made = Image(tmp_path_factory.mktemp("image"))
    made.build()
    return made


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    return await start_broker(Config(store=False))


def _by_shell(_: pytest.FixtureRequest) -> Around:
    return [sys.executable, "-B", "-m", "bridge", "run"], {"PATH": os.environ["PATH"]}


def _by_container(request: pytest.FixtureRequest) -> Around:
    image: Image = request.getfixturevalue("image")
    return image.start, image.environment()


@asynccontextmanager
async def started(command: list[str], environment: Mapping[str, str], log: Path) -> AsyncIterator[int]:
    """The process id of the bridge, which is ended as systemd and engines do it, and must end well."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process.pid
    finally:
        os.kill(_innermost(process.pid), signal.SIGTERM)
        code = await process.wait()
    assert code == 0


async def exit_code(command: list[str], environment: Mapping[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait()


@pytest.mark.parametrize(
    "around", [pytest.param(_by_shell, id="shell"), pytest.param(_by_container, id="container", marks=_container)]
)
async def test_it_serves_and_ends_alike(
    broker: Mosquitto,
    recorder: Recorder,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    around: Callable[[pytest.FixtureRequest], Around],
) -> None:
    command, environment = around(request)
    async with Evcc(still=True) as evcc:
        environment |= {"EVCC_URL": evcc.url, "MQTT_URL": broker.url}
        async with started(command, environment, tmp_path / "log"):
            await recorder.value("evcc/status", "online")
        await recorder.value("evcc/status", "offline")
    events = [orjson.loads(line)["event"] for line in (tmp_path / "log").read_bytes().splitlines()]
    assert sorted(events) == ["broker found", "evcc found", "evcc is online", "stopped"]


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=str(missing()))
async def test_a_container_is_nobody_in_particular_and_healthy_only_while_evcc_is_there(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path, image: Image
) -> None:
    async with Evcc(still=True) as evcc:
        environment = image.environment(EVCC_URL=evcc.url, MQTT_URL=broker.url)
        async with started(image.start, environment, tmp_path / "log") as pid:
            await recorder.value("evcc/status", "online")
            inside = _innermost(pid)
            assert user_of(inside) == {"10001"}
            assert await exit_code(image.healthcheck(inside), environment) == 0
            await evcc.stop()
            await recorder.value("evcc/status", "offline")
            assert await exit_code(image.healthcheck(inside), environment) == 1


def _innermost(pid: int) -> int:
    """The process that a chain of single children ends with."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid
