"""How the broker is reached: address, TLS, MQTT version, will, and coming back after every loss."""

import asyncio
import ssl
from asyncio import TaskGroup
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import structlog

from bridge.causes import Cause, Explainer, login
from bridge.errors import BrokerError
from bridge.mqtt.adapter import SESSION_TAKEN_OVER, ClosedAtOnce, ConnectionFailed, ConnectOptions, VersionRefused
from bridge.mqtt.client import Link
from bridge.mqtt.message import Message
from bridge.settings import Mqtt
from bridge.util.backoff import Backoff
from bridge.util.client_id import client_id
from bridge.util.diagnostics import Diagnostics
from bridge.util.gate import Gate
from bridge.util.probe import probe

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 3.0  # seconds: a broker that is back is found at once
_LONG_PAUSE = 30.0  # where the broker refuses us, or connections end soon again and again
_HELD = 20.0  # seconds a connection must hold before the next pause is short again
_TIMEOUT = 12.0  # seconds for an attempt, beyond the adapter's own limit
_MOST_SHORT = 3  # so many connections in a row that ended soon, without a failed attempt between them
_VERSIONS = {"auto": (True, False), "5": (True,), "3.1.1": (False,)}  # in the order tried; True is MQTT 5
_PACKET_TOO_LARGE = 0x95
_UNSPECIFIED = 0x80  # paho's code for a connection that was closed without an answer, as of a broker that is starting
_FAILED = (ConnectionFailed, TimeoutError)
_OTHER_REASONS = frozenset({0x89, 0x8B, 0x8D})  # why a connection ends: server busy, shutting down; keepalive
_LOGIN_REFUSED = frozenset({0x86, 0x87, 0x8C})
_WILLS: dict[int, dict[str, Any]] = {
    0x9A: {"retain": False},
    0x9B: {"qos": 0},
}  # reason code of the refusal -> change of the will
_ENDINGS = {
    SESSION_TAKEN_OVER: "another client connected with our client id: give one of the two its own mqtt.client_id",
    _PACKET_TOO_LARGE: "the broker does not take a message as large as we sent",
}


class Connection:
    """The way to one broker. `will` is what the broker publishes when a connection is lost.

    Every attempt of `links` passes `gate`.
    """

    def __init__(
        self, settings: Mqtt, will: Message | None, diagnostics: Diagnostics, gate: Gate | None = None
    ) -> None:
        self._gate = gate or Gate(1)
        self._settings = settings
        self._diagnostics = diagnostics
        self._log = structlog.get_logger()
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._options = _options(settings, will)
        self._explainer = Explainer(settings)
        self._over_tls = settings.address.tls
        self._refused = False
        self._v5_stood = False  # the last connection had MQTT 5, and no attempt with it has failed since
        self._explained = False
        self._short = 0
        self._began = 0.0
        self.count = 0
        """How many connections there have been."""

    async def links(self) -> AsyncGenerator[Link]:
        """One connection after another, for ever; the next one is made when the caller is done with the last.

        The caller is done when the link's `events` end.
        """
        while True:
            failure: Exception | None = None
            try:
                async with self._gate.place():
                    link = await self._connect()
            except _FAILED as error:
                failure = error
            else:
                self.count += 1
                self._began, self._explained = _now(), False
                try:
                    yield link
                finally:
                    await link.close()
                await self._note_end(link)
            await self._pause(failure)

    async def _pause(self, failure: Exception | None) -> None:
        """Wait until the next attempt; meanwhile find out why the last one failed."""
        if isinstance(failure, ClosedAtOnce) and self._short and not await self._answers_others():
            self._note_other_reason()
        is_long = self._refused or self._short >= _MOST_SHORT
        async with TaskGroup() as group:
            if failure is not None:
                group.create_task(self._report(failure), name="mqtt-explanation")
            await asyncio.sleep(self._backoff.next(_LONG_PAUSE if is_long else None))

    def _note_other_reason(self) -> None:
        """Note that connections end for another reason than a client with our id: the broker is away, for example."""
        self._short = 0
        self._diagnostics.set("client id", None)

    async def _answers_others(self) -> bool:
        """Whether the broker answers another connection; a proxy that has no broker closes each one."""
        address = self._settings.address
        if address.scheme == "unix":  # no proxy is before it
            return True
        spoken = await probe(address.host, address.port)
        return spoken.mqtt or spoken.http or spoken.tls

    async def _report(self, failure: Exception) -> None:
        self._diagnostics.set("broker", await self._reason(failure))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """One connection, by one attempt; BrokerError where there is none."""
        try:
            link = await self._connect()
        except _FAILED as error:
            raise BrokerError(await self._reason(error)) from None
        try:
            yield link
        finally:
            await link.close()

    def confirm(self) -> None:
        """Note that the present connection works."""
        self._diagnostics.set("broker", None)
        if self._short < _MOST_SHORT:
            self._log.info("broker found", url=self._settings.url)

    def explain(self) -> None:
        """Note that it is known, and not to happen again, why the present connection ends."""
        self._explained = True

    def check_held(self) -> None:
        """Note that the present connection is still there: after a while pauses are short again."""
        if _now() - self._began > _HELD:
            self._short = 0
            self._backoff.reset()
            self._diagnostics.set("client id", None)

    async def _connect(self) -> Link:
        self._refused = False
        try:
            return await self._connect_by_version()
        except ConnectionFailed as error:
            if not isinstance(error, ClosedAtOnce):
                self._note_other_reason()
            self._refused = error.code not in {0, _UNSPECIFIED}
            if (will := self._options.will) is not None:
                self._options = replace(self._options, will=replace(will, **_WILLS.get(error.code, {})))
            raise

    async def _reason(self, error: Exception) -> str:
        """What is wrong and what to do; to find that out may take 1.5 s."""
        if not isinstance(error, ConnectionFailed):
            return await self._explainer.explain(error)
        if error.code in _LOGIN_REFUSED:
            return login(self._settings)
        if isinstance(error, VersionRefused) and error.code and self._settings.version == "5":
            return Cause.NO_MQTT5.text(self._settings)
        if error.code:
            return f"the broker at {self._settings.address.shown} refuses the connection: {error}"
        return await self._explainer.explain(error)

    async def _connect_by_version(self) -> Link:
        v5, *older = _VERSIONS[self._settings.version]
        try:
            return await self._connect_with(v5=v5)
        except VersionRefused as error:
            stood, self._v5_stood = self._v5_stood, False
            if not older or (stood and isinstance(error, ClosedAtOnce)):
                raise
        return await self._connect_with(v5=False)

    async def _connect_with(self, *, v5: bool) -> Link:
        # the files were fine when the settings were read: they may be just being renewed
        tls = _tls_context(self._settings) if self._over_tls else None
        link = Link(replace(self._options, tls=tls), v5=v5)
        async with asyncio.timeout(_TIMEOUT):
            await link.connect()
        self._v5_stood = v5
        return link

    async def _note_end(self, link: Link) -> None:
        """Find out why a connection that stood has ended; many brokers cut off a client without giving a reason.

        Where another client has taken our id, the broker answers all the same.
        """
        self._short += 1
        is_known = self._explained or link.code in _OTHER_REASONS or _now() - self._began > _HELD
        if is_known or (self._short >= _MOST_SHORT and not await self._answers_others()):
            self._note_other_reason()
        if self._explained:
            return
        if self._short >= _MOST_SHORT:
            self._diagnostics.set("client id", _shared(self._options.identifier))
        else:
            reason = f"the connection to the broker was lost: {link.reason}"
            self._diagnostics.set("broker", _ENDINGS.get(link.code, reason))


def _options(settings: Mqtt, will: Message | None) -> ConnectOptions:
    address = settings.address
    unix = address.scheme == "unix"
    return ConnectOptions(
        hostname=address.path if unix else address.host,
        port=address.port or 1,
        identifier=settings.client_id or client_id(settings.root),
        user=settings.user,
        password=settings.password.get_secret_value() if settings.password else None,
        keepalive=settings.keepalive,
        will=will,
        max_packet=settings.max_packet,
        transport="unix" if unix else "websockets" if address.websockets else "tcp",
        path=address.path,
    )


def _now() -> float:
    return asyncio.get_running_loop().time()


def _shared(client_id: str) -> str:
    return (
        "the connection to the broker ends again and again: a bad line, or another client with our client id "
        f"{client_id} (then give one of the two its own: mqtt.client_id)"
    )


def _tls_context(settings: Mqtt) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(f"mqtt.ca_file, mqtt.cert_file or mqtt.key_file cannot be used: {error}") from None
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
