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
from typing import Any, TypeVar

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.errors import BrokerError
from bridge.mqtt import receipts
from bridge.mqtt.message import OVERHEAD, Message
from bridge.mqtt.wire import Client, Limits, VersionRefused, properties_of

_LONGEST_TOPIC = 65_535  # bytes

_UNSUPPORTED_VERSION = 0x84
_GOODBYE = 1.0  # seconds for a clean DISCONNECT
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)  # Linux has it

T = TypeVar("T")
Done = Callable[[str | None], None]  # called with None, or with the broker's reason to refuse


class Link:
    """One connection, from CONNECT to its end. Topics are absolute here.

    `receive` gets every message as it comes, in the order of the wire.
    """

    def __init__(self, receive: Callable[[Message], None], *, v5: bool, **options: Any) -> None:
        self._receive = receive
        self.v5 = v5
        self.limits = Limits()
        self.farewell: Any = None
        self.last_acknowledgement = time.monotonic()
        self._waiting: dict[int, Done] = {}
        self._urgent: deque[tuple[Message, Done]] = deque()
        self._outbox: deque[tuple[Message, Done]] = deque()
        self._pump_planned = False
        self._acknowledgement = asyncio.Event()
        protocol = aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311
        self._client = Client(protocol=protocol, max_inflight_messages=0, **options)
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
        except (ValueError, LookupError) as error:  # of paho, which does not expect every answer to a WebSocket's
            self._client.dispose()
            raise aiomqtt.MqttError(f"what answers there is no broker: {error}") from None
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
        return length <= _LONGEST_TOPIC and (limit is None or length + len(payload) + OVERHEAD <= limit)

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
            task.cancel()  # not waited for: what it waits for is never answered, and it holds nothing
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
            properties=properties_of(message) if self.v5 else None,
        )
        if qos and info.rc in {paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN}:
            self._waiting[info.mid] = done
        else:
            done(None if info.rc == paho.MQTT_ERR_SUCCESS else paho.error_string(info.rc))


def _ignore(_: str | None) -> None:
    """Nobody waits for this acknowledgement."""
