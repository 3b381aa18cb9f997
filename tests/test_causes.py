"""Every way in which evcc or the broker cannot be reached, by real sockets, and the words for it."""

import asyncio
import gc
import os
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.causes import Cause, login, static, table
from bridge.errors import BrokerError, EvccError
from bridge.evcc.client import EvccClient
from bridge.mqtt import connection as connections
from bridge.mqtt.connection import Connection
from bridge.settings import Evcc, Mqtt
from bridge.util import probe as probing
from bridge.util.diagnostics import Diagnostics
from bridge.util.probe import Spoken, probe
from tests.broker.authority import Authority
from tests.broker.mosquitto import HOST, Config, Mosquitto
from tests.broker.ports import free_port
from tests.broker.proxy import Faults, Proxy
from tests.evcc.server import Answer, Server, answer, hang, raw, server

pytestmark = [
    pytest.mark.broker,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # paho's, where a connection fails
]

NOBODY = "no-such-host.invalid"
Start = Callable[[Config], Awaitable[Mosquitto]]


@dataclass
class World:
    """What a case starts."""

    shared: Mosquitto
    stack: AsyncExitStack
    start: Start
    start_proxy: Callable[[int], Awaitable[Proxy]]
    authority: Authority
    directory: Path

    async def web(self, reply: Answer | None = None, *, tls: ssl.SSLContext | None = None) -> Server:
        """A web server."""
        return await self.stack.enter_async_context(server(reply, tls))

    async def broker(self, **config: Any) -> Mosquitto:
        """A broker with TLS, open to all and with WebSockets unless it is a special one."""
        return await self.start(Config(authority=self.authority, **config)) if config else self.shared

    def full(self) -> str:
        """A port whose queue is full: it does not answer a new connection at all."""
        listener = self.stack.enter_context(socket.create_server((HOST, 0), backlog=0))
        for _ in range(2):
            client = self.stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        return f"{HOST}:{listener.getsockname()[1]}"

    def closed(self) -> str:
        """A socket in a directory that others may not enter."""
        directory = self.directory / "closed"
        directory.mkdir(mode=0)
        if os.geteuid() == 0:
            os.seteuid(65_534)
            self.stack.callback(os.seteuid, 0)
        return f"unix://{directory}/mqtt.sock"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Mosquitto]:
    """A broker for all cases that need no special one."""
    broker = Mosquitto(tmp_path_factory.mktemp("shared"), Config(authority=authority, websockets=True))
    asyncio.run(broker.start())
    yield broker
    broker.kill()


@pytest.fixture
async def world(  # noqa: PLR0917 - fixtures
    shared: Mosquitto,
    start_broker: Start,
    start_proxy: Callable[[int], Awaitable[Proxy]],
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    """The world of a case, with short waits."""
    monkeypatch.setattr(probing, "_WITHIN", 0.6)
    monkeypatch.setattr(connections, "_TIMEOUT", 0.5)
    async with AsyncExitStack() as stack:
        yield World(shared, stack, start_broker, start_proxy, authority, tmp_path)
    gc.collect()


async def broken(settings: Evcc | Mqtt) -> str:
    """Why evcc or the broker cannot be reached."""
    if isinstance(settings, Evcc):
        async with EvccClient(settings) as client:
            with pytest.raises(EvccError) as caught:
                await client.state()
            assert "Errno" not in str(caught.value)
            return str(await client.explained(caught.value))
    with pytest.raises(BrokerError) as refused:
        async with Connection(settings, None, Diagnostics()).open():
            pass
    return str(refused.value)


def evcc(url: str, **options: Any) -> Evcc:
    return Evcc(url=url, timeout=0.5, **options)


def mqtt(url: str, **options: Any) -> Mqtt:
    return Mqtt(url=url, **options)


async def _silent(world: World) -> Evcc:
    return evcc((await world.web(hang)).url())


async def _silent_broker(world: World) -> Mqtt:
    proxy = await world.start_proxy((await world.broker()).port)
    proxy.faults = Faults(mute=True)
    return mqtt(f"mqtt://{HOST}:{proxy.port}")


async def _closes(world: World) -> Evcc:
    return evcc((await world.web(raw(b"", end="close"))).url())


async def _web(world: World, **reply: Any) -> Evcc:
    return evcc((await world.web(answer(**reply))).url())


async def _wrong_key(world: World) -> Evcc:
    return evcc((await world.web(answer(401))).url(), api_key="evcc_geheim")


async def _old_broker(world: World) -> Mqtt:
    proxy = await world.start_proxy((await world.broker()).port)
    proxy.faults = Faults(no_mqtt5=True)
    return mqtt(f"mqtt://{HOST}:{proxy.port}", version="5")


async def _needs_login(world: World, **login: str) -> Mqtt:
    broker = await world.broker(users={"me": "geheim"})
    return mqtt(broker.url, **login)


async def _needs_certificate(world: World) -> int:
    return (await world.broker(require_certificate=True)).tls_port


async def _port(world: World, name: str) -> int:
    return int(getattr(world.shared, name))


async def _tls(world: World, *names: str, expired: bool = False) -> int:
    certificate = world.authority.issue(*(names or ("localhost", HOST)), expired=expired)
    return (await world.broker(certificate=certificate)).tls_port


async def _web_tls(world: World) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = world.authority.server()
    context.load_cert_chain(files.cert, files.key)
    return (await world.web(tls=context)).port


async def _tls_on_web(world: World) -> Evcc:
    return evcc((await world.web()).url(scheme="https"))


async def _broker_on_web(world: World, scheme: str = "mqtt") -> Mqtt:
    return mqtt((await world.web(answer(404))).url(scheme=scheme))


Case = Callable[[World], Awaitable[Evcc | Mqtt]]


async def _immediately(settings: Evcc | Mqtt) -> Evcc | Mqtt:
    return settings


async def _evcc_on(port: Awaitable[int], scheme: str = "http", **options: Any) -> Evcc:
    return evcc(f"{scheme}://{HOST}:{await port}", **options)


async def _mqtt_on(port: Awaitable[int], scheme: str = "mqtt", **options: Any) -> Mqtt:
    return mqtt(f"{scheme}://{HOST}:{await port}", **options)


CASES: Mapping[str, tuple[Cause, Case]] = {
    "evcc: nothing listens": (Cause.NOT_LISTENING, lambda _: _immediately(evcc(f"http://{HOST}:{free_port()}"))),
    "evcc: nothing listens, at several addresses": (
        Cause.NOT_LISTENING,
        lambda _: _immediately(evcc(f"http://localhost:{free_port()}")),
    ),
    "mqtt: nothing listens": (Cause.NOT_LISTENING, lambda _: _immediately(mqtt(f"mqtt://localhost:{free_port()}"))),
    "mqtt: no socket": (Cause.NO_SOCKET, lambda w: _immediately(mqtt(f"unix://{w.directory}/none.sock"))),
    "mqtt: no access": (Cause.NO_ACCESS, lambda w: _immediately(mqtt(w.closed()))),
    "evcc: unknown name": (Cause.UNKNOWN_NAME, lambda _: _immediately(evcc(f"http://{NOBODY}:7070"))),
    "mqtt: unknown name": (Cause.UNKNOWN_NAME, lambda _: _immediately(mqtt(f"mqtts://{NOBODY}"))),
    "evcc: unreachable": (Cause.UNREACHABLE, lambda w: _immediately(evcc(f"http://{w.full()}"))),
    "mqtt: unreachable": (Cause.UNREACHABLE, lambda w: _immediately(mqtt(f"mqtt://{w.full()}"))),
    "evcc: silent": (Cause.SILENT, _silent),
    "mqtt: silent": (Cause.SILENT, _silent_broker),
    "evcc: closes": (Cause.CLOSED, _closes),
    "evcc: login missing": (Cause.LOGIN_MISSING, lambda w: _web(w, status=401)),
    "evcc: login wrong": (Cause.LOGIN_REFUSED, _wrong_key),
    "mqtt: login missing": (Cause.LOGIN_MISSING, _needs_login),
    "mqtt: login wrong": (Cause.LOGIN_REFUSED, lambda w: _needs_login(w, user="me", password="falsch")),
    "mqtt 3.1.1: login wrong": (
        Cause.LOGIN_REFUSED,
        lambda w: _needs_login(w, user="me", password="falsch", version="3.1.1"),
    ),
    "mqtt: client certificate": (
        Cause.CLIENT_CERTIFICATE,
        lambda w: _mqtt_on(_needs_certificate(w), "mqtts", ca_file=w.authority.ca_file),
    ),
    "evcc: client certificate": (
        Cause.NO_CLIENT_CERTIFICATE,
        lambda w: _evcc_on(_needs_certificate(w), "https", ca_file=w.authority.ca_file),
    ),
    "evcc: untrusted": (Cause.UNTRUSTED, lambda w: _evcc_on(_web_tls(w), "https")),
    "mqtt: untrusted": (Cause.UNTRUSTED, lambda w: _mqtt_on(_tls(w), "mqtts")),
    "wss: untrusted": (Cause.UNTRUSTED, lambda w: _mqtt_on(_port(w, "wss_port"), "wss")),
    "mqtt: other name": (
        Cause.OTHER_NAME,
        lambda w: _mqtt_on(_tls(w, "broker.example"), "mqtts", ca_file=w.authority.ca_file),
    ),
    "evcc: expired": (
        Cause.EXPIRED,
        lambda w: _evcc_on(_tls(w, expired=True), "https", ca_file=w.authority.ca_file),
    ),
    "evcc: TLS on a plain port": (Cause.TLS_ON_PLAIN, _tls_on_web),
    "mqtt: TLS on a plain port": (Cause.TLS_ON_PLAIN, lambda w: _mqtt_on(_port(w, "port"), "mqtts")),
    "wss: TLS on a plain port": (Cause.TLS_ON_PLAIN, lambda w: _mqtt_on(_port(w, "ws_port"), "wss")),
    "evcc: plain on a TLS port": (Cause.PLAIN_ON_TLS, lambda w: _evcc_on(_web_tls(w))),
    "evcc: plain on a TLS port that says so": (
        Cause.PLAIN_ON_TLS,
        lambda w: _web(
            w, status=400, body=b"Client sent an HTTP request to an HTTPS server.\n", content_type="text/plain"
        ),
    ),
    "mqtt: plain on a TLS port": (Cause.PLAIN_ON_TLS, lambda w: _mqtt_on(_port(w, "tls_port"))),
    "ws: plain on a TLS port": (Cause.PLAIN_ON_TLS, lambda w: _mqtt_on(_port(w, "wss_port"), "ws")),
    "evcc: a broker": (Cause.BROKER_FOR_EVCC, lambda w: _evcc_on(_port(w, "port"))),
    "mqtt: a web server": (Cause.WEB_FOR_BROKER, _broker_on_web),
    "mqtt: a WebSocket port": (Cause.WEB_FOR_BROKER, lambda w: _mqtt_on(_port(w, "ws_port"))),
    "ws: no WebSockets": (Cause.NO_WEBSOCKETS, lambda w: _mqtt_on(_port(w, "port"), "ws")),
    "ws: no MQTT": (Cause.NO_MQTT_AT_PATH, lambda w: _broker_on_web(w, "ws")),
    "mqtt: no MQTT 5": (Cause.NO_MQTT5, _old_broker),
    "evcc: a web page": (Cause.WEB_PAGE, lambda w: _web(w, body=b"<html>", content_type="text/html")),
    "evcc: a redirect": (Cause.REDIRECT, lambda w: _web(w, status=302, Location="/login")),
    "evcc: a wrong path": (Cause.NOT_FOUND, lambda w: _web(w, status=404)),
    "evcc: a proxy without evcc": (Cause.GATEWAY, lambda w: _web(w, status=502)),
}


@pytest.mark.parametrize(("cause", "case"), CASES.values(), ids=CASES)
async def test_a_cause(world: World, cause: Cause, case: Case) -> None:
    settings = await case(world)
    text = await broken(settings)
    assert re.fullmatch(re.escape(cause.text(settings, "DETAIL")).replace("DETAIL", ".+"), text)
    assert "Errno" not in text
    assert "geheim" not in text


def test_every_cause_has_a_case() -> None:
    assert {cause for cause, _ in CASES.values()} == {*Cause}


async def test_the_same_failure_is_looked_into_once(world: World) -> None:
    web = await world.web(raw(b"", end="close"))
    async with EvccClient(evcc(web.url())) as client:
        for _ in range(3):
            with pytest.raises(EvccError) as caught:
                await client.state()
            explained = await client.explained(caught.value)
        assert str(caught.value) == str(explained)  # it is known by now
    assert sum(request.target == "/mqtt" for request in web.requests) == 1


async def test_a_probe_ends_in_time(world: World) -> None:
    web = await world.web(hang)
    began = time.monotonic()
    assert await probe(HOST, web.port) == Spoken(open=True)
    assert time.monotonic() - began < 3


class TestHints:
    def test_only_those_that_concern_the_address(self) -> None:
        usual = Cause.NOT_LISTENING.text(Mqtt(url="mqtt://broker"))
        assert "usual port" not in usual
        assert "container" not in usual
        other = Cause.NOT_LISTENING.text(Mqtt(url="mqtt://localhost:7070"))
        assert "the broker's usual port is 1883" in other
        assert "localhost is the container itself" in other

    def test_a_local_name(self) -> None:
        assert "IP address" in Cause.UNKNOWN_NAME.text(Evcc(url="http://evcc.local:7070"))
        assert "IP address" not in Cause.UNKNOWN_NAME.text(Evcc(url="http://evcc:7070"))

    def test_options_have_both_names(self) -> None:
        assert "evcc.url (EVCC_URL)" in Cause.NOT_LISTENING.text(Evcc())
        assert "mqtt.url (MQTT_URL)" in Cause.NOT_LISTENING.text(Mqtt())


LOGIN = {"user": "me", "password": "geheim"}
KEY = {"api_key": "evcc_geheim"}
BASIC, BEARER = "evcc.user (EVCC_USER) and evcc.password (EVCC_PASSWORD)", "evcc.api_key (EVCC_API_KEY)"


@pytest.mark.parametrize(
    ("options", "challenge", "ending"),
    [
        ({}, "", f"requires a login; set {BASIC}, or {BEARER}"),
        ({}, 'Basic realm="a, bearer"', f"requires a login; set {BASIC}"),
        ({}, "bearer", f"requires a login; set {BEARER}"),
        ({}, 'Negotiate, Basic realm="x", Bearer', f"requires a login; set {BASIC}, or {BEARER}"),
        ({}, "Negotiate,, ", f"requires a login; set {BASIC}, or {BEARER}"),
        (LOGIN, "", f"refuses the login; check {BASIC}"),
        (LOGIN, 'BASIC realm="x"', f"refuses the login; check {BASIC}"),
        (LOGIN, "Bearer", f"requires a login; set {BEARER}"),
        (KEY, "", f"refuses the login; check {BEARER}"),
        (KEY, "Basic", f"requires a login; set {BASIC}"),
        (KEY | LOGIN, "", f"refuses the login; check {BASIC}"),
    ],
)
def test_the_login_that_evcc_or_its_proxy_wants(options: dict[str, Any], challenge: str, ending: str) -> None:
    settings = Evcc.model_validate({"url": "http://house:7070", **options})
    assert login(settings, challenge) == f"evcc was reached at house:7070, but it {ending}"


def test_the_login_that_a_broker_wants() -> None:
    options = "mqtt.user (MQTT_USER) and mqtt.password (MQTT_PASSWORD)"
    assert login(Mqtt()).endswith(f"requires a login; set {options}")
    assert login(Mqtt.model_validate(LOGIN)).endswith(f"refuses the login; check {options}")


def test_an_error_without_a_cause_of_its_own() -> None:
    assert static(OSError("strange"), Evcc()) is None
    error = OSError("outer")
    error.__cause__ = ExceptionGroup("several", [ConnectionRefusedError(), ConnectionRefusedError()])
    assert static(error, Evcc()) == Cause.NOT_LISTENING.text(Evcc())


def test_the_table_has_every_cause() -> None:
    rows = table().splitlines()[2:]
    assert len(rows) == len(Cause)
    assert not [row for row in rows if "{" in row or "Errno" in row]
