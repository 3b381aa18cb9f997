"""The MQTT library, with the parts of the protocol handed on that it swallows, and its traps closed."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bridge.mqtt.message import Message


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker announced at CONNACK (MQTT 5); the defaults are what 3.1.1 knows."""

    receive_maximum: int = 65_535
    maximum_packet: int | None = None
    maximum_qos: int = 2
    retain_available: bool = True


class VersionRefused(aiomqtt.MqttError):
    """The broker does not speak the MQTT version that was tried, or closed the connection as if it did not."""


class Ears(Protocol):
    """Who is told what comes over the wire."""

    limits: Limits
    farewell: Any

    def received(self, message: Message) -> None:
        """Take a message."""

    def acknowledged(self, mid: int, reason: str | None) -> None:
        """Take the broker's acknowledgement of a message, with its reason to refuse."""


class Client(aiomqtt.Client):
    """aiomqtt's client with the parts of the protocol that it swallows handed on."""

    link: Ears
    _disposed = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._read_publish = self._client._handle_publish  # noqa: SLF001 - paho has no public way to skip a message
        self._client._handle_publish = self._handle_publish  # type: ignore[method-assign]  # noqa: SLF001

    def _handle_publish(self) -> MQTTErrorCode:
        try:
            return self._read_publish()
        except MalformedPacket:  # paho calls U+FEFF in a property so, and would end the connection for it each time
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
        # aiomqtt adds the writer later, when the socket may be closed and its number another's
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
        with suppress(UnicodeDecodeError):  # our topics are all UTF-8
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


def properties_of(message: Message) -> Any:
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
