"""One connection to the broker: what it announced, and messages out with an acknowledgement each.

aiomqtt waits for every publish by itself and does not look at the reason in the broker's acknowledgement;
here each message has a callback, so that one window serves the whole tree and a refusal is seen.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.errors import BrokerError
from bridge.mqtt import receipts
from bridge.mqtt.message import Message

_LONGEST_TOPIC = 65_535  # bytes
_PACKET_OVERHEAD = 64  # bytes of a PUBLISH beside topic and payload, at most

_UNSUPPORTED_VERSION = 0x84
_GOODBYE = 1.0  # seconds for a clean DISCONNECT
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)  # Linux has it

T = TypeVar("T")
Done = Callable[[str | None], None]  # called with None, or with the broker's reason to refuse


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker announced at CONNACK (MQTT 5); the defaults are what 3.1.1 knows."""

    receive_maximum: int = 65_535
    maximum_packet: int | None = None
    maximum_qos: int = 2
    retain_available: bool = True


class VersionRefused(aiomqtt.MqttError):
    """The broker does not speak the MQTT version that was tried, or closed the connection as if it did not."""


class _Client(aiomqtt.Client):
    """aiomqtt's client with the parts of the protocol that it swallows handed on."""

    link: "Link"
    _disposed = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._read_publish = self._client._handle_publish  # noqa: SLF001 - paho has no public way to skip a message
        self._client._handle_publish = self._handle_publish  # type: ignore[method-assign]  # noqa: SLF001

    def _handle_publish(self) -> MQTTErrorCode:
        try:
            return self._read_publish()
        except MalformedPacket:  # to paho U+FEFF in a property is; the connection would end for it, again and again
            command, packet = self._client._in_packet["command"], self._client._in_packet["packet"]  # noqa: SLF001
            end = 2 + int.from_bytes(packet[:2], "big")  # of the topic
            with_acknowledgement = command & 0x06
            mid = int.from_bytes(packet[end : end + 2], "big")
            return self._client._send_puback(mid) if with_acknowledgement else paho.MQTT_ERR_SUCCESS  # noqa: SLF001

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        if self._disposed:  # the thread that connects was still at it when the attempt was given up
            sock.close()
            raise ConnectionAbortedError("the attempt was given up")
        super()._on_socket_open(client, userdata, sock)

    def _on_socket_register_write(self, client: Any, _userdata: Any, sock: Any) -> None:
        # aiomqtt adds the writer later, even if the socket is closed until then, and its number perhaps another's
        self._loop.call_soon_threadsafe(self._add_writer, client, sock)

    def _add_writer(self, client: Any, sock: Any) -> None:
        if client.socket() is sock:
            self._loop.add_writer(sock.fileno(), client.loop_write)

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        if properties is not None:
            self.link.limits = _limits(properties)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        self.link.farewell = reason_code
        if not self._connected.done():  # aiomqtt would wait for its whole timeout
            self._connected.set_exception(VersionRefused("it closed the connection without an answer"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if self._disconnected.done():
            self._disconnected.exception()  # seen: aiomqtt may put another future in its place

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        self.link.acknowledged(mid, str(reason_code) if reason_code.is_failure else None)
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_message(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        with suppress(UnicodeDecodeError):  # no topic of ours is not UTF-8
            self.link.received(_incoming(message))

    def dispose(self) -> None:
        """Close the socket whatever state the connection is in: aiomqtt leaves it open after a failed attempt."""
        self._disposed = True
        # behind what a connecting thread has asked of the loop: a reader or writer on a closed socket is an error,
        # and perhaps on another's socket. paho has no public way to close without a DISCONNECT
        self._loop.call_soon(self._client._sock_close)  # noqa: SLF001
        for future in (self._connected, self._disconnected):
            future.cancel()  # what comes late is nobody's business
            if not future.cancelled():
                future.exception()  # seen: nobody may be waiting any more


class Link:
    """One connection, from CONNECT to its end. Topics are absolute here.

    `receive` gets every message as it comes, in the order of the wire.
    """

    def __init__(self, receive: Callable[[Message], None], *, v5: bool, **options: Any) -> None:
        self._receive = receive
        self.v5 = v5
        self.limits = Limits()
        self.farewell: ReasonCode | int | None = None
        self.last_acknowledgement = time.monotonic()
        self._waiting: dict[int, Done] = {}
        self._urgent: deque[tuple[Message, Done]] = deque()
        self._outbox: deque[tuple[Message, Done]] = deque()
        self._pump_planned = False
        self._acknowledgement = asyncio.Event()
        protocol = aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311
        self._client = _Client(protocol=protocol, max_inflight_messages=0, **options)
        receipts.heed(self._client._client)  # noqa: SLF001 - as there
        self._over_tcp = options.get("transport", "tcp") == "tcp"
        self._client.link = self
        self._loop = asyncio.get_running_loop()

    async def connect(self) -> None:
        """Connect; VersionRefused where the broker does not speak this version, MqttError for other failures."""
        try:
            await self._apart(self._client.__aenter__())
            if self.farewell is not None:  # it came together with the CONNACK, and aiomqtt has forgotten it
                self._client._on_disconnect(None, None, None, self.farewell)  # noqa: SLF001 - our own class
        except MqttConnectError as error:
            self._client.dispose()
            if getattr(error.rc, "value", error.rc) == _UNSUPPORTED_VERSION:
                raise VersionRefused(str(error)) from None
            raise
        except BaseException:
            self._client.dispose()
            raise

    async def close(self) -> None:
        """Say goodbye if the broker still listens; a clean DISCONNECT, so the will does not come."""
        try:
            with suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self._apart(self._client.__aexit__(None, None, None))
        finally:
            self._client.dispose()

    @property
    def in_flight(self) -> int:
        """How many messages the broker has not acknowledged, those that wait to be sent included."""
        return len(self._waiting) + len(self._urgent) + len(self._outbox)

    def fits(self, topic: str, payload: bytes) -> bool:
        """Whether a message is within the broker's Maximum Packet Size, and its topic within MQTT's."""
        limit = self.limits.maximum_packet
        length = len(topic.encode())
        return length <= _LONGEST_TOPIC and (limit is None or length + len(payload) + _PACKET_OVERHEAD <= limit)

    def send(self, message: Message, done: Done | None = None, *, first: bool = False) -> None:
        """Publish; `done` is called once with None or the broker's reason, or never if the connection ends before.

        More than the broker's Receive Maximum wait their turn here; `first` puts an answer before state.
        """
        (self._urgent if first else self._outbox).append((message, done or _ignore))
        self._pump()

    async def subscribe(self, topic: str, *, qos: int, retained: bool = True, own: bool = True) -> None:
        """Subscribe; `retained` asks for stored messages (MQTT 5), `own` for what this connection publishes itself.

        BrokerError when the broker refuses.
        """
        if self.v5:
            handling = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if retained else SubscribeOptions.RETAIN_DO_NOT_SEND
            options = SubscribeOptions(qos, noLocal=not own, retainAsPublished=True, retainHandling=handling)
            codes = await self.unless_ended(self._client.subscribe(topic, options=options))
        else:
            codes = await self.unless_ended(self._client.subscribe(topic, qos=qos))
        refusals = [code for code in codes if (code if isinstance(code, int) else code.value) >= 0x80]
        if refusals:
            raise BrokerError(f"the broker does not let us subscribe to {topic}: {refusals[0]}")

    async def unsubscribe(self, topic: str) -> None:
        """End a subscription."""
        await self.unless_ended(self._client.unsubscribe(topic))

    async def unless_ended(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for something as long as the connection holds; MqttError when it ends first."""
        task = self._loop.create_task(waiting)
        end: asyncio.Future[Any] = self._client._disconnected  # noqa: SLF001 - as in `ended`
        try:
            await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            task.cancel()
        await self.ended()
        raise aiomqtt.MqttError("the connection has been closed")

    async def _apart(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for aiomqtt in a task of its own: Python 3.11's `wait_for` swallows a cancellation beside a result."""
        task = self._loop.create_task(waiting)
        try:
            await asyncio.wait((task,))
            return task.result()
        finally:
            task.cancel()

    async def drained(self) -> None:
        """Wait until the broker has acknowledged everything that was sent."""
        while self.in_flight:
            self._acknowledgement.clear()
            await self._acknowledgement.wait()

    async def ended(self) -> None:
        """Wait until the connection ends; MqttError says why."""
        await asyncio.shield(self._client._disconnected)  # noqa: SLF001 - aiomqtt shows it only to readers of its queue

    def received(self, message: Message) -> None:
        """Take a message off the wire."""
        self._confirm_receipt()
        self._receive(message)

    def acknowledged(self, mid: int, reason: str | None) -> None:
        """Take the broker's acknowledgement of the message `mid`."""
        self._confirm_receipt()
        self.last_acknowledgement = time.monotonic()
        self._acknowledgement.set()
        if (done := self._waiting.pop(mid, None)) is None:
            return
        done(reason)
        # paho holds its lock while it calls back: what is next goes out in the loop's next round
        if (self._urgent or self._outbox) and not self._pump_planned:
            self._pump_planned = True
            self._loop.call_soon(self._pump)

    def _confirm_receipt(self) -> None:
        """Let the kernel confirm at once what came.

        It may wait for 40 ms, and a broker with Nagle's algorithm (mosquitto, unless told otherwise) holds back the
        next command or acknowledgement for as long.
        """
        connected: Any = self._client._client.socket()  # noqa: SLF001 - aiomqtt does not show it
        if self._over_tcp and _QUICK_ACK is not None and connected is not None:
            connected.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _pump(self) -> None:
        self._pump_planned = False
        while (queue := self._urgent or self._outbox) and len(self._waiting) < self.limits.receive_maximum:
            self._transmit(*queue.popleft())

    def _transmit(self, message: Message, done: Done) -> None:
        qos = min(message.qos, self.limits.maximum_qos)
        info = self._client._client.publish(  # noqa: SLF001 - aiomqtt's own publish waits for each message
            message.topic,
            message.payload,
            qos,
            retain=message.retain and self.limits.retain_available,
            properties=_properties(message) if self.v5 else None,
        )
        if qos and info.rc in {paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN}:
            self._waiting[info.mid] = done
        else:
            done(None if info.rc == paho.MQTT_ERR_SUCCESS else paho.error_string(info.rc))


def _ignore(_: str | None) -> None:
    """Nobody waits for this acknowledgement."""


def _properties(message: Message) -> Any:
    if message.response_topic is None and message.correlation is None and message.expiry is None:
        return None
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    if message.response_topic is not None:
        properties.ResponseTopic = message.response_topic
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    if message.expiry is not None:
        properties.MessageExpiryInterval = message.expiry
    return properties


def _incoming(message: paho.MQTTMessage) -> Message:
    properties = message.properties
    return Message(
        message.topic,
        bytes(message.payload),
        message.retain,
        message.qos,
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "CorrelationData", None),
        getattr(properties, "MessageExpiryInterval", None),
    )


def _limits(properties: Properties) -> Limits:
    return Limits(
        getattr(properties, "ReceiveMaximum", 65_535),
        getattr(properties, "MaximumPacketSize", None),
        getattr(properties, "MaximumQoS", 2),
        bool(getattr(properties, "RetainAvailable", True)),
    )
