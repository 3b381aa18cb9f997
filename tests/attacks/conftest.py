"""A broker that is no bottleneck: it keeps its store in memory, and drops nothing for a slow client."""

from collections.abc import Awaitable, Callable

import pytest

from tests.broker.mosquitto import Config, Mosquitto


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    """A running broker, open to all."""
    return await start_broker(Config(store=False, lines=("max_queued_messages 0", "log_type none")))
