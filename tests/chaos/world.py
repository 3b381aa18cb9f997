"""Broker, simulated evcc and bridge, each a process, with proxies between them, clients around them, and a watcher."""

import asyncio
import itertools
import os
import time
from asyncio import TaskGroup
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx

from tests.broker.authority import Authority
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.proxy import Proxy
from tests.broker.recorder import Recorder
from tests.chaos import broken
from tests.chaos.commander import BORROWED, FIRST, Commander
from tests.chaos.disk import Disk
from tests.chaos.faults import Fault, faults
from tests.chaos.links import BrokerLink, EvccLink
from tests.chaos.programs import Bridge, Simulator
from tests.chaos.truth import Truth

EVCC_INTERVAL = 0.3  # seconds between control cycles
_COMMANDERS = 2
_MARKER, _STATUS = "evcc/bridge/marker/", "evcc/status"


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs from run to run."""

    era: str
    version: str
    push: str
    tls: bool

    @classmethod
    def of(cls, seed: int) -> Self:
        """Every combination comes within 16 seeds that follow each other."""
        eras, versions, pushes = ("0.313.2", "0.131.4"), ("5", "3.1.1"), ("auto", "off")
        return cls(eras[seed % 2], versions[seed // 2 % 2], pushes[seed // 4 % 2], tls=bool((seed + seed // 8) % 2))


def possible(variant: Variant) -> list[Fault]:
    """All that can go wrong in a variant."""
    return faults(tls=variant.tls, push=variant.push != "off")


class World:
    """All of it, from the first process to the last."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.variant = Variant.of(seed)
        self.random = Random(f"world {seed}")
        self.disk = Disk(directory / "store")
        self._authority = Authority(directory / "authority")
        self._directory = directory
        self.broker = Mosquitto(directory / "broker", self._broker_config())
        self.evcc = Simulator(directory, self.variant.era, interval=EVCC_INTERVAL, still=True)
        self.truth = Truth()
        self._numbers = itertools.count(1)
        self.commanders = [
            Commander(self.broker, Random(f"commander {number} {seed}"), self._numbers) for number in range(_COMMANDERS)
        ]
        self._stack = AsyncExitStack()
        self._seed = seed
        self._config = directory / "bridge.toml"

    async def __aenter__(self) -> Self:
        self._stack.callback(self.disk.close)
        self._config.write_text("")
        await self._stack.enter_async_context(self.broker)
        await self.evcc.start()
        self._stack.push_async_callback(self.evcc.close)
        target = self.broker.tls_port if self.variant.tls else self.broker.port
        self.broker_link = await self._stack.enter_async_context(BrokerLink(target, self._seed))
        self.evcc_link = await self._stack.enter_async_context(EvccLink(self.evcc.port, self._seed))
        self.recorder = await self._stack.enter_async_context(
            _Watcher(self.broker, self.broker_link, v5=self.variant.version == "5")
        )
        self.bridge = Bridge(self._directory / "bridge.log", self._environment())
        self._stack.push_async_callback(self.bridge.close)
        await self.bridge.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def links(self) -> Mapping[str, Proxy]:
        return {"link to broker": self.broker_link, "link to evcc": self.evcc_link}

    def broke(self, place: str) -> None:
        """Note that a link takes nothing any more, though nobody sees it closed."""
        if place == "link to broker":
            self.broker_link.continuity.broke(time.monotonic())

    async def start_broker(self, *, keep: bool = True) -> None:
        """Start the broker that does not run, with or without what it had stored."""
        if not keep:
            (self.disk.path / "mosquitto.db").unlink(missing_ok=True)
        await self.broker.start()

    async def certify(self, *, expired: bool) -> None:
        """Restart the broker with another certificate."""
        self.broker.stop()
        self.broker.config = self._broker_config(expired=expired)
        await self.broker.start()

    async def reload(self, *, good: bool) -> None:
        """Let the bridge read its configuration again: with an option that has changed, or with a wrong one."""
        limit = self.random.randrange(20_000, 30_000)
        self._config.write_text(f"[topics]\nlimit = {limit}\n" if good else "[mqtt]\nno_such_option = 1\n")
        self.bridge.reload()

    def read_diary(self) -> None:
        """Bring what is known of evcc's values to the present."""
        self.truth.read(self.evcc.read_diary())

    async def live(self) -> None:
        """Let the house live, until cancelled: values change, come and go."""
        while True:
            with suppress(httpx.HTTPError, ValueError):  # it may be away, or not have what is to be changed
                await self._live_a_moment()
            await asyncio.sleep(self.random.expovariate(6))

    async def _live_a_moment(self) -> None:
        random = self.random
        watts = random.randrange(-9000, 9000)
        match random.randrange(9):
            case 0 | 1:
                await self.evcc.act("set", path=f"loadpoints.{random.randrange(2)}.chargePower", value=watts)
            case 2:
                await self.evcc.act("set", path=random.choice(("homePower", "pvPower")), value=watts / 8)
            case 3:
                await self.evcc.act("set", path="circuits", value=random.choice(({}, {"main": {"power": watts}})))
            case 4:
                await self.evcc.act("delete", path="circuits")
            case 5:
                await self.evcc.act("set", path="loadpoints.1.vehicleOdometer", value=random.choice((None, watts)))
            case 6:
                await self.evcc.act("connect", loadpoint=1, vehicle=random.choice(("", "bike")))
            case 7:
                await self.set_otherwise(random.choice(BORROWED))
            case _:
                await self.evcc.act("finish_session", loadpoint=1)

    async def set_otherwise(self, topic: str) -> None:
        """Let somebody else set a setting that may be borrowed."""
        _, loadpoint, key = topic.split("/")
        await self.evcc.act("set", path=f"loadpoints.{int(loadpoint) - 1}.{key}", value=next(self._numbers) + FIRST)

    async def command(self) -> None:
        """Let the clients send commands, until cancelled."""
        async with TaskGroup() as group:
            for commander in self.commanders:
                group.create_task(commander.run())

    def _broker_config(self, *, expired: bool = False) -> Config:
        authority = self._authority if self.variant.tls else None
        certificate = authority.issue("broker.test", expired=expired) if authority else None
        store = ("persistence true", f"persistence_location {self.disk.path}/")
        saving = ("autosave_on_changes true", "autosave_interval 1")
        return Config(store=False, authority=authority, certificate=certificate, lines=(*store, *saving))

    def _environment(self) -> dict[str, str]:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(("EVCC_", "MQTT_"))}
        ours: dict[str, Any] = {
            "CONFIG": self._config,
            "LOG_FORMAT": "json",
            "EVCC_URL": f"http://evcc.test:{self.evcc_link.port}",
            "EVCC_PUSH": self.variant.push,
            "EVCC_INTERVAL": broken.INTERVAL,
            "EVCC_PUSH_INTERVAL": broken.PUSH_INTERVAL,
            "EVCC_TIMEOUT": broken.TIMEOUT,
            "COMMANDS_DEADLINE": broken.DEADLINE,
            "MQTT_URL": f"{'mqtts' if self.variant.tls else 'mqtt'}://broker.test:{self.broker_link.port}",
            "MQTT_VERSION": self.variant.version,
            "MQTT_KEEPALIVE": broken.KEEPALIVE,
        }
        if self.variant.tls:
            ours["MQTT_CA_FILE"] = self._authority.ca_file
        return inherited | {name: str(value) for name, value in ours.items()}


class _Watcher(Recorder):
    """Records everything, and notes since when the bridge takes commands.

    With MQTT 5 that is so from the marker on that it sends itself on a new connection; with 3.1.1 it changes its
    subscriptions after that, and only `online` says that it is done.
    """

    def __init__(self, broker: Mosquitto, link: BrokerLink, *, v5: bool) -> None:
        super().__init__(broker)
        self._link, self._v5 = link, v5
        self.losses: list[float] = []

    async def _record(self, connection: Any) -> None:
        try:
            await super()._record(connection)
        finally:
            self.losses.append(time.monotonic())

    def _add(self, record: Any) -> None:
        online = record.topic == _STATUS and record.payload == b"online" and not record.stored
        if online or (self._v5 and record.topic.startswith(_MARKER)):
            self._link.continuity.proved(time.monotonic())
        super()._add(record)
