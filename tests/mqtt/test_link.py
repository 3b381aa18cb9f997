"""Connections, against a real mosquitto."""

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import BrokerError
from bridge.mqtt import connection as module
from bridge.mqtt.adapter import ConnectionFailed, ConnectOptions
from bridge.mqtt.client import Link
from bridge.mqtt.connection import Connection
from bridge.mqtt.message import Acknowledged, Inbound, Message, Skipped
from bridge.settings import Mqtt
from bridge.util.client_id import client_id
from bridge.util.diagnostics import Diagnostics
from tests.broker.authority import Authority
from tests.broker.client import client, publish, retained
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


@asynccontextmanager
async def _open(url: str, **options: Any) -> AsyncIterator[Link]:
    connection = Connection(Mqtt(url=url, **options), _WILL, Diagnostics())
    async with asyncio.timeout(_LIMIT), connection.open() as link:
        yield link


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
    """Send and wait for the broker's acknowledgement."""
    token = link.send(message)
    async with asyncio.timeout(_LIMIT):
        async for events in link.events():
            for event in events:
                if isinstance(event, Acknowledged) and event.token == token:
                    return event.reason or None
    return None


async def _messages(link: Link) -> AsyncIterator[Inbound]:
    """The messages that come."""
    async for events in link.events():
        for event in events:
            if isinstance(event, Inbound):
                yield event


async def _ended(link: Link) -> None:
    """Wait until a connection has ended."""
    async for _ in link.events():
        pass


async def _end(url: str, cause: Callable[[Link], object], **options: Any) -> str:
    """The problem after something that ends a connection."""
    diagnostics = Diagnostics()
    async with (
        asyncio.timeout(_LIMIT),
        aclosing(Connection(Mqtt(url=url, **options), _WILL, diagnostics).links()) as links,
    ):
        link = await anext(links)
        cause(link)
        await _ended(link)
        following = asyncio.ensure_future(anext(links))
        await diagnostics.changed.wait()
        following.cancel()
        await asyncio.wait((following,))
    return diagnostics.text


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


# versions


@pytest.mark.parametrize(("version", "v5"), [("auto", True), ("5", True), ("3.1.1", False)])
@pytest.mark.parametrize("qos", [0, 1])
async def test_a_message_is_stored_and_acknowledged(broker: Mosquitto, version: str, qos: int, *, v5: bool) -> None:
    async with _open(broker.url, version=version) as link:
        assert link.v5 is v5
        assert await _sent(link, Message("evcc/a", b"1", retain=True, qos=qos)) is None
        assert link.in_flight == 0
        await _sent(link, Message("evcc/b", b"1"))  # with QoS 0 the first one may still be on its way
    assert (await retained(broker))["evcc/a"] == b"1"


async def test_a_broker_that_knows_3_1_1_only(broker: Mosquitto, proxy: Proxy) -> None:
    proxy.faults = Faults(no_mqtt5=True)
    async with _open(f"mqtt://{HOST}:{proxy.port}") as link:
        assert not link.v5
        assert await _sent(link, Message("evcc/a", b"1", retain=True)) is None
    assert await retained(broker) == {"evcc/a": b"1"}


async def test_no_other_version_than_the_one_asked_for(broker: Mosquitto, proxy: Proxy) -> None:
    proxy.faults = Faults(no_mqtt5=True)
    assert "does not support MQTT 5" in await _reason(f"mqtt://{HOST}:{proxy.port}", version="5")


# failures


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("login", [{}, {"user": "evcc", "password": "wrong"}, {"user": "nobody", "password": "right"}])
async def test_a_login_that_is_refused(start_broker: Start, version: str, login: dict[str, str]) -> None:
    broker = await start_broker(Config(users={"evcc": "right"}))
    reason = await _reason(broker.url, version=version, **login)
    assert "the broker was reached" in reason
    assert "login" in reason
    assert "right" not in reason
    assert "wrong" not in reason


async def test_a_login(start_broker: Start) -> None:
    broker = await start_broker(Config(users={"evcc": "right @/"}))
    async with _open(f"mqtt://evcc:right%20%40%2F@{HOST}:{broker.port}") as link:
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
    assert f" as {client_id('evcc')} " not in broker.log  # that of the explanation is another one


async def test_a_socket_that_is_closed_before_anything_could_be_written_to_it(broker: Mosquitto) -> None:
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    async with _open(broker.url) as link:
        paho = link._client
        link.send(Message("a", b"1"))
        paho._sock_close()
        await asyncio.sleep(0.01)
    assert not errors


async def test_an_attempt_is_cancelled_in_the_very_moment_in_which_it_succeeds(broker: Mosquitto) -> None:
    options = ConnectOptions(HOST, broker.port, "one", None, None, 10, None, 1_000_000)
    link = Link(options, v5=True)
    attempt = asyncio.create_task(link.connect())
    connected = link._on_connect

    def cancelled(*arguments: Any) -> None:
        connected(*arguments)
        attempt.cancel()

    link._client.on_connect = cancelled
    async with asyncio.timeout(_LIMIT):
        with pytest.raises(asyncio.CancelledError):
            await attempt
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("url", ["mqtt://broker.invalid", "mqtts://broker.invalid", "unix:///nowhere/mqtt.sock"])
async def test_where_nobody_is(url: str) -> None:
    assert url.partition("://")[2] in await _reason(url)


@pytest.mark.parametrize("reset", [True, False])
async def test_a_connection_that_is_cut(broker: Mosquitto, proxy: Proxy, *, reset: bool) -> None:
    assert "lost" in await _end(f"mqtt://{HOST}:{proxy.port}", lambda _: proxy.cut(reset=reset))


async def test_a_subscription_ends_with_the_connection(broker: Mosquitto, proxy: Proxy) -> None:
    async with _open(f"mqtt://{HOST}:{proxy.port}") as link:
        proxy.cut()
        with pytest.raises(ConnectionFailed):
            await link.subscribe(("evcc/#",))


async def test_a_half_open_connection_is_noticed_within_two_keepalives(broker: Mosquitto, proxy: Proxy) -> None:
    async with _open(f"mqtt://{HOST}:{proxy.port}", keepalive=1) as link:
        proxy.faults = Faults(half_open=True)
        await _ended(link)


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
    async with _open(broker.url, **one) as link, _open(broker.url, **one):
        await _ended(link)


# what the broker announces


async def test_no_more_are_in_flight_than_the_broker_takes(start_broker: Start) -> None:
    broker = await start_broker(Config(max_inflight=3))
    async with _open(broker.url) as link:
        assert link.limits.receive_maximum == 3
        for number in range(200):
            link.send(Message(f"evcc/{number}", b"x", retain=True))
        async with asyncio.timeout(_LIMIT):
            async for _ in link.events():
                assert len(link._unacknowledged) <= 3
                if not link.in_flight:
                    break
    assert len(await retained(broker)) == 200


async def test_an_answer_goes_before_state_and_answers_stay_in_order(start_broker: Start, record: Any) -> None:
    broker = await start_broker(Config(max_inflight=1))
    recorder: Recorder = await record(broker)
    async with _open(broker.url) as link:
        for name in "abc":
            link.send(Message(f"state/{name}", b""))
        for name in "xyz":
            link.send(Message(f"answer/{name}", b""), first=True)
        await link.drained()
    await recorder.until(lambda: len(recorder.records) == 6)
    assert [record.topic[-1] for record in recorder.records] == ["a", "x", "y", "z", "b", "c"]


async def test_what_does_not_fit_is_known_beforehand(start_broker: Start) -> None:
    broker = await start_broker(Config(max_packet_size=2000))
    async with _open(broker.url) as link:
        assert link.limits.maximum_packet == 2000
        assert not link.fits(Message("evcc/a", b"x" * 2000))
        largest = max(size for size in range(2000) if link.fits(Message("evcc/a", b"x" * size)))
        assert largest > 1800
        assert await _sent(link, Message("evcc/a", b"x" * largest)) is None


async def test_what_does_not_fit_and_is_sent_all_the_same_ends_the_connection(start_broker: Start) -> None:
    broker = await start_broker(Config(max_packet_size=2000))
    async with _open(broker.url) as link:
        link.send(Message("evcc/a", b"x" * 3000))
        await _ended(link)


async def test_a_topic_longer_than_mqtts_fits_nowhere(broker: Mosquitto) -> None:
    async with _open(broker.url) as link:
        assert link.fits(Message("x" * 65_535, b""))
        assert not link.fits(Message("x" * 65_536, b""))


async def test_3_1_1_announces_nothing(broker: Mosquitto) -> None:
    async with _open(broker.url, version="3.1.1") as link:
        assert link.limits.maximum_packet is None
        assert link.fits(Message("evcc/a", b"x" * 1_000_000))


async def test_a_broker_that_stores_nothing_refuses_a_stored_will_once(start_broker: Start) -> None:
    broker = await start_broker(Config(lines=("retain_available false",)))
    diagnostics = Diagnostics()
    async with asyncio.timeout(_LIMIT), aclosing(Connection(Mqtt(url=broker.url), _WILL, diagnostics).links()) as links:
        link = await anext(links)
        assert "Retain not supported" in diagnostics.text
        assert not link.limits.retain_available
        assert await _sent(link, Message("evcc/a", b"1", retain=True)) is None


async def test_a_topic_that_an_acl_refuses_is_told_with_its_reason(start_broker: Start) -> None:
    acl = "user evcc\ntopic read evcc/#\ntopic readwrite evcc/site/#\n"
    broker = await start_broker(Config(users={"evcc": "pw"}, acl=acl))
    async with _open(broker.url, user="evcc", password="pw") as link:
        assert await _sent(link, Message("evcc/site/a", b"1")) is None
        reason = await _sent(link, Message("evcc/loadpoints/1", b"1"))
        assert reason
        assert "authori" in reason.lower()


# messages


@pytest.mark.parametrize("qos", [0, 1])
async def test_properties_go_out_and_come_in(broker: Mosquitto, qos: int) -> None:
    async with _open(broker.url) as link:
        await link.subscribe(("evcc/a",))
        link.send(Message("evcc/a", b"1", qos=qos, response_topic="answers/1", correlation=b"\0\xff", expiry=60))
        message = await anext(_messages(link))
        assert (message.topic, message.payload, message.retain) == ("evcc/a", b"1", False)
        assert (message.response_topic, message.correlation, message.expiry) == ("answers/1", b"\0\xff", 60)


async def test_a_message_whose_properties_the_library_refuses_is_read(broker: Mosquitto) -> None:
    async with _open(broker.url) as link:
        await link.subscribe(("strange/#",))
        for number in range(50):  # more than a broker leaves unacknowledged
            link.send(Message(f"strange/{number}", b"1", response_topic="\ufeffanswers"))
        link.send(Message("strange/last", b"1"))
        async with asyncio.timeout(_LIMIT):
            async for message in _messages(link):
                if message.topic == "strange/last":
                    break


async def test_3_1_1_has_no_properties(broker: Mosquitto) -> None:
    async with _open(broker.url, version="3.1.1") as link:
        await link.subscribe(("evcc/a",))
        link.send(Message("evcc/a", b"1", response_topic="answers/1", correlation=b"x", expiry=60))
        message = await anext(_messages(link))
        assert (message.payload, message.response_topic, message.correlation) == (b"1", None, None)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_our_own_messages_are_left_out_but_those_that_are_wanted_back(broker: Mosquitto, version: str) -> None:
    async with _open(broker.url, version=version) as link:
        link.expect_echoes("evcc")
        await link.subscribe(("evcc/#",))
        for number in range(100):
            link.send(Message(f"evcc/own{number % 7}", b"%d" % number, retain=True))
        await publish(broker, "evcc/other", b"1", retain=True)
        assert (await anext(_messages(link))).topic == "evcc/other"
        link.send(Message("evcc/marker", b"1"), returns=True)
        assert (await anext(_messages(link))).topic == "evcc/marker"
        assert not link._echoes._sent


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_only_stored_messages_have_the_retain_flag(broker: Mosquitto, version: str) -> None:
    await publish(broker, "evcc/stored", b"1", retain=True)
    async with _open(broker.url, version=version) as link:
        await link.subscribe(("evcc/#",))
        assert (await anext(_messages(link))).retain
        await publish(broker, "evcc/live", b"1", retain=True)
        assert not (await anext(_messages(link))).retain


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_message_beyond_the_largest_packet_is_skipped(broker: Mosquitto, version: str) -> None:
    await publish(broker, "evcc/huge", b"x" * 20_000_000, retain=True)
    async with _open(broker.url, version=version, max_packet=100_000) as link:
        await link.subscribe(("evcc/#",))
        await publish(broker, "evcc/small", b"1")
        events = []
        async for batch in link.events():
            assert len(link._reader._buffer) <= 200_000
            events += batch
            if any(isinstance(event, Inbound) for event in events):
                break
        skipped = [event for event in events if isinstance(event, Skipped)]
        assert [one.topic for one in skipped] == (["evcc/huge"] if version == "3.1.1" else [])


async def test_answers_are_dropped_where_too_many_wait(broker: Mosquitto) -> None:
    async with _open(broker.url) as link:
        sent = [link.send(Message("answers", b"x"), first=True) for _ in range(5000)]
        assert sent.count(None) == 4000
        assert link.congested
        await link.drained()
        assert not link.congested
        assert link.send(Message("answers", b"x"), first=True) is not None


# the will


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_the_will_comes_when_we_are_gone_without_a_word(
    broker: Mosquitto, recorder: Recorder, proxy: Proxy, version: str
) -> None:
    await _end(f"mqtt://{HOST}:{proxy.port}", lambda _: proxy.cut(reset=True), version=version)
    await recorder.value("evcc/status", b"offline")
    assert (await retained(broker))["evcc/status"] == b"offline"


async def test_no_will_comes_after_a_goodbye(broker: Mosquitto, recorder: Recorder) -> None:
    async with _open(broker.url) as link:
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
    async with _open(broker.url) as link:
        found: Any = link._client.socket()
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_unix_socket(start_broker: Start) -> None:
    broker = await start_broker(Config(unix=True))
    async with _open(f"unix://{broker.unix_socket}") as link:
        assert await _sent(link, Message("evcc/a", b"1")) is None


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_websockets(start_broker: Start, version: str) -> None:
    broker = await start_broker(Config(websockets=True))
    async with _open(f"ws://{HOST}:{broker.ws_port}", version=version) as link:
        assert await _sent(link, Message("evcc/a", b"x" * 200_000, retain=True)) is None
    assert len((await retained(broker))["evcc/a"]) == 200_000


async def test_tls_with_an_authority_of_ones_own(start_broker: Start, authority: Authority) -> None:
    broker = await start_broker(Config(authority=authority, websockets=True))
    for url in (f"mqtts://{HOST}:{broker.tls_port}", f"wss://{HOST}:{broker.wss_port}"):
        async with _open(url, ca_file=authority.ca_file) as link:
            assert await _sent(link, Message("evcc/a", b"1")) is None
        assert "certificate" in await _reason(url)
        async with _open(url, verify=False) as link:
            assert await _sent(link, Message("evcc/a", b"1")) is None


async def test_a_certificate_that_is_not_the_brokers(start_broker: Start, authority: Authority, tmp_path: Path) -> None:
    broker = await start_broker(Config(authority=authority, certificate=authority.issue("other.example")))
    assert "certificate" in await _reason(f"mqtts://{HOST}:{broker.tls_port}", ca_file=authority.ca_file)
    stranger = Authority(tmp_path / "stranger")
    assert "certificate" in await _reason(f"mqtts://{HOST}:{broker.tls_port}", ca_file=stranger.ca_file)


async def test_a_certificate_of_the_clients(start_broker: Start, authority: Authority) -> None:
    broker = await start_broker(Config(authority=authority, require_certificate=True))
    url, own = f"mqtts://{HOST}:{broker.tls_port}", authority.issue("bridge@example.org")
    async with _open(url, ca_file=authority.ca_file, cert_file=own.cert, key_file=own.key) as link:
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
        async with Connection(settings, _WILL, Diagnostics()).open():
            pass


# coming back


class _Coming:
    """A connection whose pauses are noted in place of being waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, url: str, **options: Any) -> None:
        self.diagnostics = Diagnostics()
        self.connection = Connection(Mqtt(url=url, **options), _WILL, self.diagnostics)
        self.longest: list[float | None] = []
        monkeypatch.setattr(self.connection._backoff, "next", self._next)

    def _next(self, longest: float | None = None) -> float:
        self.longest.append(longest)
        return 0.01


async def test_it_comes_back_after_every_loss(broker: Mosquitto, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    coming = _Coming(monkeypatch, f"mqtt://{HOST}:{proxy.port}")
    async with asyncio.timeout(_LIMIT), aclosing(coming.connection.links()) as links:
        for _ in range(2):
            link = await anext(links)
            proxy.cut()
            await _ended(link)
        link = await anext(links)
        assert "lost" in coming.diagnostics.text
        proxy.refuse()
        proxy.cut()
        await _ended(link)
        following = asyncio.ensure_future(anext(links))
        while "cannot be reached" not in coming.diagnostics.text:
            coming.diagnostics.changed.clear()
            await coming.diagnostics.changed.wait()
        await proxy.accept()
        await following
        coming.connection.confirm()
        assert coming.diagnostics.text == ""
        assert coming.connection.count == 4


@pytest.mark.parametrize(("user", "longest"), [(None, None), ("nobody", 30.0)])
async def test_a_broker_that_was_away_is_found_soon_and_one_that_refuses_is_asked_seldom(
    start_broker: Start, user: str | None, longest: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = await start_broker(Config(users={"somebody": "secret"}))
    coming = _Coming(monkeypatch, broker.url if user else f"mqtt://{HOST}:{free_port()}", user=user)
    async with asyncio.timeout(_LIMIT), aclosing(coming.connection.links()) as links:
        following = asyncio.ensure_future(anext(links))
        while len(coming.longest) < 3:  # noqa: ASYNC110 - a pause has no event
            await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.wait((following,))
    assert set(coming.longest) == {longest}


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_pauses_grow_while_another_client_takes_our_place_and_are_short_again_after_it(
    broker: Mosquitto, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    coming = _Coming(monkeypatch, f"mqtt://{HOST}:{proxy.port}", version=version)
    async with asyncio.timeout(2 * _LIMIT), aclosing(coming.connection.links()) as links:
        for _ in range(6):
            link = await anext(links)
            coming.connection.confirm()
            proxy.cut()
            await _ended(link)
        await anext(links)
        assert coming.longest == [None, None, 30.0, 30.0, 30.0, 30.0]
        assert client_id("evcc") in coming.diagnostics.text
        monkeypatch.setattr(module, "_HELD", 0.0)
        coming.connection.check_held()
        assert client_id("evcc") not in coming.diagnostics.text
        assert coming.connection._short == 0


async def test_a_connection_closed_in_place_of_an_answer_keeps_pauses_long_and_is_no_sign_of_the_version_at_once(
    broker: Mosquitto, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = _Coming(monkeypatch, f"mqtt://{HOST}:{proxy.port}")
    async with asyncio.timeout(2 * _LIMIT), aclosing(coming.connection.links()) as links:
        for last in (False, False, True):
            link = await anext(links)
            assert link.v5
            coming.connection.confirm()
            proxy.faults = Faults(no_mqtt5=last, no_answer=True)
            proxy.cut()
            await _ended(link)
        link = await anext(links)
        assert not link.v5
        assert coming.longest == [None, None, 30.0, 30.0]
        assert client_id("evcc") in coming.diagnostics.text


async def test_another_client_with_our_id_beside_a_unix_socket(
    start_broker: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = await start_broker(Config(unix=True))
    coming = _Coming(monkeypatch, f"unix://{broker.unix_socket}", version="3.1.1")
    async with asyncio.timeout(2 * _LIMIT), aclosing(coming.connection.links()) as links:
        for _ in range(3):
            link = await anext(links)
            async with client(broker, identifier=client_id("evcc")):
                await _ended(link)
        await anext(links)
        assert coming.longest == [None, None, 30.0]
        assert client_id("evcc") in coming.diagnostics.text


async def test_a_proxy_without_a_broker_is_not_another_client_with_our_id(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = _Coming(monkeypatch, f"mqtt://{HOST}:{proxy.port}")
    async with asyncio.timeout(2 * _LIMIT), aclosing(coming.connection.links()) as links:
        for _ in range(3):
            link = await anext(links)
            coming.connection.confirm()
            proxy.cut()
            await _ended(link)
        link = await anext(links)
        assert client_id("evcc") in coming.diagnostics.text
        with monkeypatch.context() as patch:
            patch.setattr(proxy, "_target", free_port())
            proxy.cut()
            await _ended(link)
            following = asyncio.ensure_future(anext(links))
            while client_id("evcc") in coming.diagnostics.text:
                coming.diagnostics.changed.clear()
                await coming.diagnostics.changed.wait()
        await following
        assert coming.longest[-1] is None


def _cancel(task: asyncio.Future[Any], _: asyncio.Future[None]) -> None:
    task.cancel()


async def test_a_subscription_that_is_given_up_leaves_no_error_behind(broker: Mosquitto, proxy: Proxy) -> None:
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    async with _open(f"mqtt://{HOST}:{proxy.port}") as link:
        subscribing = asyncio.ensure_future(link.subscribe(["evcc/#"]))
        await asyncio.sleep(0)
        link._disconnected.add_done_callback(partial(_cancel, subscribing))
        proxy.cut()
        await asyncio.wait((subscribing,))
        del subscribing
    gc.collect()
    assert errors == []


def test_the_client_id_is_stable_for_host_and_root_and_short_enough_for_3_1_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert client_id("evcc") == client_id("evcc") != client_id("home/evcc")
    assert len(client_id("x" * 200)) <= 23
    here = client_id("evcc")
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert client_id("evcc") != here
