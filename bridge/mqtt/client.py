"""The adapter over aiomqtt: the only module that sees it and paho, and what is private of them.

aiomqtt waits for every publish by itself and does not look at the reason in the broker's acknowledgement; here a
message has a token, and what comes from the broker (messages, acknowledgements) is read in batches, in its order.
Nothing that either of them raises gets past this module.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt import MQTTException
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.mqtt.echoes import Echoes
from bridge.mqtt.message import Inbound, Message
from bridge.mqtt.packets import PUBLISH, MalformedLength, Packet, PacketReader
from bridge.mqtt.protocol import Acknowledged, ConnectionFailed, ConnectOptions, Event, Limits, Skipped, VersionRefused

_UNSUPPORTED_VERSION = 0x84
FAILURE = 0x80  # reason codes from here on are failures (MQTT 5, 2.4), as is the return code of a refused SUBSCRIBE
_SILENCE = 5.0  # seconds in which nothing comes, after which a confirmation is not waited for any more
_CONNECT_WITHIN = 10.0
_CHUNK = 65_536
_PUBACK, _PLAIN_PUBACK = 0x40, 2  # packet type; length where only the packet identifier is in it
_MALFORMED = (MQTTException, struct.error, LookupError, ValueError)  # what paho raises for it
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)  # Linux has it


class Client(aiomqtt.Client):
    """aiomqtt's client with the parts of the protocol that it swallows, and without its queue."""

    def __init__(self, options: ConnectOptions, *, v5: bool) -> None:
        self.limits = Limits()
        self.waiting: dict[int, tuple[int, int]] = {}
        self.bytes_waiting = 0
        self._awaited: dict[int, asyncio.Future[str | None]] = {}
        self.echoes = Echoes()
        self._v5 = v5
        self._over_tcp = options.transport == "tcp"
        self._reader = PacketReader(options.max_packet)
        self._events: list[Event] = []
        self._arrival = asyncio.Event()
        self._acknowledgement = asyncio.Event()
        self._subscriptions: dict[int, asyncio.Future[Sequence[Any]]] = {}
        self._disposed = False
        self._farewell: Any = None
        super().__init__(**_keywords(options, v5=v5))
        self.last_acknowledgement = self._last_chunk = self._loop.time()
        # paho's own keeps a packet of any size whole, and makes three system calls for each acknowledgement
        self._client.loop_read = self._read  # type: ignore[method-assign]

    @property
    def ended(self) -> bool:
        return self._disconnected.done()

    async def enter(self) -> ConnectionFailed | None:
        """Connect; returns the error instead of raising it, for a TaskGroup would wrap it."""
        try:
            await self.__aenter__()
        except MqttConnectError as error:
            code = value_of(error.rc)
            kind = VersionRefused if code == _UNSUPPORTED_VERSION else ConnectionFailed
            return kind(str(error), code)
        except _ClosedAtOnce as error:
            return VersionRefused(str(error))
        except (aiomqtt.MqttError, ValueError, LookupError) as error:
            # the last two: of paho, which does not expect every answer to a WebSocket's handshake
            return ConnectionFailed(str(error) if isinstance(error, aiomqtt.MqttError) else f"no broker: {error}")
        if self._farewell is not None:  # it came together with the CONNACK, and aiomqtt has forgotten it
            super()._on_disconnect(self._client, None, None, self._farewell)  # type: ignore[arg-type]
        self._disconnected.add_done_callback(self._notice_end)
        if self._disconnected.done():
            self._notice_end(self._disconnected)
        return None

    async def leave(self) -> None:
        """Send DISCONNECT behind all that waits to be written, and wait for it to be on its way."""
        if not self._disconnected.done() and self._client.disconnect() == paho.MQTT_ERR_SUCCESS:
            await asyncio.wait((self._disconnected,))

    def dispose(self) -> None:
        """Close the socket whatever state the connection is in: aiomqtt leaves it open after a failed attempt."""
        self._disposed = True
        # behind what a connecting thread has asked of the loop: a reader or writer on a closed socket is an error,
        # and perhaps on another's socket. paho has no public way to close without a DISCONNECT
        self._loop.call_soon(self._client._sock_close)  # noqa: SLF001
        for future in (self._connected, self._disconnected):
            future.cancel()
            if not future.cancelled():
                future.exception()  # seen: nobody may be waiting any more

    async def next_events(self) -> list[Event]:
        while not self._events:
            if self._disconnected.done():
                raise self.reason()
            self._arrival.clear()
            await self._arrival.wait()
        events, self._events = self._events, []
        return events

    async def acknowledgement(self) -> None:
        self._acknowledgement.clear()
        await self._acknowledgement.wait()

    async def subscribe_all(self, filters: Sequence[str]) -> dict[str, str]:
        """Subscribe with one packet; returns the filters that the broker refuses, with its reasons."""
        topics: Any = [(name, SubscribeOptions(0) if self._v5 else 0) for name in filters]
        self._last_chunk = self._loop.time()
        rc, mid = self._client.subscribe(topics)
        if rc != paho.MQTT_ERR_SUCCESS or mid is None:
            raise self.reason()
        confirmed = self._subscriptions[mid] = self._loop.create_future()
        try:
            while not confirmed.done() and self._loop.time() - self._last_chunk < _SILENCE:
                await asyncio.wait((confirmed,), timeout=_SILENCE / 2)
            codes = confirmed.result() if confirmed.done() else [FAILURE] * len(filters)
        finally:
            self._subscriptions.pop(mid, None)
        return {name: str(code) for name, code in zip(filters, codes, strict=False) if value_of(code) >= FAILURE}

    async def outcome(self, token: int) -> str | None:
        """Wait for the acknowledgement of a message that has just been sent; with QoS 0 it is there already."""
        for event in self._events:
            if isinstance(event, Acknowledged) and event.token == token:
                return event.reason or None
        self._awaited[token] = self._loop.create_future()
        try:
            return await self._awaited[token]
        finally:
            del self._awaited[token]

    def end(self) -> None:
        self._client.disconnect()

    def unsubscribe_soon(self, topic_filter: str) -> None:
        self._client.unsubscribe(topic_filter)

    def transmit(self, token: int, message: Message, returns: bool) -> None:  # noqa: FBT001 - from a queue
        qos = min(message.qos, self.limits.maximum_qos)
        try:
            info = self._client.publish(
                message.topic,
                message.payload,
                qos,
                retain=message.retain and self.limits.retain_available,
                properties=_properties(message) if self._v5 else None,
            )
        except ValueError as error:  # a topic that MQTT does not take
            self._acknowledge(Acknowledged(token, FAILURE, str(error)))
            return
        if not returns:
            self.echoes.sent(message.topic, message.payload)
        if qos and info.rc in {paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN}:
            self.waiting[info.mid] = token, message.size
            self.bytes_waiting += message.size
        elif info.rc == paho.MQTT_ERR_SUCCESS:
            self._acknowledge(Acknowledged(token))
        else:
            self._acknowledge(Acknowledged(token, FAILURE, paho.error_string(info.rc)))

    # what paho and aiomqtt call

    def _read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002 - paho's signature
        """Read what the socket has, in place of paho's `loop_read`."""
        client: Any = self._client
        if client.socket() is None:
            return paho.MQTT_ERR_NO_CONN
        try:
            chunk = client._sock_recv(_CHUNK)  # noqa: SLF001 - it hides the differences of TLS and WebSockets
        except BlockingIOError:
            return paho.MQTT_ERR_SUCCESS
        except OSError:
            chunk = b""
        rc = self._take(chunk) if chunk else paho.MQTT_ERR_CONN_LOST
        if rc > 0:
            return client._loop_rc_handle(rc)  # type: ignore[no-any-return]  # noqa: SLF001 - it ends the connection
        return paho.MQTT_ERR_SUCCESS

    def _take(self, chunk: bytes) -> MQTTErrorCode:
        # the keepalive's, as paho 2.2 and 2.1 name it
        self._client._last_bytes_received = self._client._last_msg_in = time.monotonic()  # type: ignore[attr-defined]  # noqa: SLF001
        self._confirm_receipt()
        now = self._last_chunk = self._loop.time()
        try:
            for packet in self._reader.feed(chunk):
                kind = packet.command & 0xF0
                take = (
                    self._take_message if kind == PUBLISH else self._take_puback if kind == _PUBACK else self._hand_on
                )
                rc = take(packet, now)
                if rc > 0 or self._client.socket() is None:
                    return rc
        except (MalformedLength, *_MALFORMED):
            return paho.MQTT_ERR_PROTOCOL
        return paho.MQTT_ERR_SUCCESS

    def _take_puback(self, packet: Packet, now: float) -> MQTTErrorCode:
        """Take an acknowledgement without a reason, the usual one, at a third of what it costs in paho."""
        client: Any = self._client
        if len(packet.body) != _PLAIN_PUBACK:
            return self._hand_on(packet, now)
        mid = int.from_bytes(packet.body, "big")
        with client._out_message_mutex:  # noqa: SLF001 - paho's own book of what is not acknowledged
            if mid in client._out_messages:  # noqa: SLF001
                client._do_on_publish(mid, 0, None)  # noqa: SLF001
        return paho.MQTT_ERR_SUCCESS

    def _hand_on(self, packet: Packet, _now: float) -> MQTTErrorCode:
        """Let paho handle any other packet, which it reads from `_in_packet`."""
        client: Any = self._client
        body = bytearray(packet.body)
        client._in_packet |= {"command": packet.command, "packet": body, "remaining_length": len(body), "pos": 0}  # noqa: SLF001
        try:
            return client._packet_handle()  # type: ignore[no-any-return]  # noqa: SLF001
        finally:
            client._in_packet["command"] = 0  # noqa: SLF001

    def _take_message(self, packet: Packet, now: float) -> MQTTErrorCode:
        """Read a PUBLISH in place of paho, which ends the connection for properties that it does not like."""
        body, qos = packet.body, (packet.command >> 1) & 3
        end = 2 + int.from_bytes(body[:2], "big")
        with contextlib.suppress(UnicodeDecodeError):  # our topics are all UTF-8
            topic = body[2:end].decode()
            if packet.skipped:
                self._add(Skipped(topic, packet.skipped))
            elif (message := self._message(packet, topic, end + 2 * bool(qos), now)) is not None:
                self._add(message)
        if qos == 1:  # not asked for; without an acknowledgement the broker would stop after some
            return self._client._send_puback(int.from_bytes(body[end : end + 2], "big"))  # noqa: SLF001
        return paho.MQTT_ERR_SUCCESS

    def _message(self, packet: Packet, topic: str, start: int, now: float) -> Inbound | None:
        properties, body = None, packet.body
        if self._v5 and body[start]:
            try:
                properties, length = Properties(PacketTypes.PUBLISH).unpack(body[start:])  # type: ignore[no-untyped-call]
            except _MALFORMED:  # so does paho call a byte order mark
                return None
            start += length
        elif self._v5:
            start += 1
        payload = body[start:]
        if self.echoes.came_back(topic, payload):
            return None
        return Inbound(
            topic,
            payload,
            bool(packet.command & 1),
            (packet.command >> 1) & 3,
            getattr(properties, "ResponseTopic", None),
            getattr(properties, "CorrelationData", None),
            getattr(properties, "MessageExpiryInterval", None),
            arrived=now,
        )

    def _add(self, event: Event) -> None:
        self._events.append(event)
        self._arrival.set()

    def _acknowledge(self, acknowledged: Acknowledged) -> None:
        if (awaited := self._awaited.get(acknowledged.token)) is not None and not awaited.done():
            awaited.set_result(acknowledged.reason or None)
        self._add(acknowledged)
        self._acknowledgement.set()

    def reason(self) -> ConnectionFailed:
        error = self._disconnected.exception() if self.ended and not self._disconnected.cancelled() else None
        return ConnectionFailed(str(error or "it was closed"), value_of(self._farewell))

    def _notice_end(self, _: asyncio.Future[None]) -> None:
        self._arrival.set()
        self._acknowledgement.set()
        futures: list[asyncio.Future[Any]] = [*self._subscriptions.values(), *self._awaited.values()]
        for future in futures:
            if not future.done():
                future.set_exception(self.reason())

    def _confirm_receipt(self) -> None:
        """Let the kernel confirm at once what came.

        It may wait for 40 ms, and a broker with Nagle's algorithm (mosquitto, unless set otherwise) holds back the
        next command or acknowledgement for as long.
        """
        if self._over_tcp and _QUICK_ACK is not None:
            connected: Any = self._client.socket()
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

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
            self.limits = Limits.of(properties)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        self._farewell = reason_code
        if not self._connected.done():  # aiomqtt would wait for its whole timeout
            self._connected.set_exception(_ClosedAtOnce("it closed the connection without an answer"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if self._disconnected.done():
            self._disconnected.exception()  # seen: aiomqtt may put another future in its place

    def _on_publish(self, _client: Any, _userdata: Any, mid: int, reason_code: ReasonCode, _properties: Any) -> None:
        # aiomqtt drops the reason
        self.last_acknowledgement = self._loop.time()
        if (waiting := self.waiting.pop(mid, None)) is not None:
            token, size = waiting
            self.bytes_waiting -= size
            code = value_of(reason_code)
            self._acknowledge(Acknowledged(token, code, str(reason_code)) if code >= FAILURE else Acknowledged(token))

    def _on_subscribe(self, _client: Any, _userdata: Any, mid: int, codes: Any, _properties: Any = None) -> None:
        # aiomqtt's waits for it do not end with the connection
        if (confirmed := self._subscriptions.get(mid)) is not None and not confirmed.done():
            confirmed.set_result(codes)

    def _on_unsubscribe(self, *_: Any) -> None:
        """Nobody waits for it."""


class _ClosedAtOnce(aiomqtt.MqttError):
    """The broker closed the connection in place of a CONNACK."""


def _keywords(options: ConnectOptions, *, v5: bool) -> dict[str, Any]:
    will = options.will
    properties: Any = Properties(PacketTypes.CONNECT) if v5 else None  # type: ignore[no-untyped-call]
    if v5:
        properties.MaximumPacketSize = options.max_packet
    keywords: dict[str, Any] = {
        "hostname": options.hostname,
        "port": options.port,
        "identifier": options.identifier,
        "username": options.user,
        "password": options.password,
        "keepalive": options.keepalive,
        "timeout": _CONNECT_WITHIN,
        "will": aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
        "tls_context": options.tls,
        "protocol": aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311,
        "properties": properties,
        "max_inflight_messages": 0,  # the broker's limit is kept by Link
        "transport": options.transport,
    }
    transports: dict[str, dict[str, Any]] = {
        "websockets": {"websocket_path": options.path or "/mqtt"},
        "tcp": {"socket_options": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]},
    }
    return keywords | transports.get(options.transport, {})


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


def value_of(code: Any) -> int:
    """A reason code as a number; what paho has in place of one without MQTT 5 counts as none unless it is a number."""
    found = getattr(code, "value", code)
    return found if isinstance(found, int) else 0
