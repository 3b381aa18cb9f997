"""Fixtures of the suite of brokers, and the table of what each of them can do."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.brokers.house import House
from tests.brokers.kinds import Broker, Kind
from tests.brokers.table import Table

_LOG_SHOWN = 5_000  # characters


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Table())


@pytest.fixture(scope="class")
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for all tests of a class, of the class's `kind`."""
    broker = request.cls.kind.broker(tmp_path_factory.mktemp("broker") / "broker")
    asyncio.run(broker.start())
    yield broker
    broker.kill()


@pytest.fixture
def kind(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Kind:
    """The kind of broker of a test's class; named in the table."""
    kind: Kind = request.cls.kind
    record_property("broker", kind.name)
    return kind


@pytest.fixture
def broker(kind: Kind, started: Broker) -> Iterator[Broker]:
    """A running broker, with whatever other tests have left in its store; its log of this test is shown."""
    before = len(started.log)
    yield started
    sys.stdout.write(started.log[before:][-_LOG_SHOWN:])


@pytest.fixture
async def house(kind: Kind, broker: Broker, tmp_path: Path) -> AsyncIterator[House]:
    """A house on a broker; its bridge does not run yet."""
    async with House(kind, broker, tmp_path) as house:
        yield house
