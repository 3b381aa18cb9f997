"""Brokers that keep their store in memory, where a test needs no more: writing it at each message is slow."""

from collections.abc import Awaitable, Callable

import pytest

from tests.broker.mosquitto import Config, Mosquitto


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    """A running broker, open to all."""
    return await start_broker(Config(store=False))


@pytest.fixture
async def keeping_broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    """A running broker that keeps its store over SIGKILL."""
    return await start_broker(Config(store=True))
