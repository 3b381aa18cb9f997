"""Small MQTT clients for tests: write, ask, and read what the broker holds."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from aiomqtt import Client, Message, ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.broker.mosquitto import HOST, WATCHER, Mosquitto
from tests.patience import PATIENCE

MARKER = "$marker"  # topics below `$` are no business of `#`: nobody else sees them
V5, V311 = ProtocolVersion.V5, ProtocolVersion.V311


@dataclass(frozen=True, slots=True)
class Record:
    """One message as a subscriber saw it.

    `stored`: it came out of the broker's store at subscription, not from a publisher just now.
    `retain` is the publisher's flag; `qos` the lower one of publisher and subscription.
    `time` is the event loop's monotonic clock.
    """

    topic: str
    payload: bytes
    retain: bool
    qos: int
    stored: bool
    time: float
    response_topic: str | None = None
    correlation: bytes | None = None
    expiry: int | None = None
    user: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, message: Message, *, stored: bool) -> Self:
        found = message.properties
        return cls(
            topic=message.topic.value,
            payload=bytes(message.payload),
            retain=message.retain,
            qos=message.qos,
            stored=stored,
            time=asyncio.get_running_loop().time(),
            response_topic=getattr(found, "ResponseTopic", None),
            correlation=getattr(found, "CorrelationData", None),
            expiry=getattr(found, "MessageExpiryInterval", None),
            user=tuple(getattr(found, "UserProperty", ())),
        )


class _Client(Client):
    """aiomqtt's client, whose end is nobody's surprise: a test that cuts a connection need not look at it."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            if self._disconnected.done() and not self._disconnected.cancelled():
                self._disconnected.exception()


def client(
    broker: Mosquitto,
    *,
    version: ProtocolVersion = V5,
    user: str | None = WATCHER,
    port: int | None = None,
    timeout: float = PATIENCE,
    **options: Any,
) -> Client:
    """A client of aiomqtt, not connected yet; `user` is one of the broker's, where it has users."""
    password = broker.password(user)
    name = user if password else None
    address = (HOST, port or broker.port)
    return _Client(*address, protocol=version, username=name, password=password, timeout=timeout, **options)


async def publish(
    broker: Mosquitto,
    topic: str,
    payload: bytes | str,
    *,
    retain: bool = False,
    qos: int = 1,
    version: ProtocolVersion = V5,
    user: str | None = WATCHER,
    response_topic: str | None = None,
    correlation: bytes | None = None,
    expiry: int | None = None,
    user_properties: Iterable[tuple[str, str]] = (),
) -> None:
    """Publish one message over a connection of its own; done once the broker acknowledged it."""
    properties = properties_of(response_topic, correlation, expiry, user_properties) if version == V5 else None
    async with client(broker, version=version, user=user) as connection:
        await connection.publish(topic, payload, qos=qos, retain=retain, properties=properties)


async def plant(broker: Mosquitto, topics: Mapping[str, bytes | str]) -> None:
    """Put retained messages into the broker's store."""
    async with client(broker) as connection:
        for topic, payload in topics.items():
            await connection.publish(topic, payload, qos=1, retain=True)


async def retained(broker: Mosquitto, under: str = "#") -> dict[str, bytes]:
    """What the broker holds now, read by a fresh subscription."""
    found: dict[str, bytes] = {}
    async with asyncio.timeout(PATIENCE), client(broker) as connection:
        async for message in stored(connection, under):
            if message.retain:  # a live one comes without the flag
                found[message.topic.value] = bytes(message.payload)
    return found


async def stored(connection: Client, under: str, options: SubscribeOptions | None = None) -> AsyncIterator[Message]:
    """Subscribe, and yield what arrives until everything stored has come.

    QoS 0 for the marker, as it should be for the subscription: one with QoS 1 loses what does not fit into the
    broker's queue.
    """
    marker = f"{MARKER}/{uuid4().hex}"
    await connection.subscribe(marker)
    await connection.subscribe(under, options=options)
    await connection.publish(marker)
    async for message in connection.messages:
        if message.topic.value == marker:
            return
        yield message


class Requester:
    """A client that asks by MQTT 5: response topic and correlation data."""

    def __init__(self, broker: Mosquitto, *, user: str | None = WATCHER, response_topic: str | None = None) -> None:
        self._client = client(broker, user=user)
        self._response_topic = response_topic or f"answers/{uuid4().hex}"
        self._asked = 0

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self._client.subscribe(self._response_topic, qos=1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def ask(self, topic: str, payload: bytes | str, *, wait: float = PATIENCE, **options: Any) -> bytes:
        """Publish and return the answer; TimeoutError when none comes. One question at a time."""
        self._asked += 1
        correlation = str(self._asked).encode()
        properties = properties_of(self._response_topic, correlation, options.pop("expiry", None), ())
        async with asyncio.timeout(wait):
            await self._client.publish(topic, payload, qos=options.pop("qos", 1), properties=properties, **options)
            async for message in self._client.messages:
                if getattr(message.properties, "CorrelationData", None) == correlation:
                    return bytes(message.payload)
        raise TimeoutError(topic)


def properties_of(
    response_topic: str | None, correlation: bytes | None, expiry: int | None, user: Iterable[tuple[str, str]]
) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's class has types but here
    given = {"ResponseTopic": response_topic, "CorrelationData": correlation, "MessageExpiryInterval": expiry}
    for name, value in given.items():
        if value is not None:
            setattr(properties, name, value)
    if pairs := list(user):
        properties.UserProperty = pairs
    return properties
