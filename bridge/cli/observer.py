"""A running bridge as the broker shows it: what it has published, and what it publishes now."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bridge.cli.client import connected
from bridge.errors import BridgeError, BrokerError
from bridge.mqtt.client import Link
from bridge.mqtt.message import Event, Inbound
from bridge.settings import Mqtt

_STORED = 1.5  # seconds that the broker may take to deliver what is retained
_QUIET = 0.3  # seconds without a message after which everything that is retained has come


class Observer:
    """What a connection delivers from below the root. Topics are below the root; `payloads` has each one's last."""

    def __init__(self, link: Link, settings: Mqtt) -> None:
        self.link = link
        self.root = settings.root
        self.payloads: dict[str, bytes] = {}
        self._address = settings.url

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

    async def events(self) -> AsyncIterator[Event]:
        """Every message and acknowledgement as it comes; BrokerError when the connection is lost."""
        async for events in self.link.events():
            for event in self._take(events):
                yield event
        raise self._lost()

    def text(self, topic: str) -> str:
        """The payload of a topic; empty where there is none."""
        return self.payloads.get(topic, b"").decode(errors="replace")

    async def _is_coming(self) -> bool:
        """Take what comes next; False when nothing more does, once something has."""
        try:
            async with asyncio.timeout(_QUIET if self.payloads else None):
                events = await anext(self.link.events(), None)
        except TimeoutError:
            return False
        if events is None:
            raise self._lost()
        self._take(events)
        return True

    def _lost(self) -> BrokerError:
        return BrokerError(f"the connection to the broker was lost: {self.link.error}")

    def _take(self, events: list[Event]) -> list[Event]:
        found = list(map(self._below, events))
        self.payloads.update((event.topic, event.payload) for event in found if isinstance(event, Inbound))
        return found

    def _below(self, event: Event) -> Event:
        return replace(event, topic=below(event.topic, self.root)) if isinstance(event, Inbound) else event


@asynccontextmanager
async def observing(settings: Mqtt, purpose: str) -> AsyncIterator[Observer]:
    """An observer with a connection of its own; BrokerError where there is none."""
    async with connected(settings, purpose) as link:
        yield Observer(link, settings)


def below(topic: str, root: str) -> str:
    """A topic below the root, from one that may be absolute."""
    return topic.removeprefix(f"{root}/")
