"""A client of its own for commands that look at the broker beside a running bridge."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from bridge.mqtt.client import Link
from bridge.mqtt.connection import Connection
from bridge.mqtt.message import Acknowledged, Inbound, Message
from bridge.settings import Mqtt
from bridge.util.diagnostics import Diagnostics

_ACKNOWLEDGED_WITHIN = 3.0  # seconds
_SHOWN, _LONGEST_PROBLEM = 100, 2000  # bytes of a payload that are kept


@asynccontextmanager
async def connected(settings: Mqtt, purpose: str) -> AsyncIterator[Link]:
    """One connection to the broker with a client id that nobody else has; BrokerError where there is none."""
    own = settings.model_copy(update={"client_id": f"evcc-{purpose}-{secrets.token_hex(4)}"})
    async with Connection(own, None, Diagnostics()).open() as link:
        yield link


class Probe:
    """What a connection delivers: the last payload on each topic, cut to 100 bytes, and acknowledgements."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.payloads: dict[str, bytes] = {}
        self._acknowledged: dict[int, Acknowledged] = {}

    async def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> str:
        """Publish a message; the broker's reason to refuse it, "" where it acknowledges it."""
        token = cast("int", self.link.send(Message(topic, payload, retain=retain), returns=True))
        try:
            async with asyncio.timeout(_ACKNOWLEDGED_WITHIN):
                while token not in self._acknowledged:
                    await self._receive()
        except TimeoutError:
            return "it does not acknowledge what is published"
        return self._acknowledged[token].reason

    async def delivers(self, *topics: str, seconds: float) -> bool:
        """Whether a message on each of the topics is delivered within this time."""
        try:
            async with asyncio.timeout(seconds):
                while not self.payloads.keys() >= {*topics}:
                    await self._receive()
        except TimeoutError:
            return False
        return True

    async def _receive(self) -> None:
        events = await anext(self.link.events(), None)
        if events is None:
            raise self.link.error
        for event in events:
            match event:
                case Inbound():
                    longest = _LONGEST_PROBLEM if event.topic.endswith("/problem") else _SHOWN
                    self.payloads[event.topic] = event.payload[:longest]
                case Acknowledged():
                    self._acknowledged[event.token] = event
