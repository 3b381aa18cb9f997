"""Fixtures for all tests: a real broker, a client that watches it, bad connections, certificates.

Every test has its own mosquitto on a port of its own, so that tests run side by side. The broker's log stands
among the captured output of a test that failed.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.broker.authority import Authority
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.proxy import Proxy
from tests.broker.recorder import Recorder
from tests.skips import NoSkips

_LOG_SHOWN = 20_000  # characters

# A deadline would measure what else runs on the machine. The examples are the same every time, so that a test that
# fails says something about what was changed; new ones are sought with FUZZ, that many times as many.
_FUZZ = int(os.environ.get("FUZZ", "0"))
hypothesis.settings.register_profile("bridge", deadline=None, max_examples=100 * max(_FUZZ, 1), derandomize=_FUZZ == 0)
hypothesis.settings.load_profile("bridge")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail when a test was skipped that should have run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that at the end no worker waits for another's."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_configure(config: pytest.Config) -> None:
    # the workers of pytest-xdist report to the process that started them
    if config.getoption("--no-skips") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(NoSkips())


@pytest.fixture
async def start_broker(tmp_path: Path) -> AsyncIterator[Callable[[Config], Awaitable[Mosquitto]]]:
    """Start a broker with a `Config`; several at once are fine. All end with the test."""
    started: list[Mosquitto] = []

    async def start(config: Config) -> Mosquitto:
        one = Mosquitto(tmp_path / f"mosquitto{len(started)}", config)
        started.append(one)
        await one.start()
        return one

    yield start
    for one in started:
        one.kill()
        sys.stdout.write(one.log[-_LOG_SHOWN:])


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    """A running broker, open to all, that keeps its store."""
    return await start_broker(Config())


@pytest.fixture
async def record() -> AsyncIterator[Callable[..., Awaitable[Recorder]]]:
    """Start a `Recorder` (same arguments); it has read the broker's store when it is returned."""
    async with AsyncExitStack() as stack:

        async def start(*args: Any, **options: Any) -> Recorder:
            return await stack.enter_async_context(Recorder(*args, **options))

        yield start


@pytest.fixture
async def recorder(record: Callable[..., Awaitable[Recorder]], broker: Mosquitto) -> Recorder:
    """A recorder of everything on `broker`."""
    return await record(broker)


@pytest.fixture
async def start_proxy() -> AsyncIterator[Callable[[int], Awaitable[Proxy]]]:
    """Start a `Proxy` before a local port."""
    async with AsyncExitStack() as stack:

        async def start(target: int) -> Proxy:
            return await stack.enter_async_context(Proxy(target))

        yield start


@pytest.fixture
async def proxy(start_proxy: Callable[[int], Awaitable[Proxy]], broker: Mosquitto) -> Proxy:
    """A proxy before `broker`."""
    return await start_proxy(broker.port)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that no system knows."""
    return Authority(tmp_path_factory.mktemp("authority"))
