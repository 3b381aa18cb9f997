"""A simulated evcc, the daemon as a process, and a subscriber, all below a root of their own on one broker."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import orjson
from aiomqtt import Client
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from evcc_simulator import Evcc
from tests.broker.mosquitto import HOST
from tests.brokers.kinds import Broker, Kind
from tests.brokers.watcher import Watcher, state_topics
from tests.patience import PATIENCE
from tests.site.running import Bridge

PRIORITY = "loadpoints/1/priority"
_AT_LEAST = 150  # topics of a complete tree
_ANSWER = 1.0  # seconds after which a command is sent again
_SETTLED = 0.5  # seconds without a message after which a store has been read


class House:
    """What a test of this suite works with. The bridge does not run before `start`."""

    def __init__(self, kind: Kind, broker: Broker, directory: Path) -> None:
        self.kind, self.broker = kind, broker
        self.root = f"evcc-{uuid4().hex[:8]}"
        self.evcc = Evcc(still=True)
        self.watcher = Watcher(broker.port, kind.version, self.root)
        self._directory = directory
        self._exits = AsyncExitStack()
        self._bridges: list[Bridge] = []

    async def __aenter__(self) -> Self:
        await self._exits.enter_async_context(self.evcc)
        await self._exits.enter_async_context(self.watcher)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()
        for bridge in self._bridges:
            print(f"--- {bridge.log.name}\n{bridge.text()[-10_000:]}")  # noqa: T201 - shown with a test that failed

    async def start(self, **environment: str) -> Bridge:
        """A bridge that has published the tree."""
        bridge = await self.launch(**environment)
        await self.watcher.value("status", "online")
        return bridge

    async def launch(self, **environment: str) -> Bridge:
        """A bridge process that has just been started."""
        options = {
            "MQTT_ROOT": self.root,
            "MQTT_URL": self.broker.url,
            "MQTT_VERSION": self.kind.mqtt_version,
            "EVCC_GRACE": "1",
        }
        log = self._directory / f"bridge{len(self._bridges)}.log"
        bridge = Bridge(self.evcc, self.broker.url, log, **options | environment)
        self._bridges.append(bridge)
        return await self._exits.enter_async_context(bridge)

    async def stop(self, bridge: Bridge) -> None:
        """End a bridge as systemd does."""
        assert await bridge.stop() == 0
        await self.watcher.value("status", "offline")

    async def complete(self) -> dict[str, bytes]:
        """The state topics of a first start, once they are all there."""
        loadpoints, vehicles = len(self.evcc.state["loadpoints"]), len(self.evcc.state["vehicles"])
        await self.watcher.value("loadpoints", str(loadpoints))
        await self.watcher.value("vehicles", str(vehicles))
        await self.watcher.until(lambda: len(self.state()) >= _AT_LEAST)
        await self.watcher.quiet(_SETTLED)
        return self.state()

    def state(self) -> dict[str, bytes]:
        """The state topics as the watcher has them now."""
        return state_topics(self.watcher.tree)

    async def stored(self) -> dict[str, bytes]:
        """What the broker sends from its store to a new subscriber."""
        async with Watcher(self.broker.port, self.kind.version, self.root) as reader:
            await reader.until(lambda: reader.records)
            await reader.quiet(_SETTLED)
            return reader.tree

    async def until_stored(self, expected: Mapping[str, bytes]) -> None:
        """Wait until the broker's store has exactly these state topics."""
        async with asyncio.timeout(PATIENCE):
            while state_topics(await self.stored()) != expected:
                pass

    def published(self, after: int) -> dict[str, bytes]:
        """The state topics that came from record number `after` on, with the payload that came last."""
        return state_topics({record.topic: record.payload for record in self.watcher.records[after:]})

    async def publish(self, topic: str, payload: str, *, retain: bool = False, response: str = "") -> None:
        """Publish below the root over a connection of its own; done once the broker has acknowledged it."""
        properties = None
        if response:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's has no types
            properties.ResponseTopic, properties.CorrelationData = f"{self.root}/{response}", b"7"
        async with self.client() as client:
            await client.publish(f"{self.root}/{topic}", payload, qos=1, retain=retain, properties=properties)

    def client(self) -> Client:
        """A client of the broker, not connected yet."""
        return Client(HOST, self.broker.port, protocol=self.kind.version, timeout=PATIENCE)

    async def command(self, topic: str, payload: str, *, retain: bool = False) -> str:
        """Publish a command; the status of its answer."""
        seen = len(self.watcher.payloads(f"{topic}/result"))
        await self.publish(f"{topic}/set", payload, retain=retain)
        await self.watcher.until(lambda: len(self.statuses(topic)) > seen)
        return self.statuses(topic)[seen]

    async def until_commands_work(self) -> None:
        """Send commands, one after another, until one is carried out; earlier ones may be lost or `stale`."""
        seen = len(self.statuses(PRIORITY))
        async with asyncio.timeout(PATIENCE):
            for number in count():
                await self.publish(f"{PRIORITY}/set", str(number % 10))
                with suppress(AssertionError):
                    await self.watcher.until(lambda: "ok" in self.statuses(PRIORITY)[seen:], _ANSWER)
                    return

    def statuses(self, topic: str) -> list[str]:
        """The statuses of the answers to the commands for a topic."""
        return [orjson.loads(payload)["status"] for payload in self.watcher.payloads(f"{topic}/result")]

    def calls(self, path: str = "/api/.*") -> list[str]:
        """The writes that evcc has received."""
        return [
            f"{one.method} {one.path}" for one in self.evcc.requests if one.method != "GET" and one.matches(None, path)
        ]
