import asyncio
import base64
import gzip
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from httpcore import AsyncHTTP11Connection
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ConfigError, EvccError, Invalid, NotReady, Refused, Unreachable
from bridge.evcc import client as module
from bridge.evcc.client import EvccClient, Reply, Verdict
from bridge.settings import Evcc
from bridge.state.document import parse
from tests.broker.authority import Authority
from tests.broker.ports import free_port
from tests.evcc.server import Answer, Request, Server, answer, hang, raw, server

_LIMIT = 5.0  # seconds that no test here should need


@asynccontextmanager
async def _asked(reply: Answer | None = None, **options: Any) -> AsyncIterator[tuple[EvccClient, Server]]:
    """A client and the server that it asks."""
    async with server(reply) as evcc, EvccClient(Evcc(**{"url": evcc.url(), **options})) as client:
        yield client, evcc


# what evcc says


@pytest.mark.parametrize(
    ("status", "error", "word"),
    [
        (404, NotReady, "starting"),
        (500, Unreachable, "unreachable"),
        (502, Unreachable, "unreachable"),
        (503, Unreachable, "unreachable"),
        (401, Invalid, "invalid"),
        (403, Invalid, "invalid"),
        (301, Invalid, "invalid"),
        (302, Invalid, "invalid"),
        (307, Invalid, "invalid"),
        (400, Invalid, "invalid"),
        (429, Invalid, "invalid"),
    ],
)
async def test_each_status_has_its_word(status: int, error: type[EvccError], word: str) -> None:
    async with _asked(answer(status, b"<html>no</html>", "text/html", Location="/elsewhere")) as (client, evcc):
        with pytest.raises(error) as caught:
            await client.state()
        assert type(caught.value) is error
        assert caught.value.word == word
        assert (str(status) if status not in {401, 403} else "requires a login") in str(caught.value)
        assert "html" not in str(caught.value)
        assert len(evcc.requests) == 1


async def test_the_state_is_its_body() -> None:
    async with _asked(answer(200, b'{"version": "1"}')) as (client, evcc):
        assert await client.state() == b'{"version": "1"}'
        [request] = evcc.requests
        assert (request.method, request.target, request.body) == ("GET", "/api/state", b"")


@pytest.mark.parametrize("status", [200, 201, 302, 400, 404, 500])
async def test_a_call_gives_whatever_evcc_says(status: int) -> None:
    async with _asked(answer(status, b'{"error":"no"}', Location="/x", Date="Wed")) as (client, evcc):
        reply = await client.call("POST", "/api/loadpoints/1/mode/pv")
        assert reply == Reply(status, "application/json", b'{"error":"no"}', "Wed")
        assert len(evcc.requests) == 1


# how it is asked


@pytest.mark.parametrize("prefix", ["", "/", "/evcc", "/evcc/", "/a/b%20c"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/state",
        "/api/vehicles/db%3A5/mode/pv",
        "/api/vehicles/a%2Fb%25/minsoc/20",
        "/api/x/2026-11-25T12%3A00%3A00Z",
    ],
)
async def test_paths_stay_as_they_are_behind_any_prefix(prefix: str, path: str) -> None:
    async with server() as evcc, EvccClient(Evcc(url=evcc.url(prefix))) as client:
        await client.call("POST", path)
        assert [request.target for request in evcc.requests] == [prefix.rstrip("/") + path]


async def test_parameters_are_encoded() -> None:
    async with _asked() as (client, evcc):
        await client.call("GET", "/api/state", params={"jq": '{a: .b | "ü&="}', "x": ""})
        assert evcc.requests[0].target == "/api/state?jq=%7Ba%3A+.b+%7C+%22%C3%BC%26%3D%22%7D&x="


async def test_json_is_sent_as_such() -> None:
    async with _asked() as (client, evcc):
        await client.call("POST", "/api/x", json=[{"a": "ü"}])
        await client.call("POST", "/api/x")
        first, second = evcc.requests
        assert (first.body, first.headers["content-type"]) == ('[{"a":"ü"}]'.encode(), "application/json")
        assert second.body == b""


@pytest.mark.parametrize(
    ("login", "pair"),
    [
        ("user:pw@", "user:pw"),
        ("user:@", "user:"),
        ("user@", "user:"),
        ("us%40er:p%3Aw%2F@", "us@er:p:w/"),
        ("ü:ß@", "ü:ß"),
    ],
)
async def test_a_login_in_the_address_is_basic_authentication(login: str, pair: str) -> None:
    async with server() as evcc, EvccClient(Evcc(url=evcc.url("/evcc", login=login))) as client:
        await client.state()
        [request] = evcc.requests
        assert request.headers["authorization"] == "Basic " + base64.b64encode(pair.encode()).decode()
        assert request.target == "/evcc/api/state"


async def test_no_login_no_authentication() -> None:
    async with _asked() as (client, evcc):
        await client.state()
        assert "authorization" not in evcc.requests[0].headers


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with _asked() as (client, _):
        assert await client.state() == b"{}"


async def test_one_connection_serves_many_calls_and_a_cut_one_is_replaced() -> None:
    async with _asked() as (client, evcc):
        for _ in range(3):
            await client.state()
        assert evcc.connections == 1
        await evcc.cut()
        await client.state()
        assert evcc.connections == 2


# bad answers


@pytest.mark.parametrize(
    "reply",
    [
        raw(b"", end="close"),
        raw(b"", end="reset"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Le", end="close"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", end="close"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", end="reset"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", end="close"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"),
        raw(b"HTTP/1.1 two OK\r\n\r\n"),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        raw(b"\0" * 100_000),
        raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n{}"),
    ],
)
async def test_what_is_cut_off_or_no_http_is_no_answer(reply: Answer) -> None:
    async with _asked(reply) as (client, _):
        with pytest.raises(Unreachable):
            await client.call("GET", "/api/state", timeout=_LIMIT)


async def test_a_refused_connection() -> None:
    async with EvccClient(Evcc(url=f"http://127.0.0.1:{free_port()}")) as client:
        with pytest.raises(Unreachable) as caught:
            await client.state()
        assert "nothing listens" in str(caught.value)


async def test_a_name_that_does_not_resolve() -> None:
    async with EvccClient(Evcc(url="http://evcc.invalid:7070")) as client:
        with pytest.raises(Unreachable):
            await client.state()


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "br", "unknown"])
async def test_an_answer_with_a_content_coding_is_not_decoded(coding: str) -> None:
    async with _asked(answer(200, gzip.compress(bytes(10_000)), Content_Encoding=coding)) as (client, _):
        with pytest.raises(Invalid, match="coding"):
            await client.state()


async def test_the_coding_identity_is_none() -> None:
    async with _asked(answer(200, b"{}", Content_Encoding="identity")) as (client, _):
        assert await client.state() == b"{}"


@pytest.mark.parametrize("location", ["evcc:7070/login", "localhost:login", "a:b", "http:x", "mailto:a", "//[", "\xff"])
async def test_where_a_redirect_leads_is_not_read(location: str) -> None:
    async with _asked(answer(302, b"", "text/html", Location=location)) as (client, evcc):
        with pytest.raises(Invalid, match="redirect"):
            await client.state()
        reply = await client.call("POST", "/api/x")
        assert (reply.status, reply.verdict) == (302, Verdict.NOT_EVCC)
        assert len(evcc.requests) == 2


@pytest.mark.parametrize("cookie", ["lang=M\xfcller", "session=1; Path=/", "a=b; Domain=evcc; Expires=never"])
async def test_no_cookie_is_kept(cookie: str) -> None:
    async with _asked(answer(200, b"{}", Set_Cookie=cookie)) as (client, evcc):
        for _ in range(3):
            await client.state()
        assert not any("cookie" in request.headers for request in evcc.requests)


async def _stranger(_: Request, writer: asyncio.StreamWriter) -> None:
    body = b'{"name":"openHAB","version":"4"}'
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )


async def test_another_program_with_a_version_is_not_evcc() -> None:
    async with _asked(_stranger) as (client, _):
        with pytest.raises(Invalid):
            parse(await client.state())


# connections that were closed while they were idle


@dataclass
class _Fickle:
    """Closes each connection when its second request comes, as a proxy does whose idle time is over just then."""

    requests: dict[asyncio.StreamWriter, int] = field(default_factory=dict)

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests[writer] = self.requests.get(writer, 0) + 1
        if self.requests[writer] > 1:
            writer.close()
            return
        await answer()(request, writer)


async def test_a_read_that_dies_with_a_used_connection_is_sent_again_on_a_fresh_one() -> None:
    async with _asked(_Fickle()) as (client, evcc):
        await asyncio.gather(*(client.call("GET", "/api/x") for _ in range(4)))
        for _ in range(8):
            assert await client.state() == b"{}"
        assert evcc.connections >= 5


async def test_a_write_is_not_sent_twice() -> None:
    async with _asked(_Fickle()) as (client, evcc):
        await client.call("POST", "/api/x")
        with pytest.raises(Unreachable):
            await client.call("POST", "/api/x")
        assert len(evcc.requests) == 2


async def test_a_read_is_sent_again_only_once() -> None:
    async with _asked(raw(b"", end="close")) as (client, evcc):
        with pytest.raises(Unreachable):
            await client.call("GET", "/api/state")
        assert len(evcc.requests) == 2


async def _trickle(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)  # that is what it is about


async def _trickle_of_headers(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("reply", [hang, _trickle, _trickle_of_headers])
@pytest.mark.parametrize("by", ["settings", "call"])
async def test_one_time_limit_is_over_the_whole_exchange(reply: Answer, by: str) -> None:
    async with _asked(reply, timeout=0.1 if by == "settings" else 60) as (client, _):
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"within 0\.1 s"):
            await client.call("GET", "/api/state", timeout=None if by == "settings" else 0.1)
        assert 0.09 < time.monotonic() - began < 2


async def test_a_connection_that_is_being_closed_when_time_is_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What evcc has cut is closed when the next call comes: a call that is lost then must not lose a socket too."""
    close, closed = AsyncHTTP11Connection.aclose, asyncio.Event()

    async def slow(connection: AsyncHTTP11Connection) -> None:
        await asyncio.sleep(0.1)
        await close(connection)
        closed.set()

    async with _asked() as (client, evcc):
        await client.state()
        await evcc.cut()
        monkeypatch.setattr(AsyncHTTP11Connection, "aclose", slow)
        with pytest.raises(Unreachable):
            await client.call("GET", "/api/state", timeout=0.02)
        assert closed.is_set()
        monkeypatch.undo()
        await client.state()
        assert len(client._pool._pool.connections) == 1


async def test_many_lost_calls_leave_room_for_the_next() -> None:
    async with _asked(hang) as (client, evcc):
        for limit in (0.0, 0.001, 0.05):
            lost = [client.call("GET", "/api/state", timeout=limit) for _ in range(50)]
            results = await asyncio.gather(*lost, return_exceptions=True)
            assert all(isinstance(result, Unreachable) for result in results)
        assert evcc.connections <= 3 * 20 * 2  # places, each of which may ask a second time
        evcc.answer = answer()
        assert (await client.call("GET", "/api/state", timeout=_LIMIT)).verdict is Verdict.OK


async def _endless(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, b"x" * 100_001),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n"),  # nothing of it has to be read
        _endless,
    ],
)
async def test_no_more_is_read_than_allowed(reply: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 100_000)
    async with _asked(reply, timeout=_LIMIT) as (client, _):
        with pytest.raises(Invalid, match="100000"):
            await client.state()


async def test_as_much_is_read_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 100_000)
    async with _asked(answer(200, b"x" * 100_000)) as (client, _):
        assert len(await client.state()) == 100_000


async def test_an_answer_of_many_small_pieces_lets_all_else_run() -> None:
    pieces = b"1\r\n \r\n" * 60_000 + b"2\r\n{}\r\n0\r\n\r\n"
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    reply = raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces)
    async with _asked(reply, timeout=60) as (client, _):
        counting = asyncio.create_task(count())
        assert len(await client.state()) == 60_002
        counting.cancel()
    assert turns > 300


@given(st.binary(max_size=200))
async def test_whatever_comes_back_is_an_answer_or_an_error_of_ours(data: bytes) -> None:
    async with _asked(raw(data, end="close"), timeout=_LIMIT) as (client, _):
        with suppress(EvccError):
            await client.state()
        with suppress(EvccError):
            reply = await client.call("GET", "/api/state")
            assert reply.verdict in Verdict
            assert reply.reason


# certificates


@asynccontextmanager
async def _secured(authority: Authority, *, expired: bool = False) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.server(expired=expired)
    context.load_cert_chain(certificate.cert, certificate.key)
    async with server(tls=context) as evcc:
        yield evcc.url(scheme="https")


async def test_a_certificate_of_ones_own_authority(authority: Authority) -> None:
    async with _secured(authority) as url, EvccClient(Evcc(url=url, ca_file=authority.ca_file)) as client:
        assert await client.state() == b"{}"


async def test_a_certificate_of_an_authority_that_nobody_knows(authority: Authority) -> None:
    async with _secured(authority) as url, EvccClient(Evcc(url=url)) as client:
        with pytest.raises(Unreachable, match="certificate"):
            await client.state()


async def test_an_expired_certificate(authority: Authority) -> None:
    async with _secured(authority, expired=True) as url, EvccClient(Evcc(url=url, ca_file=authority.ca_file)) as client:
        with pytest.raises(Unreachable, match="expired"):
            await client.state()


async def test_a_certificate_that_is_not_looked_at(authority: Authority) -> None:
    async with _secured(authority, expired=True) as url, EvccClient(Evcc(url=url, verify=False)) as client:
        assert await client.state() == b"{}"


def test_an_authority_that_is_none_any_more(authority: Authority) -> None:
    file = authority.ca_file.with_name("own.pem")
    file.write_bytes(authority.ca_file.read_bytes())
    settings = Evcc(url="https://localhost", ca_file=file)
    file.write_text("nothing")
    with pytest.raises(ConfigError, match=r"ca_file.*own\.pem"):
        EvccClient(settings)


# replies


@pytest.mark.parametrize(
    ("status", "content_type", "body", "verdict"),
    [
        (200, "application/json", b"{}", Verdict.OK),
        (200, "application/json; charset=UTF-8", b"3", Verdict.OK),
        (201, "Application/JSON", b"{}", Verdict.OK),
        (204, "", b"", Verdict.OK),
        (200, "text/html", b"", Verdict.OK),
        (200, "", b" \n", Verdict.OK),
        (200, "text/html", b"<html>", Verdict.NOT_EVCC),
        (200, "text/plain", b"ok", Verdict.NOT_EVCC),
        (200, "", b"{}", Verdict.NOT_EVCC),
        (200, "application/jsonp", b"{}", Verdict.NOT_EVCC),
        (302, "application/json", b"{}", Verdict.NOT_EVCC),
        (100, "", b"", Verdict.NOT_EVCC),
        (400, "application/json", b"{}", Verdict.REFUSED),
        (404, "application/json", b"{}", Verdict.REFUSED),
        (409, "text/plain", b"no", Verdict.REFUSED),
        (404, "text/plain; charset=utf-8", b"404 page not found", Verdict.NO_ROUTE),
        (401, "text/html", b"<html>login</html>", Verdict.NOT_EVCC),
        (404, "text/html", b"<html>", Verdict.NOT_EVCC),
        (500, "", b"", Verdict.UNAVAILABLE),
        (502, "text/html", b"<html>", Verdict.UNAVAILABLE),
    ],
)
def test_verdict(status: int, content_type: str, body: bytes, verdict: Verdict) -> None:
    assert Reply(status, content_type, body).verdict is verdict


@pytest.mark.parametrize(("reply", "has"), [(answer(), True), (answer(404, b"no", "text/plain"), False), (hang, False)])
async def test_has_routes(reply: Answer, *, has: bool) -> None:
    async with _asked(reply) as (client, evcc):
        assert await client.has_routes(0.2) is has
        assert evcc.requests[0].target == "/api/state?jq=null"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"result":5}', 5),
        (b'{"result":null}', None),
        (b'{"result":{"result":1}}', {"result": 1}),
        (b'{"result":5,"more":1}', {"result": 5, "more": 1}),
        (b"[1]", [1]),
        (b"3", 3),
    ],
)
def test_json(body: bytes, value: Any) -> None:
    assert Reply(200, "application/json", body).json() == value


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff", b"NaN"])
def test_no_json(body: bytes) -> None:
    with pytest.raises(Invalid):
        Reply(200, "application/json", body).json()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":"invalid mode: x"}', "invalid mode: x"),
        (b'{"error":"two\\nlines\\tand tabs"}', "two lines and tabs"),
        (b'{"error":5}', "5"),
        (b'{"error":""}', "HTTP 400"),
        (b'{"message":"no"}', '{"message":"no"}'),
        (b"404 page not found\n", "404 page not found"),
        (b"<!DOCTYPE html><html>login</html>", "HTTP 400"),
        (b"", "HTTP 400"),
        (b"[]", "[]"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error":"no answer of tcp://me:pass@host"}', "no answer of tcp://***@host"),
        (b'{"error":{"url":"http://pass@host","password":"pass"}}', '{"url":"http://***@host"}'),
        (b'{"message":"no","token":"pass"}', '{"message":"no"}'),
        (b"x" * 180 + b" http://me:a-long-pass@host", "x" * 180 + " http://***@host"),
    ],
)
def test_reason(body: bytes, error: str) -> None:
    assert Reply(400, "", body).reason == error


@given(st.integers(100, 599), st.binary())
def test_any_reason_is_one_short_line(status: int, body: bytes) -> None:
    line = Reply(status, "", body).reason

    assert line
    assert len(line) <= 200
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(("path", "params"), [("/api/state", {"jq": "é" * 20_000}), ("/api/" + "x" * 70_000, None)])
async def test_what_does_not_fit_into_an_address_is_refused(path: str, params: dict[str, str] | None) -> None:
    async with EvccClient(Evcc()) as client:
        with pytest.raises(Refused, match="too long"):
            await client.call("GET", path, params=params)
