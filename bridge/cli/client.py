"""A client of its own for commands that look at the broker beside a running bridge."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.mqtt.client import Link
from bridge.mqtt.connection import Connection
from bridge.settings import Mqtt
from bridge.util.diagnostics import Diagnostics


@asynccontextmanager
async def connected(settings: Mqtt, purpose: str) -> AsyncIterator[Link]:
    """One connection to the broker with a client id that nobody else has; BrokerError where there is none."""
    own = settings.model_copy(update={"client_id": f"evcc-{purpose}-{secrets.token_hex(4)}"})
    async with Connection(own, None, Diagnostics()).open() as link:
        yield link
