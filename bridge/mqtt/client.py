"""One connection to the broker: messages out with a token each, subscriptions, and what comes back in batches.

aiomqtt waits for every publish and ignores the reason in the broker's acknowledgement; here a
message has a token, and what comes from the broker (messages, acknowledgements) is read in batches, in its order.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt import MQTTException
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.mqtt.adapter import Adapter, ConnectOptions, value_of
from bridge.mqtt.message import (
    PUBLISH,
    Acknowledged,
    Echoes,
    Event,
    Inbound,
    MalformedLength,
    Message,
    Packet,
    PacketReader,
    Skipped,
)

FAILURE = 0x80  # reason codes from here on are failures (MQTT 5, 2.4), as is the return code of a refused SUBSCRIBE
_SILENCE = 5.0  # seconds in which nothing comes, after which a confirmation is not waited for any more
_CHUNK = 65_536
_PUBACK, _PLAIN_PUBACK = 0x40, 2  # packet type; length where only the packet identifier is in it
_MALFORMED = (MQTTException, struct.error, LookupError, ValueError)  # what paho raises for it
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)  # Linux has it
_LOGGED = 200  # bytes of a payload in a log line
_LONGEST_TOPIC = 65_535  # bytes
_MOST_UNACKNOWLEDGED = 1000  # messages, answers above all, that the broker has not acknowledged
_MOST_BYTES = 4 * 2**20  # of answers among them


class Link(Adapter):
    """A connection and its messages. Topics are absolute. `subscribe` and `unsubscribe` replace aiomqtt's."""

    def __init__(self, options: ConnectOptions, *, v5: bool) -> None:
        self._unacknowledged: dict[int, tuple[int, int]] = {}
        self._bytes = 0
        self._tokens = count()
        self._log = structlog.get_logger().bind()  # bound once: a line that is not logged costs nearly nothing
        self._urgent: deque[tuple[int, Message, bool]] = deque()
        self._outbox: deque[tuple[int, Message, bool]] = deque()
        self._echoes = Echoes()
        self._over_tcp = options.transport == "tcp"
        self._reader = PacketReader(options.max_packet)
        self._events: list[Event] = []
        self._arrival = asyncio.Event()
        self._acknowledgement = asyncio.Event()
        self._subscriptions: dict[int, asyncio.Future[Sequence[Any]]] = {}
        super().__init__(options, v5=v5)
        self.last_acknowledgement = self._last_chunk = self._loop.time()
        """Loop time of the broker's last acknowledgement, at first of the connection."""
        # paho's own keeps a packet of any size whole, and makes three system calls for each acknowledgement
        self._client.loop_read = self._read  # type: ignore[method-assign]

    @property
    def in_flight(self) -> int:
        """How many messages the broker has not acknowledged, those that wait to be sent included."""
        return len(self._unacknowledged) + len(self._urgent) + len(self._outbox)

    @property
    def congested(self) -> bool:
        """Whether so much waits for the broker that no further answer is sent."""
        return self.in_flight >= _MOST_UNACKNOWLEDGED or self._bytes > _MOST_BYTES

    def fits(self, message: Message) -> bool:
        """Whether a message is within the broker's Maximum Packet Size, and its topic within MQTT's."""
        limit = self.limits.maximum_packet
        return len(message.topic.encode()) <= _LONGEST_TOPIC and (limit is None or message.size <= limit)

    def send(self, message: Message, *, first: bool = False, returns: bool = False) -> int | None:
        """Publish; the token comes back in an `Acknowledged`, unless the connection ends before.

        More than the broker's Receive Maximum wait their turn here; `first` puts an answer before state, and there
        the result is None where too many wait. `returns`: the message is wanted back from our own subscription.
        """
        if first and self.congested:
            return None
        token = next(self._tokens)
        (self._urgent if first else self._outbox).append((token, message, returns))
        self._pump()
        return token

    def send_last(self, message: Message) -> None:
        """Publish a message in place of all that waits for its turn; what has been sent stands before it."""
        self._outbox.clear()
        self.send(message)

    async def subscribe(self, filters: Sequence[str]) -> dict[str, str]:  # type: ignore[override]
        """Subscribe with one packet; returns the filters that the broker refuses, with its reasons.

        With QoS 0: as much waits in sockets as the broker would queue, and what is retained is not cut off at the
        broker's limit for queued messages. The retain flag is not taken as published, so that it means `stored`.
        """
        topics: Any = [(name, SubscribeOptions(0) if self.v5 else 0) for name in filters]
        self._last_chunk = self._loop.time()
        rc, mid = self._client.subscribe(topics)
        if rc != paho.MQTT_ERR_SUCCESS or mid is None:
            raise self.error
        confirmed = self._subscriptions[mid] = self._loop.create_future()
        try:
            while not confirmed.done() and self._loop.time() - self._last_chunk < _SILENCE:
                await asyncio.wait((confirmed,), timeout=_SILENCE / 2)
        finally:
            self._subscriptions.pop(mid, None)
        if self.ended:
            raise self.error
        codes = confirmed.result() if confirmed.done() else [FAILURE] * len(filters)
        return {name: str(code) for name, code in zip(filters, codes, strict=False) if value_of(code) >= FAILURE}

    def expect_echoes(self, root: str) -> None:
        """Note that all below a root is subscribed to: our own messages come back from there, and are left out."""
        self._echoes.expect_below(root)

    def unsubscribe(self, topic_filter: str) -> None:  # type: ignore[override]
        """End a subscription; its confirmation is not waited for."""
        self._client.unsubscribe(topic_filter)

    async def events(self) -> AsyncIterator[list[Event]]:
        """What comes from the broker, in batches, until the connection has ended."""
        while True:
            while not self._events:
                if self._disconnected.done():
                    return
                self._arrival.clear()
                await self._arrival.wait()
            events, self._events = self._events, []
            self._pump()
            yield events

    async def drained(self) -> None:
        """Wait until the broker has acknowledged everything that was sent, or the connection has ended."""
        while self.in_flight and not self.ended:
            self._acknowledgement.clear()
            await self._acknowledgement.wait()
            self._pump()

    def _pump(self) -> None:
        while (queue := self._urgent or self._outbox) and len(self._unacknowledged) < self.limits.receive_maximum:
            self._transmit(*queue.popleft())

    def _transmit(self, token: int, message: Message, returns: bool) -> None:  # noqa: FBT001 - from a queue
        qos = min(message.qos, self.limits.maximum_qos)
        self._log.debug("publication", topic=message.topic, payload=message.payload[:_LOGGED], retain=message.retain)
        try:
            info = self._client.publish(
                message.topic,
                message.payload,
                qos,
                retain=message.retain and self.limits.retain_available,
                properties=_properties(message) if self.v5 else None,
            )
        except ValueError as error:  # a topic that MQTT does not take
            self._acknowledge(Acknowledged(token, FAILURE, str(error)))
            return
        if not returns:
            self._echoes.sent(message.topic, message.payload)
        if qos and info.rc in {paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN}:
            self._unacknowledged[info.mid] = token, message.size
            self._bytes += message.size
        elif info.rc == paho.MQTT_ERR_SUCCESS:
            self._acknowledge(Acknowledged(token))
        else:
            self._acknowledge(Acknowledged(token, FAILURE, paho.error_string(info.rc)))

    def _add(self, event: Event) -> None:
        self._events.append(event)
        self._arrival.set()

    def _acknowledge(self, acknowledged: Acknowledged) -> None:
        self._add(acknowledged)
        self._acknowledgement.set()

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
        if self.v5 and body[start]:
            try:
                properties, length = Properties(PacketTypes.PUBLISH).unpack(body[start:])  # type: ignore[no-untyped-call]
            except _MALFORMED:  # so does paho call a byte order mark
                return None
            start += length
        elif self.v5:
            start += 1
        payload = body[start:]
        if self._echoes.came_back(topic, payload):
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

    def _confirm_receipt(self) -> None:
        """Let the kernel confirm at once what came.

        It may wait for 40 ms, and a broker with Nagle's algorithm (mosquitto, unless set otherwise) holds back the
        next command or acknowledgement for as long.
        """
        if self._over_tcp and _QUICK_ACK is not None:
            connected: Any = self._client.socket()
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _notice_end(self, _: asyncio.Future[None]) -> None:
        self._arrival.set()
        self._acknowledgement.set()
        for future in self._subscriptions.values():
            if not future.done():
                future.set_result(())  # no exception: nobody may be waiting any more

    def _on_socket_register_write(self, client: Any, _userdata: Any, sock: Any) -> None:
        # aiomqtt adds the writer later, when the socket may be closed and its number another's
        self._loop.call_soon_threadsafe(self._add_writer, client, sock)

    def _add_writer(self, client: Any, sock: Any) -> None:
        if client.socket() is sock:
            self._loop.add_writer(sock.fileno(), client.loop_write)

    def _on_publish(self, _client: Any, _userdata: Any, mid: int, reason_code: ReasonCode, _properties: Any) -> None:
        # aiomqtt drops the reason
        self.last_acknowledgement = self._loop.time()
        if (waiting := self._unacknowledged.pop(mid, None)) is not None:
            token, size = waiting
            self._bytes -= size
            code = value_of(reason_code) if reason_code else 0
            self._acknowledge(Acknowledged(token, code, str(reason_code)) if code >= FAILURE else Acknowledged(token))

    def _on_subscribe(self, _client: Any, _userdata: Any, mid: int, codes: Any, _properties: Any = None) -> None:
        # aiomqtt's waits for it do not end with the connection
        if (confirmed := self._subscriptions.get(mid)) is not None and not confirmed.done():
            confirmed.set_result(codes)

    def _on_unsubscribe(self, *_: Any) -> None:
        """Nobody waits for it."""


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
