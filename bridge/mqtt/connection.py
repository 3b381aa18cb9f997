"""How the broker is reached: address, TLS, MQTT version, will, and coming back after every loss."""

import asyncio
import hashlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

import aiomqtt

from bridge.errors import BrokerError
from bridge.mqtt.link import Link
from bridge.mqtt.message import Message
from bridge.mqtt.wire import VersionRefused
from bridge.settings import Mqtt
from bridge.util.backoff import Backoff

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 3.0  # a broker that is back is found at once
_PATIENT_PAUSE = 30.0  # where the broker refuses us, or says again and again that another client has our client id
_TIMEOUT = 10.0
_SLOWEST_REPLAY = 60.0  # seconds until a subscription is confirmed, perhaps after all that is retained
_SETTLED = 20.0  # seconds a connection must hold before the next pause is short again
_LATELY, _SUSPICIOUS = 300.0, 6  # so many losses in so many seconds, and never a failed attempt between them
_VERSIONS = {"auto": (True, False), "5": (True,), "3.1.1": (False,)}  # in the order tried; True is MQTT 5
_SESSION_TAKEN_OVER = 0x8E
_MAXIMUM_PACKET = 0x95
_WILLS: dict[int, dict[str, Any]] = {0x9A: {"retain": False}, 0x9B: {"qos": 0}}  # refused by -> taken perhaps
_FAREWELLS = {
    _SESSION_TAKEN_OVER: "another client connected with our client id: give one of the two its own mqtt.client_id",
    _MAXIMUM_PACKET: "the broker does not take a message as large as we sent",
}


class Observer(Protocol):
    """Who is told how the connection fares."""

    def broker_lost(self, reason: str) -> None:
        """Note that there is no connection, and why."""


class Connection:
    """The way to one broker. `will` is what the broker publishes when we are gone without a word."""

    def __init__(self, settings: Mqtt, will: Message) -> None:
        self._settings = settings
        self._will = will
        self._pause = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._losses: list[float] = []
        self._thrown_out = False
        self._refused = False
        self._client_id = settings.client_id or client_id(settings.root)

    @property
    def rivalled(self) -> str | None:
        """Our client id, when another client seems to use it too."""
        return self._client_id if len(self._lately()) >= _SUSPICIOUS else None

    def explained(self) -> None:
        """Note that it is known, and not to happen again, why the connections of late have ended."""
        self._losses.clear()
        self._pause.reset()

    async def run(self, session: Callable[[], Awaitable[None]], observer: Observer) -> None:
        """Hold `session` again and again, for ever; it ends with a BrokerError when its connection does."""
        now = asyncio.get_running_loop().time
        while True:
            began = now()
            thrown_out = False
            try:
                await session()
            except BrokerError as error:
                thrown_out = self._thrown_out and self.rivalled is not None
                if now() - began > _SETTLED and not thrown_out:
                    self._pause.reset()
                observer.broker_lost(str(error))
            longest = _PATIENT_PAUSE if self._refused or thrown_out else _LONGEST_PAUSE
            await asyncio.sleep(self._pause.next(longest))

    @asynccontextmanager
    async def open(self, receive: Callable[[Message], None]) -> AsyncIterator[Link]:
        """One connection, which hands each message to `receive`; every way in which it fails is a BrokerError."""
        link = await self._connect(receive)
        try:
            yield link
        except aiomqtt.MqttError as error:
            raise BrokerError(self._loss(link, error)) from None
        finally:
            await link.close()

    async def _connect(self, receive: Callable[[Message], None]) -> Link:
        refusal: VersionRefused | None = None
        self._refused = False
        for v5 in _VERSIONS[self._settings.version]:
            link = Link(receive, v5=v5, **self._options())
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await link.connect()
            except VersionRefused as error:
                refusal = error
            except aiomqtt.MqttError as error:
                self._losses.clear()  # the broker was away
                self._note_refusal(error)
                raise BrokerError(f"the broker at {self._settings.url} cannot be reached: {error}") from None
            except TimeoutError:
                raise BrokerError(f"the broker at {self._settings.url} does not answer") from None
            else:
                return link
        raise BrokerError(f"the broker at {self._settings.url} cannot be reached: {refusal}")

    def _loss(self, link: Link, error: aiomqtt.MqttError) -> str:
        """Why a connection that stood has ended; many brokers throw a client out without a word, like a cut cable."""
        code = getattr(link.farewell, "value", 0)
        self._thrown_out = code == _SESSION_TAKEN_OVER
        if code != _MAXIMUM_PACKET:
            self._losses = [*self._lately(), time.monotonic()]
        return _FAREWELLS.get(code, f"the connection to the broker was lost: {error}")

    def _lately(self) -> list[float]:
        return [when for when in self._losses if time.monotonic() - when < _LATELY]

    def _note_refusal(self, error: aiomqtt.MqttError) -> None:
        """Make the will one that the broker takes next time: it refuses the whole connection for it."""
        code = getattr(getattr(error, "rc", None), "value", 0)
        self._refused = code > 0
        self._will = replace(self._will, **_WILLS.get(code, {}))

    def _options(self) -> dict[str, Any]:
        settings, address = self._settings, self._settings.address
        options: dict[str, Any] = {
            "hostname": address.path if address.scheme == "unix" else address.host,
            "port": address.port or 1,
            "identifier": self._client_id,
            "username": settings.user,
            "password": settings.password.get_secret_value() if settings.password else None,
            "keepalive": settings.keepalive,
            "timeout": _SLOWEST_REPLAY,
            "will": aiomqtt.Will(self._will.topic, self._will.payload, self._will.qos, self._will.retain),
            "tls_context": _tls_context(settings) if address.tls else None,
        }
        if address.websockets:
            return options | {"transport": "websockets", "websocket_path": address.path or "/mqtt"}
        if address.scheme == "unix":
            return options | {"transport": "unix"}
        return options | {"socket_options": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]}


def client_id(root: str) -> str:
    """The client id of this host for this root: the same at every start, at most 23 characters (MQTT 3.1.1)."""
    return "evcc-bridge-" + hashlib.sha256(f"{socket.gethostname()}\0{root}".encode()).hexdigest()[:10]


def _tls_context(settings: Mqtt) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        # they were fine when the settings were read: they may be just being renewed
        raise BrokerError(f"mqtt.ca_file, mqtt.cert_file or mqtt.key_file cannot be used: {error}") from None
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
