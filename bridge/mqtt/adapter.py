"""The adapter over aiomqtt: connects, disconnects, and always closes the socket.

Together with `client.py`, which sends and receives, the only module that sees aiomqtt and paho, and what is private of
them. Nothing that either of them raises gets past the two.
"""

import asyncio
import contextlib
import socket
import ssl
from asyncio import TaskGroup
from dataclasses import dataclass
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.errors import BrokerError
from bridge.mqtt.message import Limits, Message

SESSION_TAKEN_OVER = 0x8E
"""Another client has connected with the same client id (MQTT 5, section 4.13)."""

_UNSUPPORTED_VERSION = 0x84
_CONNECT_WITHIN = 10.0  # seconds
_DISCONNECT_WITHIN = 1.0  # seconds for a clean DISCONNECT


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Where and how to connect; `max_packet` is the largest packet that is read, in bytes."""

    hostname: str
    port: int
    identifier: str
    user: str | None
    password: str | None
    keepalive: int
    will: Message | None
    max_packet: int
    transport: str = "tcp"  # or `unix`, `websockets`
    path: str | None = None
    tls: ssl.SSLContext | None = None


class ConnectionFailed(BrokerError):
    """There is no connection, or it has ended; `code` is the broker's reason code, 0 without one."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class VersionRefused(ConnectionFailed):
    """The broker does not support the MQTT version that was tried."""


class ClosedAtOnce(VersionRefused):
    """The broker closed the connection in place of an answer.

    Brokers do so that do not know the version; others, when a client with the same client id connects at that moment.
    """


class Adapter(aiomqtt.Client):
    """One connection, from CONNECT to its end."""

    def __init__(self, options: ConnectOptions, *, v5: bool) -> None:
        self.v5 = v5
        self.version = "5" if v5 else "3.1.1"
        self.limits = Limits()
        """What the broker announced."""
        self._disposed = False
        self._disconnect_code: Any = None
        super().__init__(**_keywords(options, v5=v5))

    @property
    def ended(self) -> bool:
        return self._disconnected.done()

    @property
    def reason(self) -> str:
        """Why the connection has ended."""
        error = self._disconnected.exception() if self.ended and not self._disconnected.cancelled() else None
        return str(error or "it was closed")

    @property
    def code(self) -> int:
        """The broker's reason code for the end; 0 without one."""
        return value_of(self._disconnect_code)

    @property
    def error(self) -> ConnectionFailed:
        """What to raise where the connection has ended."""
        return ConnectionFailed(self.reason, self.code)

    async def connect(self) -> None:
        """Connect. VersionRefused where the broker does not support this version, ConnectionFailed otherwise."""
        try:
            async with TaskGroup() as group:  # Python 3.11's `wait_for` swallows a cancellation beside a result
                attempt = group.create_task(self._enter())
        except BaseException:
            self._dispose()
            raise
        if (error := attempt.result()) is not None:
            self._dispose()
            raise error

    async def close(self) -> None:
        """End the connection with a DISCONNECT, so that the will is not published."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DISCONNECT_WITHIN):
                    await self._leave()
        finally:
            self._dispose()

    def end(self) -> None:
        """End the connection soon."""
        self._client.disconnect()

    async def _enter(self) -> ConnectionFailed | None:
        """Connect; returns the error instead of raising it, for a TaskGroup would wrap it."""
        try:
            await self.__aenter__()
        except (aiomqtt.MqttError, ValueError, LookupError) as error:
            # the last two: of paho, which does not expect every answer to a WebSocket's handshake
            failed = _failure(error)
            failed.__cause__ = error
            return failed
        if self._disconnect_code is not None:  # it came together with the CONNACK, and aiomqtt has forgotten it
            super()._on_disconnect(self._client, None, None, self._disconnect_code)  # type: ignore[arg-type]
        self._disconnected.add_done_callback(self._notice_end)
        if self._disconnected.done():
            self._notice_end(self._disconnected)
        return None

    async def _leave(self) -> None:
        """Send DISCONNECT behind all that waits to be written, and wait for it to be on its way."""
        if not self._disconnected.done() and self._client.disconnect() == paho.MQTT_ERR_SUCCESS:
            await asyncio.wait((self._disconnected,))

    def _dispose(self) -> None:
        """Close the socket whatever state the connection is in: aiomqtt leaves it open after a failed attempt."""
        self._disposed = True
        # behind what a connecting thread has asked of the loop: a reader or writer on a closed socket is an error,
        # and may concern another socket by then. paho has no public way to close without a DISCONNECT
        self._loop.call_soon(self._client._sock_close)  # noqa: SLF001
        for future in (self._connected, self._disconnected):
            future.cancel()
            if not future.cancelled():
                future.exception()  # seen: nobody may be waiting any more

    def _notice_end(self, _: asyncio.Future[None]) -> None:
        """Called when the connection has ended."""

    # what paho and aiomqtt call

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        if self._disposed:  # the thread that connects was still at it when the attempt was given up
            sock.close()
            raise ConnectionAbortedError("the attempt was given up")
        super()._on_socket_open(client, userdata, sock)

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        if properties is not None:
            self.limits = Limits.of(properties)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None) -> None:
        self._disconnect_code = reason_code
        if not self._connected.done():  # aiomqtt would wait for its whole timeout
            self._connected.set_exception(_NoAnswer("it closed the connection without an answer"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if self._disconnected.done():
            self._disconnected.exception()  # seen: aiomqtt may put another future in its place


class _NoAnswer(aiomqtt.MqttError):
    """The broker closed the connection in place of a CONNACK."""


def _failure(error: Exception) -> ConnectionFailed:
    match error:
        case MqttConnectError():
            code = value_of(error.rc)
            kind = VersionRefused if code == _UNSUPPORTED_VERSION else ConnectionFailed
            return kind(str(error), code)
        case _NoAnswer():
            return ClosedAtOnce(str(error))
        case aiomqtt.MqttError():
            return ConnectionFailed(str(error))
    return ConnectionFailed(f"no broker: {error}")


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
        "max_inflight_messages": 0,  # the broker's limit is kept by the queue in client.py
        "transport": options.transport,
    }
    transports: dict[str, dict[str, Any]] = {
        "websockets": {"websocket_path": options.path or "/mqtt"},
        "tcp": {"socket_options": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]},
    }
    return keywords | transports.get(options.transport, {})


def value_of(code: Any) -> int:
    """A reason code as a number; what paho has in place of one without MQTT 5 counts as none unless it is a number."""
    found = getattr(code, "value", code)
    return found if isinstance(found, int) else 0
