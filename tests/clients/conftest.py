"""Fixtures for tests with real client programs. A program that cannot be had skips its tests, with the reason."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.clients import programs
from tests.clients.home_assistant import HomeAssistant
from tests.clients.house import House
from tests.clients.node_red import NodeRed


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    """A broker that browsers reach too."""
    return await start_broker(Config(websockets=True))


@pytest.fixture
async def house(broker: Mosquitto, recorder: Recorder, tmp_path: Path) -> AsyncIterator[House]:
    """A house with its bridge running."""
    async with House(broker, recorder, tmp_path) as house:
        yield house


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The programs of npm."""
    try:
        return programs.node_modules()
    except programs.MissingError as reason:
        pytest.skip(str(reason))


@pytest.fixture
async def node_red(node_modules: Path, tmp_path: Path) -> AsyncIterator[NodeRed]:
    """A running Node-RED without flows."""
    async with NodeRed(node_modules, tmp_path / "node-red") as node_red:
        yield node_red


@pytest.fixture(scope="session")
def home_assistant_python() -> Path:
    """The Python that has Home Assistant."""
    try:
        return programs.home_assistant()
    except programs.MissingError as reason:
        pytest.skip(str(reason))


@pytest.fixture
async def home_assistant(home_assistant_python: Path, house: House, tmp_path: Path) -> AsyncIterator[HomeAssistant]:
    """A running Home Assistant that has found the house by discovery."""
    async with HomeAssistant(home_assistant_python, tmp_path / "home-assistant", house.broker) as found:
        yield found
