"""REST calls to evcc. Everything that can go wrong on the way is an error of the bridge's own."""

import asyncio
import base64
import ssl
from asyncio import Semaphore
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlencode

import httpx
import orjson
from anyio import fail_after

from bridge.causes import Cause, Explainer, login, static
from bridge.errors import ConfigError, EvccError, Invalid, NotReady, Refused, Unreachable
from bridge.settings import Evcc
from bridge.state.flatten import payload
from bridge.util.json import parse_evcc_json
from bridge.util.redact import redact_logins

MAX_BODY = 32 * 2**20
"""The longest answer, and the longest frame of `/ws`, in bytes."""

_PROTECTED = "/api/config/"  # evcc wants its API key there, and heeds no other login
_KEEPALIVE = 120.0
_CALLS_AT_ONCE = 20
_REASON_LENGTH = 200
_PIECES = 200  # of an answer, until all else may run
_LONGEST_ERROR = 65_536  # bytes of an answer that are looked at for a reason
# before the first byte of an answer: on a connection that was idle, evcc or a proxy had closed it meanwhile
_DIED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)
# httpx lets some of what its libraries raise through as it is (UnicodeError and others, which are ValueErrors)
_FAILED = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError)


class Verdict(StrEnum):
    """What an answer means."""

    OK = "ok"
    REFUSED = "refused"
    """evcc refused, with a reason (4xx)."""
    UNAVAILABLE = "unavailable"
    """evcc, or a proxy before it, cannot answer now (5xx)."""
    NO_ROUTE = "no such route"
    """404 in plain text, where a refusal is JSON: evcc has no such route, no such loadpoint, or is starting."""
    NOT_EVCC = "not evcc"
    """A web page, a redirect, a login of a proxy: no answer of evcc."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to evcc, its path percent-encoded."""

    method: str
    path: str
    params: dict[str, str] | None = None
    json: Any = None

    def __str__(self) -> str:
        query = "&".join(f"{key}={value}" for key, value in (self.params or {}).items())
        return f"{self.method} {self.path}{f'?{query}' if query else ''}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What evcc, or something in its place, answered."""

    status: int
    content_type: str
    body: bytes
    date: str = ""
    challenge: str = ""
    """How to log in, where the answer has that (`WWW-Authenticate`)."""

    @property
    def verdict(self) -> Verdict:
        """What the answer means; OK only for a 2xx with a JSON body or none."""
        kind = self._media_type
        if 200 <= self.status < 300:
            return Verdict.OK if kind == "application/json" or not self.body.strip() else Verdict.NOT_EVCC
        if self.status >= 500:
            return Verdict.UNAVAILABLE
        if self.status < 400 or "html" in kind:
            return Verdict.NOT_EVCC
        return Verdict.NO_ROUTE if self.status == 404 and kind == "text/plain" else Verdict.REFUSED

    @property
    def reason(self) -> str:
        """The reason in an answer that refuses, as one short line."""
        try:
            value = parse_evcc_json(self.body) if len(self.body) <= _LONGEST_ERROR else None
        except ValueError:
            text = self.body[:_LONGEST_ERROR].decode(errors="replace")
            line = "" if "<" in text[:100] else redact_logins(text)
        else:
            line = payload(value.get("error", value) if isinstance(value, dict) else value).decode()
        return " ".join(line.split())[:_REASON_LENGTH] or f"HTTP {self.status}"

    def json(self) -> Any:
        """The body without the `result` around it that evcc had before 0.207; Invalid when it is no JSON."""
        try:
            value = parse_evcc_json(self.body)
        except ValueError as error:
            raise Invalid(f"evcc's answer is no JSON: {error}") from None
        return value["result"] if isinstance(value, dict) and value.keys() == {"result"} else value

    @property
    def _media_type(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()


class EvccClient:
    """One evcc's REST API.

    `settings.url` may have the path prefix of a reverse proxy. The connection pool is used without httpx's client,
    which would keep cookies, parse redirects and undo content codings: here no answer does more than give its bytes.
    Proxies of the environment are not used.
    """

    def __init__(self, settings: Evcc) -> None:
        self._settings = settings
        self._base = httpx.URL(settings.url)
        self._headers = _headers(settings)
        self._explainer = Explainer(settings)
        # not the pool's own limit: a call that is cancelled while it waits there takes a place with it for ever
        self._places = Semaphore(_CALLS_AT_ONCE)
        tls = tls_context(settings)
        self._pool = httpx.AsyncHTTPTransport(verify=tls, limits=httpx.Limits(keepalive_expiry=_KEEPALIVE))
        self._unpooled = httpx.AsyncHTTPTransport(verify=tls, limits=httpx.Limits(max_keepalive_connections=0))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._pool.aclose()
        await self._unpooled.aclose()

    async def state(self) -> bytes:
        """The body of `GET /api/state`, not parsed; NotReady, Unreachable or Invalid when there is none."""
        try:
            reply = await self.call("GET", "/api/state")
        except Unreachable as error:
            cause = error.__cause__
            known = None if cause is None else self._explainer.known(cause)
            raise Unreachable(known or str(error)) from cause
        if not 200 <= reply.status < 300:
            raise self._no_state(reply)
        if "html" in reply.content_type.lower():
            raise Invalid(Cause.WEB_PAGE.text(self._settings, reply.content_type))
        return reply.body

    async def explained(self, error: EvccError) -> EvccError:
        """The same error with what is wrong and what to do in its text; to find that out may take 1.5 s."""
        if not isinstance(error, Unreachable) or error.__cause__ is None:
            return error
        return Unreachable(await self._explainer.explain(error.__cause__))

    async def has_routes(self, timeout: float | None = None) -> bool:
        """Whether evcc answers for its state: while it starts it has no routes, and a proxy may answer in its place.

        `timeout` is in seconds.
        """
        try:
            reply = await self.call("GET", "/api/state", params={"jq": "null"}, timeout=timeout)
        except EvccError:
            return False
        return reply.verdict is Verdict.OK

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send one request and give evcc's answer, whatever its status.

        `path` begins with `/api/` and is percent-encoded already. `timeout` is in seconds, over the whole
        exchange. Unreachable when there is no answer, Invalid when it is larger than `MAX_BODY` or has a
        content coding, Refused when path and parameters are too long to be sent.
        """
        headers = {**self._headers, **(bearer(self._settings) if path.startswith(_PROTECTED) else {})}
        request = httpx.Request(
            method,
            self._url(path, params),
            headers=headers if json is None else {**headers, "Content-Type": "application/json"},
            content=None if json is None else orjson.dumps(json),
        )
        limit = self._settings.timeout if timeout is None else timeout
        try:
            # not asyncio's limit: what the library shields from being cancelled, closing a connection, it does not heed
            with fail_after(limit):
                async with self._places:
                    return await self._exchange(request)
        except TimeoutError as error:
            raise Unreachable(f"evcc did not answer within {max(limit, 0):.3g} s") from error
        except _FAILED as error:
            known = static(error, self._settings)
            raise Unreachable(known or f"evcc cannot be reached: {_cause(error)}") from error

    async def _exchange(self, request: httpx.Request) -> Reply:
        response = await self._send(request)
        try:
            headers = response.headers
            if headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise Invalid("evcc's answer has a content coding, which was not asked for")
            body = await _read(response)
            kind, date, challenge = (headers.get(name, "") for name in ("content-type", "date", "www-authenticate"))
            return Reply(response.status_code, kind, body, date, challenge)
        finally:
            await response.aclose()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; one that only reads is tried again on a fresh connection where a used one was dead."""
        try:
            return await self._pool.handle_async_request(request)
        except _DIED:
            if request.method != "GET":
                raise
        return await self._unpooled.handle_async_request(request)

    def _no_state(self, reply: Reply) -> EvccError:
        answer = f"{reply.status}: {reply.reason}"
        if _wants_tls(reply):
            return Invalid(Cause.PLAIN_ON_TLS.text(self._settings))
        if reply.status == 404:
            return NotReady(Cause.NOT_FOUND.text(self._settings))
        if reply.status >= 500:
            return Unreachable(Cause.GATEWAY.text(self._settings, answer))
        if reply.status in {401, 403}:
            return Invalid(login(self._settings, reply.challenge))
        if 300 <= reply.status < 400:
            return Invalid(Cause.REDIRECT.text(self._settings, str(reply.status)))
        return Invalid(f"evcc answers {answer}")

    def _url(self, path: str, params: Mapping[str, str] | None) -> httpx.URL:
        query = f"?{urlencode(params)}" if params else ""
        prefix = self._base.raw_path.decode().rstrip("/")
        try:
            return self._base.copy_with(raw_path=f"{prefix}{path}{query}".encode())
        except (httpx.InvalidURL, ValueError) as error:
            raise Refused(f"what is asked of evcc does not fit into an address: {error}") from None


def tls_context(settings: Evcc) -> ssl.SSLContext:
    """What verifies evcc's certificate; bare, without loading any authority, where the URL is `http`."""
    if not settings.url.startswith("https"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"evcc.ca_file (EVCC_CA_FILE): {settings.ca_file} cannot be read: {error}") from None
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def authorization(settings: Evcc) -> dict[str, str]:
    """The header of a basic login, where there is one; else that of the API key, which a proxy may ask for too."""
    login = settings.login
    if login is None:
        return bearer(settings)
    return {"Authorization": "Basic " + base64.b64encode(":".join(login).encode()).decode()}


def bearer(settings: Evcc) -> dict[str, str]:
    """The header with the API key, where there is one."""
    return {"Authorization": f"Bearer {settings.api_key.get_secret_value()}"} if settings.api_key else {}


def _headers(settings: Evcc) -> dict[str, str]:
    return {
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "evcc-mqtt-bridge",
        **authorization(settings),
    }


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()  # one block, which the system gets back; thousands of small ones leave holes in memory
    _check_size(int(response.headers.get("content-length", "0")))
    pieces = 0
    async for chunk in response.aiter_raw():
        body += chunk
        _check_size(len(body))
        pieces += 1
        if not pieces % _PIECES:
            await asyncio.sleep(0)  # one byte a piece: all that has come would be taken apart at once
    return bytes(body)


def _check_size(size: int) -> None:
    if size > MAX_BODY:
        raise Invalid(f"evcc's answer is larger than {MAX_BODY} bytes")


def _wants_tls(reply: Reply) -> bool:
    """Whether a server with TLS answers a request without: Go's and nginx' do, with a 400 that names HTTPS."""
    return reply.status == 400 and b"HTTPS" in reply.body[:_LONGEST_ERROR]


def _cause(error: BaseException) -> str:
    text = _without_number(error) or type(error).__name__
    while (below := error.__cause__ or error.__context__) is not None:
        error, text = below, _without_number(below) or text
    return text


def _without_number(error: BaseException) -> str:
    """The text of an error, of one of the system's without its number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
