"""The link and the way to it, against a real mosquitto."""

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import MqttError

from bridge.errors import BrokerError
from bridge.mqtt import connection as module
from bridge.mqtt.connection import Connection, client_id
from bridge.mqtt.link import Link
from bridge.mqtt.message import Message
from bridge.settings import Mqtt
from tests.broker.authority import Authority
from tests.broker.client import publish, retained
from tests.broker.mosquitto import HOST, Config, Mosquitto
from tests.broker.ports import free_port
from tests.broker.proxy import Faults, Proxy
from tests.broker.recorder import Recorder
from tests.evcc.server import raw, server

pytestmark = [
    pytest.mark.broker,
    # paho leaves a socket that could not be connected, or whose handshake failed, to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

_LIMIT = 5.0  # seconds that nothing here should need
_WILL = Message("evcc/status", b"offline", retain=True)
Start = Callable[[Config], Awaitable[Mosquitto]]


def _nowhere(_: Message) -> None: ...


@asynccontextmanager
async def _open(
    url: str, receive: Callable[[Message], None] = _nowhere, **options: Any
) -> AsyncIterator[tuple[Link, Connection]]:
    connection = Connection(Mqtt(url=url, **options), _WILL)
    async with asyncio.timeout(_LIMIT), connection.open(receive) as link:
        yield link, connection


async def _reason(url: str, **options: Any) -> str:
    """Why there is no connection."""
    with pytest.raises(BrokerError) as caught:
        async with _open(url, **options):
            pass
    reason = str(caught.value)
    del caught  # it holds the socket, whose end is no later test's business
    gc.collect()
    return reason


async def _sent(link: Link, message: Message) -> str | None:
    """Send and wait for the broker's word on it."""
    future = asyncio.get_running_loop().create_future()
    link.send(message, future.set_result)
    async with asyncio.timeout(_LIMIT):
        reason: str | None = await future
    return reason


async def _end(url: str, cause: Callable[[Link], object], **options: Any) -> str:
    """How a connection ends, in the words of its error, after something that ends it."""

    async def held() -> None:
        async with _open(url, **options) as (link, _):
            cause(link)
            await link.ended()

    with pytest.raises(BrokerError) as caught:
        await held()
    return str(caught.value)


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


# versions


@pytest.mark.parametrize(("version", "v5"), [("auto", True), ("5", True), ("3.1.1", False)])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_message_is_stored_and_acknowledged(broker: Mosquitto, version: str, qos: int, *, v5: bool) -> None:
    async with _open(broker.url, version=version) as (link, _):
        assert link.v5 is v5
        assert await _sent(link, Message("evcc/a", b"1", retain=True, qos=qos)) is None
        assert link.in_flight == 0
        await _sent(link, Message("evcc/b", b"1"))  # with QoS 0 the first one may still be on its way
    assert (await retained(broker))["evcc/a"] == b"1"


async def test_a_broker_that_knows_3_1_1_only(broker: Mosquitto, proxy: Proxy) -> None:
    proxy.faults = Faults(no_mqtt5=True)
    async with _open(f"mqtt://{HOST}:{proxy.port}") as (link, _):
        assert not link.v5
        assert await _sent(link, Message("evcc/a", b"1", retain=True)) is None
    assert await retained(broker) == {"evcc/a": b"1"}


async def test_no_other_version_than_the_one_asked_for(broker: Mosquitto, proxy: Proxy) -> None:
    proxy.faults = Faults(no_mqtt5=True)
    assert "cannot be reached" in await _reason(f"mqtt://{HOST}:{proxy.port}", version="5")


# failures


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("login", [{}, {"user": "evcc", "password": "wrong"}, {"user": "nobody", "password": "right"}])
async def test_a_login_that_is_refused(start_broker: Start, version: str, login: dict[str, str]) -> None:
    broker = await start_broker(Config(users={"evcc": "right"}))
    reason = await _reason(broker.url, version=version, **login)
    assert "authori" in reason.lower()
    assert "right" not in reason
    assert "wrong" not in reason


async def test_a_login(start_broker: Start) -> None:
    broker = await start_broker(Config(users={"evcc": "right @/"}))
    async with _open(f"mqtt://evcc:right%20%40%2F@{HOST}:{broker.port}") as (link, _):
        assert await _sent(link, Message("evcc/a", b"1")) is None


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "ws"])
async def test_who_accepts_and_never_answers_is_given_up(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.1)
    proxy.faults = Faults(mute=True)
    assert "does not answer" in await _reason(f"{scheme}://{HOST}:{proxy.port}")
    proxy.cut()
    await asyncio.get_running_loop().shutdown_default_executor()
    gc.collect()


async def _mute(broker: Mosquitto, proxy: Proxy) -> str:
    proxy.faults = Faults(mute=True)
    return f"mqtt://{HOST}:{proxy.port}"


async def _nobody(broker: Mosquitto, proxy: Proxy) -> str:
    return f"mqtt://{HOST}:{free_port()}"


async def _old(broker: Mosquitto, proxy: Proxy) -> str:
    proxy.faults = Faults(no_mqtt5=True)
    return f"mqtt://{HOST}:{proxy.port}"


@pytest.mark.parametrize("target", [_mute, _nobody, _old])
async def test_failed_attempts_leave_no_file_open(
    broker: Mosquitto,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    target: Callable[[Mosquitto, Proxy], Awaitable[str]],
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.05)
    url = await target(broker, proxy)
    await _reason(url, version="5")
    proxy.cut()
    before = _open_files()
    for _ in range(10):
        await _reason(url, version="5")
    proxy.cut()
    await _open_files_are(before)


async def _open_files_are(count: int) -> None:
    """Wait until the proxy has closed its own side too."""
    async with asyncio.timeout(_LIMIT):
        while _open_files() > count:  # noqa: ASYNC110 - nothing tells when somebody closes a socket
            await asyncio.sleep(0.001)


async def test_refused_logins_leave_no_file_open(start_broker: Start) -> None:
    broker = await start_broker(Config(users={"evcc": "right"}))
    await _reason(broker.url)
    before = _open_files()
    for _ in range(10):
        await _reason(broker.url)
    assert _open_files() <= before


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 1000, b"\xff" * 1000])
async def test_who_is_no_broker(monkeypatch: pytest.MonkeyPatch, reply: bytes) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.3)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, HOST, 0)
    async with listening:
        assert await _reason(f"mqtt://{HOST}:{listening.sockets[0].getsockname()[1]}")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 101 Switching\r\nConnection:Upgrade\r\nSec-WebSocket-Accept:abcd=\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept\xff: a\r\n\r\n",
    ],
    ids=["no WebSocket", "no space", "no text"],
)
async def test_a_web_server_is_no_broker(answer: bytes) -> None:
    async with server(raw(answer)) as web:
        assert await _reason(web.url(scheme="ws"))


async def test_an_attempt_that_was_given_up_does_not_connect_after_all(
    broker: Mosquitto, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, connected, create = threading.Event(), threading.Event(), socket.create_connection

    def late(*address: Any, **options: Any) -> socket.socket:
        assert gate.wait(_LIMIT)
        made = create(*address, **options)
        connected.set()
        return made

    monkeypatch.setattr(socket, "create_connection", late)
    monkeypatch.setattr(module, "_TIMEOUT", 0.1)
    assert "does not answer" in await _reason(f"mqtt://{HOST}:{proxy.port}")
    gate.set()
    assert await asyncio.to_thread(connected.wait, _LIMIT)
    async with asyncio.timeout(_LIMIT):
        while not proxy.accepted or proxy.connections:  # noqa: ASYNC110 - the other end has no event
            await asyncio.sleep(0.01)
    assert "New client connected" not in broker.log


async def test_a_socket_that_is_closed_before_anything_could_be_written_to_it(broker: Mosquitto) -> None:
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    async with _open(broker.url) as (link, _):
        paho = link._client._client
        link.send(Message("a", b"1"))
        paho._sock_close()
        await asyncio.sleep(0.01)
    assert not errors


async def test_an_attempt_is_cancelled_in_the_very_moment_in_which_it_succeeds(broker: Mosquitto) -> None:
    link = Link(_nowhere, v5=True, hostname=HOST, port=broker.port)
    attempt = asyncio.create_task(link.connect())
    connected = link._client._on_connect

    def cancelled(*arguments: Any) -> None:
        connected(*arguments)
        attempt.cancel()

    link._client._client.on_connect = cancelled
    async with asyncio.timeout(_LIMIT):
        with pytest.raises(asyncio.CancelledError):
            await attempt
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("url", ["mqtt://broker.invalid", "mqtts://broker.invalid", "unix:///nowhere/mqtt.sock"])
async def test_where_nobody_is(url: str) -> None:
    assert url in await _reason(url)


@pytest.mark.parametrize("reset", [True, False])
async def test_a_connection_that_is_cut(broker: Mosquitto, proxy: Proxy, *, reset: bool) -> None:
    assert "lost" in await _end(f"mqtt://{HOST}:{proxy.port}", lambda _: proxy.cut(reset=reset))


async def test_a_wait_ends_with_the_connection(broker: Mosquitto, proxy: Proxy) -> None:
    async with _open(f"mqtt://{HOST}:{proxy.port}") as (link, _):
        asyncio.get_running_loop().call_soon(proxy.cut)
        with pytest.raises(MqttError):
            await link.unless_ended(asyncio.Event().wait())


async def test_a_half_open_connection_is_noticed_within_two_keepalives(broker: Mosquitto, proxy: Proxy) -> None:
    async with _open(f"mqtt://{HOST}:{proxy.port}", keepalive=1) as (link, _):
        proxy.faults = Faults(half_open=True)
        with pytest.raises(MqttError):
            await link.ended()


def test_by_default_that_is_within_30_seconds() -> None:
    assert 2 * Mqtt().keepalive < 30


async def _last_words(*packets: bytes, at_once: bool) -> str:
    """Why a connection ends that a broker accepts, and then ends with these words."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"".join((_ACCEPTED, *packets)) if at_once else _ACCEPTED)
        await writer.drain()
        if not at_once:
            await reader.read(1000)
            writer.write(b"".join(packets))
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as listening:
        url = f"mqtt://{HOST}:{listening.sockets[0].getsockname()[1]}"
        return await _end(url, lambda link: link.send(Message("evcc/a", b"")))


_ACCEPTED = bytes.fromhex("20 03 00 00 00")
_TAKEN_OVER, _TOO_LARGE, _SHUTTING_DOWN = (bytes.fromhex(f"e0 02 {code} 00") for code in ("8e", "95", "8b"))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("packet", "words"), [(_TAKEN_OVER, "client id"), (_TOO_LARGE, "large"), (_SHUTTING_DOWN, "shutting down")]
)
async def test_what_an_mqtt_5_broker_says_at_the_end(packet: bytes, words: str, *, at_once: bool) -> None:
    assert words in (await _last_words(packet, at_once=at_once)).lower()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_another_client_with_our_client_id_takes_the_connection(broker: Mosquitto, version: str) -> None:
    one: dict[str, Any] = {"client_id": "one", "version": version}
    async with _open(broker.url, **one) as (link, _), _open(broker.url, **one):
        with pytest.raises(MqttError):
            await link.ended()


# what the broker announces


async def test_no_more_are_in_flight_than_the_broker_takes(start_broker: Start) -> None:
    broker = await start_broker(Config(max_inflight=3))
    async with _open(broker.url) as (link, _):
        assert link.limits.receive_maximum == 3
        most = 0

        def done(_: str | None) -> None:
            nonlocal most
            most = max(most, len(link._waiting) + 1)

        for number in range(200):
            link.send(Message(f"evcc/{number}", b"x", retain=True), done)
            assert len(link._waiting) <= 3
        async with asyncio.timeout(_LIMIT):
            await link.drained()
        assert most == 3
    assert len(await retained(broker)) == 200


async def test_an_answer_goes_before_state_and_answers_stay_in_order(start_broker: Start, record: Any) -> None:
    broker = await start_broker(Config(max_inflight=1))
    recorder: Recorder = await record(broker)
    async with _open(broker.url) as (link, _):
        for name in "abc":
            link.send(Message(f"state/{name}", b""))
        for name in "xyz":
            link.send(Message(f"answer/{name}", b""), first=True)
        await link.drained()
    await recorder.until(lambda: len(recorder.records) == 6)
    assert [record.topic[-1] for record in recorder.records] == ["a", "x", "y", "z", "b", "c"]


async def test_what_does_not_fit_is_known_beforehand(start_broker: Start) -> None:
    broker = await start_broker(Config(max_packet_size=2000))
    async with _open(broker.url) as (link, _):
        assert link.limits.maximum_packet == 2000
        assert not link.fits("evcc/a", b"x" * 2000)
        largest = max(size for size in range(2000) if link.fits("evcc/a", b"x" * size))
        assert largest > 1800
        assert await _sent(link, Message("evcc/a", b"x" * largest)) is None


async def test_what_does_not_fit_and_is_sent_all_the_same_ends_the_connection(start_broker: Start) -> None:
    broker = await start_broker(Config(max_packet_size=2000))
    async with _open(broker.url) as (link, _):
        link.send(Message("evcc/a", b"x" * 3000))
        with pytest.raises(MqttError):
            await link.ended()


async def test_a_topic_longer_than_mqtts_fits_nowhere(broker: Mosquitto) -> None:
    async with _open(broker.url) as (link, _):
        assert link.fits("x" * 65_535, b"")
        assert not link.fits("x" * 65_536, b"")


async def test_3_1_1_announces_nothing(broker: Mosquitto) -> None:
    async with _open(broker.url, version="3.1.1") as (link, _):
        assert link.limits.maximum_packet is None
        assert link.fits("evcc/a", b"x" * 1_000_000)


async def test_a_broker_that_stores_nothing_refuses_a_stored_will_once(start_broker: Start) -> None:
    broker = await start_broker(Config(lines=("retain_available false",)))
    connection = Connection(Mqtt(url=broker.url), _WILL)
    with pytest.raises(BrokerError, match="Retain not supported"):
        async with connection.open(_nowhere):
            pass
    async with connection.open(_nowhere) as link:
        assert not link.limits.retain_available
        assert await _sent(link, Message("evcc/a", b"1", retain=True)) is None


async def test_a_topic_that_an_acl_refuses_is_told_with_its_reason(start_broker: Start) -> None:
    acl = "user evcc\ntopic read evcc/#\ntopic readwrite evcc/site/#\n"
    broker = await start_broker(Config(users={"evcc": "pw"}, acl=acl))
    async with _open(broker.url, user="evcc", password="pw") as (link, _):
        assert await _sent(link, Message("evcc/site/a", b"1")) is None
        reason = await _sent(link, Message("evcc/loadpoints/1", b"1"))
        assert reason
        assert "authori" in reason.lower()


# messages


async def test_properties_go_out_and_come_in(broker: Mosquitto) -> None:
    received = asyncio.Queue[Message]()
    message = Message("evcc/a", b"1", response_topic="answers/1", correlation=b"\0\xff", expiry=60)
    async with _open(broker.url, received.put_nowait) as (link, _):
        await link.subscribe("evcc/a", qos=1)
        link.send(message)
        assert await received.get() == message


@pytest.mark.parametrize("qos", [0, 1])
async def test_a_message_that_the_library_cannot_read_is_skipped_and_ends_nothing(broker: Mosquitto, qos: int) -> None:
    received = asyncio.Queue[Message]()
    async with _open(broker.url, received.put_nowait) as (link, _):
        await link.subscribe("strange/#", qos=qos)
        for number in range(50):  # more than a broker leaves unacknowledged
            link.send(Message(f"strange/{number}", b"1", response_topic="\ufeffanswers", retain=True))
        link.send(Message("strange/a", b"1"))
        async with asyncio.timeout(_LIMIT):
            assert (await received.get()).topic == "strange/a"
    async with _open(broker.url, received.put_nowait) as (link, _):
        await link.subscribe("strange/#", qos=qos)
        link.send(Message("strange/b", b"1"))
        async with asyncio.timeout(_LIMIT):
            assert (await received.get()).topic == "strange/b"


async def test_3_1_1_has_no_properties(broker: Mosquitto) -> None:
    received = asyncio.Queue[Message]()
    message = Message("evcc/a", b"1", response_topic="answers/1", correlation=b"x", expiry=60)
    async with _open(broker.url, received.put_nowait, version="3.1.1") as (link, _):
        await link.subscribe("evcc/a", qos=1)
        link.send(message)
        assert await received.get() == replace(message, response_topic=None, correlation=None, expiry=None)


async def test_our_own_messages_are_not_echoed_where_they_are_not_wanted(broker: Mosquitto) -> None:
    received = asyncio.Queue[Message]()
    async with _open(broker.url, received.put_nowait) as (link, _):
        await link.subscribe("evcc/#", qos=1, own=False)
        await _sent(link, Message("evcc/own", b"1", retain=True))
        await publish(broker, "evcc/other", b"1", retain=True)
        assert (await received.get()).topic == "evcc/other"


async def test_stored_messages_come_only_where_they_are_wanted(broker: Mosquitto) -> None:
    await publish(broker, "evcc/stored", b"1", retain=True)
    received = asyncio.Queue[Message]()
    async with _open(broker.url, received.put_nowait) as (link, _):
        await link.subscribe("evcc/#", qos=1, retained=False)
        await publish(broker, "evcc/live", b"1", retain=True)
        assert await received.get() == Message("evcc/live", b"1", retain=True)
        await link.unsubscribe("evcc/#")
        await link.subscribe("evcc/stored", qos=1)
        assert (await received.get()).topic == "evcc/stored"


# the will


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_the_will_comes_when_we_are_gone_without_a_word(
    broker: Mosquitto, recorder: Recorder, proxy: Proxy, version: str
) -> None:
    await _end(f"mqtt://{HOST}:{proxy.port}", lambda _: proxy.cut(reset=True), version=version)
    await recorder.value("evcc/status", b"offline")
    assert (await retained(broker))["evcc/status"] == b"offline"


async def test_no_will_comes_after_a_goodbye(broker: Mosquitto, recorder: Recorder) -> None:
    async with _open(broker.url) as (link, _):
        await _sent(link, Message("evcc/last", b"1"))
    await publish(broker, "evcc/after", b"1")
    await recorder.value("evcc/after", b"1")
    assert recorder.payloads("evcc/status") == []


async def test_a_broker_that_has_stopped_listening_does_not_hold_up_the_goodbye(broker: Mosquitto) -> None:
    began = asyncio.get_running_loop().time()
    async with _open(broker.url):
        broker.pause()
    assert asyncio.get_running_loop().time() - began < 2
    broker.resume()


# transports


async def test_nothing_waits_for_nagle(broker: Mosquitto) -> None:
    async with _open(broker.url) as (link, _):
        found: Any = link._client._client.socket()
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_unix_socket(start_broker: Start) -> None:
    broker = await start_broker(Config(unix=True))
    async with _open(f"unix://{broker.unix_socket}") as (link, _):
        assert await _sent(link, Message("evcc/a", b"1")) is None


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_websockets(start_broker: Start, version: str) -> None:
    broker = await start_broker(Config(websockets=True))
    async with _open(f"ws://{HOST}:{broker.ws_port}", version=version) as (link, _):
        assert await _sent(link, Message("evcc/a", b"x" * 200_000, retain=True)) is None
    assert len((await retained(broker))["evcc/a"]) == 200_000


async def test_tls_with_an_authority_of_ones_own(start_broker: Start, authority: Authority) -> None:
    broker = await start_broker(Config(authority=authority, websockets=True))
    for url in (f"mqtts://{HOST}:{broker.tls_port}", f"wss://{HOST}:{broker.wss_port}"):
        async with _open(url, ca_file=authority.ca_file) as (link, _):
            assert await _sent(link, Message("evcc/a", b"1")) is None
        assert "certificate" in await _reason(url)
        async with _open(url, verify=False) as (link, _):
            assert await _sent(link, Message("evcc/a", b"1")) is None


async def test_a_certificate_that_is_not_the_brokers(start_broker: Start, authority: Authority, tmp_path: Path) -> None:
    broker = await start_broker(Config(authority=authority, certificate=authority.issue("other.example")))
    assert "certificate" in await _reason(f"mqtts://{HOST}:{broker.tls_port}", ca_file=authority.ca_file)
    stranger = Authority(tmp_path / "stranger")
    assert "certificate" in await _reason(f"mqtts://{HOST}:{broker.tls_port}", ca_file=stranger.ca_file)


async def test_a_certificate_of_the_clients(start_broker: Start, authority: Authority) -> None:
    broker = await start_broker(Config(authority=authority, require_certificate=True))
    url, own = f"mqtts://{HOST}:{broker.tls_port}", authority.issue("bridge@example.org")
    async with _open(url, ca_file=authority.ca_file, cert_file=own.cert, key_file=own.key) as (link, _):
        assert await _sent(link, Message("evcc/a", b"1")) is None
    assert await _reason(url, ca_file=authority.ca_file)


async def test_a_certificate_that_is_just_being_renewed(start_broker: Start, authority: Authority) -> None:
    broker = await start_broker(Config(authority=authority))
    own = authority.issue("bridge@example.org")
    settings = Mqtt(
        url=f"mqtts://{HOST}:{broker.tls_port}", ca_file=authority.ca_file, cert_file=own.cert, key_file=own.key
    )
    own.key.unlink()
    with pytest.raises(BrokerError, match="key_file"):
        async with Connection(settings, _WILL).open(_nowhere):
            pass


# coming back


class _Observer:
    def __init__(self) -> None:
        self.reasons = asyncio.Queue[str]()

    def broker_lost(self, reason: str) -> None:
        self.reasons.put_nowait(reason)


async def test_it_comes_back_after_every_loss(broker: Mosquitto, proxy: Proxy) -> None:
    connection = Connection(Mqtt(url=f"mqtt://{HOST}:{proxy.port}"), _WILL)
    connection._pause.next = lambda _=None: 0.01  # type: ignore[method-assign, assignment]
    links, observer = asyncio.Queue[Link](), _Observer()

    async def session() -> None:
        async with connection.open(_nowhere) as link:
            links.put_nowait(link)
            await link.ended()

    running = asyncio.create_task(connection.run(session, observer))
    async with asyncio.timeout(_LIMIT):
        for _ in range(3):
            await links.get()
            proxy.cut()
            assert "lost" in await observer.reasons.get()
        proxy.refuse()
        proxy.cut()
        while "cannot be reached" not in await observer.reasons.get():
            pass
        await proxy.accept()
        await links.get()
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize(("user", "longest"), [(None, 3.0), ("nobody", 30.0)])
async def test_a_broker_that_was_away_is_found_soon_and_one_that_refuses_is_not_pestered(
    start_broker: Start, user: str | None, longest: float
) -> None:
    broker = await start_broker(Config(users={"somebody": "secret"}))
    url = broker.url if user else f"mqtt://{HOST}:{free_port()}"
    connection, pauses = Connection(Mqtt(url=url, user=user), _WILL), asyncio.Queue[float | None]()

    def pause(longest: float | None = None) -> float:
        pauses.put_nowait(longest)
        return 0.01

    connection._pause.next = pause  # type: ignore[method-assign]

    async def session() -> None:
        async with connection.open(_nowhere):
            pass

    running = asyncio.create_task(connection.run(session, _Observer()))
    async with asyncio.timeout(_LIMIT):
        assert [await pauses.get() for _ in range(3)] == [longest] * 3
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_losses_without_a_word_may_be_another_client_with_our_client_id(
    broker: Mosquitto, proxy: Proxy, version: str
) -> None:
    settings = Mqtt.model_validate({"url": f"mqtt://{HOST}:{proxy.port}", "version": version})
    connection = Connection(settings, _WILL)
    for _ in range(6):
        assert connection.rivalled is None
        with suppress(BrokerError):
            async with asyncio.timeout(_LIMIT), connection.open(_nowhere) as link:
                proxy.cut()
                await link.ended()
    assert connection.rivalled == client_id("evcc")


def test_the_client_id_is_stable_for_host_and_root_and_short_enough_for_3_1_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert client_id("evcc") == client_id("evcc") != client_id("home/evcc")
    assert len(client_id("x" * 200)) <= 23
    here = client_id("evcc")
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert client_id("evcc") != here
