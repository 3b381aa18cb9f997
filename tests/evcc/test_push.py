import asyncio
import base64
import http
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.frames import Opcode
from websockets.http11 import Request, Response

from bridge.errors import EvccError, Invalid, NotReady, Unreachable
from bridge.evcc import push as module
from bridge.evcc.push import Frames, Push, parse_frame
from bridge.settings import Evcc
from bridge.util.backoff import Backoff
from tests.broker.authority import Authority
from tests.broker.mosquitto import HOST
from tests.broker.ports import free_port
from tests.evcc.server import answer, hang, raw, server

_LIMIT = 5.0  # seconds that nothing here should need
_UP = "up"


@dataclass
class _Listener:
    """Keeps connected, as the reader does, and notes what comes, in order."""

    push: Push
    silence: float
    events: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    skipped: int = 0

    async def run(self) -> None:
        while True:
            try:
                async with self.push.connection() as frames:
                    self.events.put_nowait(_UP)
                    while True:
                        self.events.put_nowait(await frames.next(self.silence))
                        self.skipped = frames.skipped
            except EvccError as error:
                self.events.put_nowait(error)
                await self.push.pause(missing=isinstance(error, NotReady))

    async def next(self) -> Any:
        async with asyncio.timeout(_LIMIT):
            return await self.events.get()


class _Pause(Backoff):
    """Always the same pause; it notes what it was asked for."""

    def __init__(self, seconds: float) -> None:
        super().__init__(1.0, 60.0)
        self.seconds = seconds
        self.asked: list[float | None] = []
        self.resets = 0

    def next(self, longest: float | None = None) -> float:
        self.asked.append(longest)
        return self.seconds

    def reset(self) -> None:
        self.resets += 1


@dataclass
class _Evcc:
    """A `/ws` that does with each connection what the test says; a connection ends with `handle`."""

    handle: Callable[[ServerConnection], Any]
    requests: list[Request] = field(default_factory=list)
    refusals: list[Response] = field(default_factory=list)

    async def serve(self, connection: ServerConnection) -> None:
        await self.handle(connection)

    def request(self, _: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return self.refusals.pop(0) if self.refusals else None


async def _forever(connection: ServerConnection) -> None:
    await connection.wait_closed()


@asynccontextmanager
async def _pushed(
    evcc: _Evcc,
    path: str = "",
    *,
    login: str = "",
    silence: float = 60.0,
    pause: float = 0.0,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> AsyncIterator[tuple[Push, _Listener, _Pause]]:
    """A running push and who listens to it."""
    async with serve(evcc.serve, HOST, 0, process_request=evcc.request, ssl=tls) as listening:
        port = listening.sockets[0].getsockname()[1]
        url = f"{'https' if tls else 'http'}://{login}{HOST}:{port}{path}"
        async with _running(Evcc(url=url, **options), silence, pause) as made:
            yield made


@asynccontextmanager
async def _running(
    settings: Evcc, silence: float = 60.0, pause: float = 0.0
) -> AsyncIterator[tuple[Push, _Listener, _Pause]]:
    push = Push(settings)
    push._backoff = noted = _Pause(pause)
    listener = _Listener(push, silence)
    task = asyncio.create_task(listener.run())
    try:
        yield push, listener, noted
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_frames_are_handed_on_in_order() -> None:
    async def three(connection: ServerConnection) -> None:
        for message in ('{"a.0.b":1}', b'{"c":null}', "{}"):
            await connection.send(message)
        await connection.wait_closed()

    async with _pushed(_Evcc(three)) as (_, listener, pause):
        assert [await listener.next() for _ in range(4)] == [_UP, {"a.0.b": 1}, {"c": None}, {}]
        assert pause.resets == 0


async def test_pauses_are_short_again_after_a_connection_has_brought_frames_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_STEADY", 0.0)

    async def one(connection: ServerConnection) -> None:
        await connection.send("{}")
        await connection.wait_closed()

    async with _pushed(_Evcc(one)) as (_, listener, pause):
        assert [await listener.next(), await listener.next()] == [_UP, {}]
        assert pause.resets == 1


async def test_a_connection_that_is_cut_again_and_again_is_asked_for_less_and_less_often() -> None:
    push, pauses = Push(Evcc()), []
    for _ in range(12):
        frames = Frames(_Welcoming(), push._backoff)  # type: ignore[arg-type]
        assert await frames.next(1) == {"pvPower": 1}
        pauses.append(push._backoff.next())
    assert sum(pauses[:8]) > 30
    assert pauses[-1] > 40


class _Welcoming:
    async def recv(self, *, decode: bool) -> bytes:
        assert not decode
        return b'{"pvPower":1}'


async def test_no_login_in_a_frame_or_in_the_reason_of_an_end_is_handed_on() -> None:
    async def end(connection: ServerConnection) -> None:
        await connection.send('{"a.url":"tcp://me:pass@host"}')
        await connection.close(1011, "lost tcp://me:pass@host")

    async with _pushed(_Evcc(end)) as (_, listener, _pause):
        assert await listener.next() == _UP
        assert await listener.next() == {"a.url": "tcp://***@host"}
        reason = str(await listener.next())
        assert "lost tcp://***@host" in reason
        assert "pass" not in reason


@pytest.mark.parametrize(
    "message",
    [
        "garbage",
        "",
        "[]",
        "5",
        "null",
        b"\xff\xfe",
        '{"a":NaN}',
        '{"a":1e400}',
        '{"a":' + "[" * 300 + "]" * 300 + "}",
        '{"a":' * 3000 + "1" + "}" * 3000,
    ],
    ids=lambda message: repr(message)[:20],
)
async def test_a_bad_frame_is_skipped_and_counted(message: str | bytes) -> None:
    async def send(connection: ServerConnection) -> None:
        for one in (message, '{"good":1}', *[message] * 9, '{"good":2}'):
            await connection.send(one)
        await connection.wait_closed()

    async with _pushed(_Evcc(send)) as (_, listener, _pause):
        assert [await listener.next() for _ in range(3)] == [_UP, {"good": 1}, {"good": 2}]
        assert listener.skipped == 10


def test_a_frame_with_more_values_than_any_evcc_has_is_none() -> None:
    with pytest.raises(Invalid, match="more values"):
        parse_frame(b'{"a":[' + b"[]," * 400_000 + b"1]}")


async def test_many_bad_frames_in_a_row_end_a_connection() -> None:
    async def send(connection: ServerConnection) -> None:
        for _ in range(10):
            await connection.send("garbage")
        await connection.wait_closed()

    async with _pushed(_Evcc(send)) as (_, listener, _pause):
        assert await listener.next() == _UP
        assert isinstance(await listener.next(), Invalid)
        assert await listener.next() == _UP


async def test_a_frame_that_is_too_large_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 1000)

    async def send(connection: ServerConnection) -> None:
        await connection.send("x" * 2000)

    async with _pushed(_Evcc(send)) as (_, listener, _pause):
        assert await listener.next() == _UP
        assert isinstance(await listener.next(), Unreachable)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
async def test_a_close_is_noticed(code: int) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code)

    async with _pushed(_Evcc(close)) as (_, listener, pause):
        assert await listener.next() == _UP
        assert isinstance(await listener.next(), Unreachable)
        assert await listener.next() == _UP
        assert pause.resets == 0


async def test_a_reset_is_noticed() -> None:
    async def reset(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with _pushed(_Evcc(reset)) as (_, listener, _pause):
        assert await listener.next() == _UP
        assert isinstance(await listener.next(), Unreachable)


async def test_a_connection_ends_also_where_its_end_is_cancelled() -> None:
    goodbye, ended = asyncio.Event(), asyncio.Event()

    class Noting(ServerConnection):
        def process_event(self, event: Any) -> None:
            super().process_event(event)
            if getattr(event, "opcode", None) is Opcode.CLOSE:
                goodbye.set()

    async def flood(connection: ServerConnection) -> None:
        for message in (*["garbage"] * 10, *["{}"] * 50):  # more than is read ahead: it does not see our end any more
            await connection.send(message)
        await connection.wait_closed()
        ended.set()

    async with serve(flood, HOST, 0, create_connection=Noting) as listening, asyncio.timeout(_LIMIT):
        port = listening.sockets[0].getsockname()[1]
        async with _running(Evcc(url=f"http://{HOST}:{port}")):
            await goodbye.wait()
        await ended.wait()


async def test_silence_counts_as_dead() -> None:
    async def once(connection: ServerConnection) -> None:
        await connection.send("{}")
        await connection.wait_closed()

    async with _pushed(_Evcc(once), silence=0.05) as (_, listener, _pause):
        assert [await listener.next(), await listener.next()] == [_UP, {}]
        reason = await listener.next()
        assert isinstance(reason, Unreachable)
        assert "silent" in str(reason)
        assert await listener.next() == _UP


@pytest.mark.parametrize(
    ("status", "kind", "longest"),
    [(404, NotReady, 600.0), (401, Invalid, 60.0), (403, Invalid, 60.0), (500, Invalid, 60.0), (200, Invalid, 60.0)],
)
async def test_a_refusal_is_told_and_the_next_attempt_is_made(
    status: int, kind: type[EvccError], longest: float
) -> None:
    evcc = _Evcc(_forever)
    evcc.refusals = [Response(status, http.HTTPStatus(status).phrase, Headers(), b"no")]
    async with _pushed(evcc) as (_, listener, pause):
        reason = await listener.next()
        assert type(reason) is kind
        assert str(status) in str(reason)
        assert await listener.next() == _UP
        assert pause.asked == [longest]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with (
        server(answer()) as elsewhere,
        server(answer(status, Location=elsewhere.url("/ws", scheme="ws"))) as evcc,
    ):
        settings = Evcc(url=evcc.url(login="user:pw@"))
        async with _running(settings) as (_, listener, _pause):
            assert isinstance(await listener.next(), Invalid)
            assert isinstance(await listener.next(), Invalid)
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "reply", [raw(b"", end="close"), raw(b"", end="reset"), raw(b"garbage\r\n\r\n"), raw(b"\0" * 200_000)]
)
async def test_no_websocket_at_all(reply: Any) -> None:
    async with server(reply) as evcc, _running(Evcc(url=evcc.url())) as (_, listener, _pause):
        assert isinstance(await listener.next(), Unreachable)
        assert isinstance(await listener.next(), Unreachable)


async def test_a_server_that_never_answers() -> None:
    async with server(hang) as evcc, _running(Evcc(url=evcc.url(), timeout=0.1)) as (_, listener, _pause):
        assert isinstance(await listener.next(), Unreachable)


async def test_nobody_there() -> None:
    async with _running(Evcc(url=f"http://{HOST}:{free_port()}")) as (_, listener, _pause):
        assert isinstance(await listener.next(), Unreachable)


@pytest.mark.parametrize(("path", "target"), [("", "/ws"), ("/", "/ws"), ("/evcc", "/evcc/ws"), ("/evcc/", "/evcc/ws")])
async def test_the_prefix_of_a_proxy(path: str, target: str) -> None:
    evcc = _Evcc(_forever)
    async with _pushed(evcc, path) as (_, listener, _pause):
        assert await listener.next() == _UP
        assert [request.path for request in evcc.requests] == [target]


@pytest.mark.parametrize(
    ("login", "pair"),
    [("user:pw@", "user:pw"), ("us%40er:p%3Aw%2F@", "us@er:p:w/"), ("ü:ß@", "ü:ß"), ("user@", "user:")],
)
async def test_a_login_is_basic_authentication(login: str, pair: str) -> None:
    evcc = _Evcc(_forever)
    async with _pushed(evcc, login=login) as (_, listener, _pause):
        assert await listener.next() == _UP
        expected = "Basic " + base64.b64encode(pair.encode()).decode()
        assert [request.headers.get("Authorization") for request in evcc.requests] == [expected]


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with _pushed(_Evcc(_forever)) as (_, listener, _pause):
        assert await listener.next() == _UP


async def test_an_authority_of_ones_own(authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.server()
    context.load_cert_chain(certificate.cert, certificate.key)
    async with _pushed(_Evcc(_forever), tls=context, ca_file=authority.ca_file) as (_, listener, _pause):
        assert await listener.next() == _UP
    async with _pushed(_Evcc(_forever), tls=context) as (_, listener, _pause):
        reason = await listener.next()
        assert isinstance(reason, Unreachable)
        assert "certificate" in str(reason)


async def test_an_authority_that_is_gone_later_does_not_matter(authority: Authority, tmp_path: Path) -> None:
    file, gone = tmp_path / "ca.pem", asyncio.Event()
    shutil.copy(authority.ca_file, file)

    async def close(connection: ServerConnection) -> None:
        await gone.wait()
        await connection.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.server()
    context.load_cert_chain(certificate.cert, certificate.key)
    async with _pushed(_Evcc(close), tls=context, ca_file=file) as (_, listener, _pause):
        assert await listener.next() == _UP
        file.unlink()
        gone.set()
        assert isinstance(await listener.next(), Unreachable)
        assert await listener.next() == _UP


async def test_a_retry_is_made_at_once_whatever_the_pause() -> None:
    evcc = _Evcc(_forever)
    evcc.refusals = [Response(404, "Not Found", Headers(), b"")]
    async with _pushed(evcc, pause=3600.0) as (push, listener, pause):
        assert isinstance(await listener.next(), NotReady)
        push.retry()
        assert await listener.next() == _UP
        assert pause.resets == 1
