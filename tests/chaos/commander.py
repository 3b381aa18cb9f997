"""Clients that send commands of every kind, and remember which the broker has acknowledged."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
from aiomqtt import Client, MqttError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.broker.client import client
from tests.broker.mosquitto import Mosquitto
from tests.patience import PATIENCE

ANSWERS = "chaos/answers"
FIRST = 1000
"""The least number that is a value: it is no word, truth or per cent."""

# settings whose values can be told apart, each with the call that it makes
_SITE = {"residualPower": "residualpower", "batteryGridChargeLimit": "batterygridchargelimit"}
_LOADPOINT = {
    "limitEnergy": "limitenergy",
    "enableThreshold": "enable/threshold",
    "disableThreshold": "disable/threshold",
    "enableDelay": "enable/delay",
    "disableDelay": "disable/delay",
}
_LOADPOINTS = (1, 2)
SETTINGS = {f"site/{leaf}": f"/api/{path}" for leaf, path in _SITE.items()} | {
    f"loadpoints/{number}/{leaf}": f"/api/loadpoints/{number}/{path}"
    for number in _LOADPOINTS
    for leaf, path in _LOADPOINT.items()
}
BORROWED = ("loadpoints/1/priority", "loadpoints/2/priority", "loadpoints/1/smartCostLimit")
"""Settings that are borrowed, beside being set: their values come back, so that calls are not judged by them."""
LONGEST = 2
"""The longest loan, in seconds."""
_SECONDS = (1, 1, LONGEST)
_SPELT = ("{}", " {} ", '"{}"', "{}.0", "+{}", "{}\n")
_ODD_TOPICS = (
    "loadpoints/1/mode", "loadpoints/2/mode", "loadpoints/1/limitSoc", "loadpoints/1/phasesConfigured",
    "loadpoints/1/minCurrent", "loadpoints/1/smartCostLimit", "loadpoints/1/planEnergy", "loadpoints/1/vehicle",
    "loadpoints/1/batteryBoost", "loadpoints/1/vehicleDetection", "loadpoints/1/priority", "loadpoints/99/mode",
    "loadpoints/0/mode", "loadpoints/x/mode", "loadpoints/1/chargePower", "loadpoints/1/limitsoc",
    "loadpoints/1/enable/threshold", "site/prioritySoc", "site/bufferSoc", "site/batteryMode", "site/smartCostLimit",
    "site/batteryDischargeControl", "site/telemetry", "site/nonsense", "site/solarAdjusted", "vehicles/bike/limitSoc",
    "vehicles/bike/planSoc", "vehicles/bike/mode", "vehicles/bike/repeatingPlans", "vehicles/nobody/minSoc",
    "vehicles/../minSoc", "tariffs/grid", "bridge/evcc", "", "a/b/c/d/e",
)  # fmt: skip
_EVCCS = ("site/", "loadpoints/", "vehicles/")
_ODD_VALUES = (
    b"0", b"1", b"11", b"80", b"80 %", b"101", b"-1", b"1e400", b"NaN", b"inf", b"-0", b"0x10", b"1,5", b"12.5", b"-",
    b"null", b"nil", b"none", b"true", b"OFF", b"yes", b"pv", b'"pv"', b"now", b"PV", b"hold", b"normal", b"bike",
    b"\x00", b"\xff\xfe", "ﬁve".encode(), b"../../system/shutdown", b"a/b", b"?x=y", b"%2e%2e", b"{}", b"[]", b"[[[[",
    b"[" * 5000, b"x" * 70_000, b'{"soc":80,"time":"07:00"}', b'{"value":10,"time":"2027-01-01T07:00:00Z"}',
    b'{"energy":10,"time":1e99}', b'{"soc":80}', b'{"time":"07:00","soc":"80"}', b"1m30s", b"90", b"07:00",
    b'[{"weekdays":[1,5],"time":"07:00","tz":"Europe/Berlin","soc":80,"active":true}]',
    b'{"continuous":true,"precondition":900}',
)  # fmt: skip


@dataclass(slots=True)
class Command:
    """One command; times are monotonic seconds. `path` is the call it makes, where its value says that it is this.

    `value` is that of a setting that is borrowed, `seconds` for how long; 0: it is set.
    """

    number: int
    topic: str
    payload: bytes
    retain: bool
    path: str = ""
    sent: float = 0.0
    acknowledged: float | None = None
    value: int = 0
    seconds: int = 0

    @property
    def target(self) -> str:
        """Commands to one target run in the order they came."""
        return self.topic.rpartition("/")[0]

    @property
    def evccs(self) -> bool:
        """Whether it is the bridge's business in any case: elsewhere, what looks old is somebody's own."""
        return self.topic.startswith(_EVCCS)


class Commander:
    """One client that sends commands: single ones, pairs, and the steps of a slider."""

    def __init__(self, broker: Mosquitto, random: Random, numbers: Iterator[int]) -> None:
        self._broker = broker
        self._random = random
        self._numbers = numbers
        self.commands: list[Command] = []

    async def run(self) -> None:
        """Send until cancelled, over one connection after another."""
        while not _cancelled():
            with suppress(MqttError):
                async with client(self._broker, timeout=PATIENCE) as connection:
                    while not _cancelled():
                        await self._some(connection)
            await asyncio.sleep(0.1)

    async def _some(self, connection: Client) -> None:
        for command in self._next():
            self.commands.append(command)
            command.sent = time.monotonic()
            await connection.publish(
                f"evcc/{command.topic}/set",
                command.payload,
                qos=1,
                retain=command.retain,
                properties=_properties(command.number),
            )
            command.acknowledged = time.monotonic()
        await asyncio.sleep(self._random.expovariate(8))

    def _next(self) -> list[Command]:
        kind = self._random.random()
        if kind < 0.3:
            return [self._odd()]
        if kind < 0.5:
            return [self._borrowing()]
        count = self._random.choice((8, 30)) if kind > 0.95 else 1
        topic = self._random.choice(list(SETTINGS))
        return [self._numbered(topic, retain=kind > 0.9) for _ in range(count)]

    def _numbered(self, topic: str, *, retain: bool) -> Command:
        number = next(self._numbers)
        text = self._random.choice(_SPELT).format(number + FIRST)
        return Command(number, topic, text.encode(), retain, f"{SETTINGS[topic]}/{number + FIRST}")

    def _borrowing(self) -> Command:
        """Borrows a setting, or sets it."""
        number, topic = next(self._numbers), self._random.choice(BORROWED)
        value, seconds = number + FIRST, self._random.choice((0, *_SECONDS))
        payload = orjson.dumps({"value": value, "for": seconds} if seconds else value)
        return Command(number, topic, payload, retain=False, value=value, seconds=seconds)

    def _odd(self) -> Command:
        topic, payload = self._random.choice(_ODD_TOPICS), self._random.choice(_ODD_VALUES)
        retain = self._random.random() < 0.1 and topic.startswith(_EVCCS)
        return Command(next(self._numbers), topic, payload, retain)


def _cancelled() -> bool:
    """Whether this task was cancelled, though aiomqtt (or `wait_for` of Python 3.11) has swallowed that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _properties(number: int) -> Any:
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.ResponseTopic = ANSWERS
    properties.CorrelationData = str(number).encode()
    return properties
