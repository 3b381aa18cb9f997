"""A connection of a command's own to the broker: what is stored there, what is published, what may be published."""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import orjson

from bridge.errors import BridgeError, BrokerError
from bridge.mqtt.client import Link
from bridge.mqtt.connection import Connection
from bridge.mqtt.message import Acknowledged, Event, Inbound, Message
from bridge.settings import Mqtt
from bridge.util.diagnostics import Diagnostics

_ACKNOWLEDGED = 3.0  # seconds that the broker may take to acknowledge a message
_SILENT = 150.0  # seconds without `bridge/health`, which comes every minute, after which no bridge runs
_MOMENT = re.compile(rb"[0-9]{1,12}")
_STORED = 1.5  # seconds that the broker may take to deliver what is retained
_QUIET = 0.3  # seconds without a message after which everything that is retained has come


class Observer:
    """What a connection delivers from below the root. Topics are below the root; `payloads` has each one's last."""

    def __init__(self, link: Link, settings: Mqtt) -> None:
        self.link = link
        self.root = settings.root
        self.payloads: dict[str, bytes] = {}
        self._address = settings.url
        self._acknowledged: dict[int, Acknowledged] = {}

    async def subscribe(self, *filters: str) -> None:
        """Subscribe to topic filters below the root; BrokerError where the broker does not let us."""
        refused = await self.link.subscribe([f"{self.root}/{each}" for each in filters])
        for topic_filter, reason in refused.items():
            raise BrokerError(f"the broker at {self._address} does not let us read {topic_filter}: {reason}")

    async def read(self, *topics: str) -> None:
        """Subscribe, and wait until each topic has come that is retained."""
        await self.subscribe(*topics)
        try:
            async with asyncio.timeout(_STORED):
                while not self.payloads.keys() >= {*topics} and await self._is_coming():
                    pass
        except TimeoutError:
            return

    async def require_bridge(self, *topics: str) -> None:
        """Read `status` and further topics; BridgeError where no bridge has ever published below this root."""
        await self.read(*topics, "status")
        if not self.payloads.get("status"):
            raise BridgeError(
                f"no bridge publishes below {self.root} at {self._address}: start one with `evcc-bridge run`,"
                " or name the root of one that runs: --root TOPIC"
            )

    async def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> str:
        """Publish to an absolute topic; the broker's reason to refuse it, "" where it acknowledges it."""
        token = cast("int", self.link.send(Message(topic, payload, retain=retain), returns=True))
        try:
            async with asyncio.timeout(_ACKNOWLEDGED):
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

    async def events(self) -> AsyncIterator[Event]:
        """Every message and acknowledgement as it comes; BrokerError when the connection is lost."""
        async for events in self.link.events():
            for event in self._take(events):
                yield event
        raise self._lost()

    def text(self, topic: str) -> str:
        """The payload of a topic; empty where there is none."""
        return self.payloads.get(topic, b"").decode(errors="replace")

    def moment(self, topic: str) -> int | None:
        """The unix seconds on a topic; None where there are none."""
        payload = self.payloads.get(topic, b"")
        return int(payload) if _MOMENT.fullmatch(payload) else None

    def object(self, topic: str) -> Mapping[str, Any]:
        """The JSON object on a topic; empty where there is none."""
        try:
            found = orjson.loads(self.payloads.get(topic) or b"{}")
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def is_bridge_gone(self) -> bool:
        """Whether the bridge has ended, rather than evcc being away.

        Its will has set `status`, for it would have published evcc's condition first; or `bridge/health` is old.
        """
        is_old = self.silence() > _SILENT
        return self.text("status") == "offline" and (self.text("bridge/evcc") == "online" or is_old)

    def silence(self) -> float:
        """Seconds since `bridge/health` was published; 0 where that is not known."""
        published = self.object("bridge/health").get("time")
        return time.time() - published if isinstance(published, int | float) else 0.0

    async def _is_coming(self) -> bool:
        """Take what comes next; False when nothing more does, once something has."""
        try:
            async with asyncio.timeout(_QUIET if self.payloads else None):
                await self._receive()
        except TimeoutError:
            return False
        return True

    async def _receive(self) -> None:
        events = await anext(self.link.events(), None)
        if events is None:
            raise self._lost()
        self._take(events)

    def _lost(self) -> BrokerError:
        return BrokerError(f"the connection to the broker was lost: {self.link.error}")

    def _take(self, events: list[Event]) -> list[Event]:
        found = list(map(self._below, events))
        for event in found:
            match event:
                case Inbound():
                    self.payloads[event.topic] = event.payload
                case Acknowledged():
                    self._acknowledged[event.token] = event
        return found

    def _below(self, event: Event) -> Event:
        return replace(event, topic=below(event.topic, self.root)) if isinstance(event, Inbound) else event


@asynccontextmanager
async def observing(settings: Mqtt, purpose: str) -> AsyncIterator[Observer]:
    """An observer whose connection has a client id that no other client has; BrokerError where there is none."""
    own = settings.model_copy(update={"client_id": f"evcc-{purpose}-{secrets.token_hex(4)}"})
    async with Connection(own, None, Diagnostics()).open() as link:
        yield Observer(link, settings)


def below(topic: str, root: str) -> str:
    """A topic below the root, from one that may be absolute."""
    return topic.removeprefix(f"{root}/")
