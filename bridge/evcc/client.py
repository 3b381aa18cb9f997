"""REST calls to evcc: one private way out, every failure one of our own errors."""

import ssl
from asyncio import Semaphore
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import urlencode

import httpx
import orjson
from anyio import fail_after

from bridge.errors import ConfigError, EvccError, Invalid, NotReady, Refused, Unreachable
from bridge.settings import Evcc
from bridge.state.payload import payload
from bridge.util.json import parse_evcc_json
from bridge.util.redact import redact_logins

_KEEPALIVE = 120.0
_CALLS_AT_ONCE = 20
_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What evcc, or something in its place, answered."""

    status: int
    content_type: str
    body: bytes
    date: str = ""

    @property
    def ok(self) -> bool:
        """Whether evcc did what was asked: a 2xx with a JSON body or none; a login page is no answer of evcc."""
        return 200 <= self.status < 300 and (not self.body.strip() or self._is_json)

    @property
    def lacks_route(self) -> bool:
        """Whether this evcc has no such route: 404 in plain text, where a refusal is JSON."""
        return self.status == 404 and self.content_type.startswith("text/plain")

    @property
    def _is_json(self) -> bool:
        return self.content_type.partition(";")[0].strip().lower() == "application/json"

    def json(self) -> Any:
        """The body without the `result` around it that evcc had before 0.207; Invalid when it is no JSON."""
        try:
            value = parse_evcc_json(self.body)
        except ValueError as error:
            raise Invalid(f"evcc's answer is no JSON: {error}") from None
        return value["result"] if isinstance(value, dict) and value.keys() == {"result"} else value

    def error(self) -> str:
        """The reason in an answer that refuses, as one short line."""
        try:
            value = parse_evcc_json(self.body)
        except ValueError:
            page = "<" in self.body[:100].decode(errors="replace")
            reason = "" if page else redact_logins(self.body.decode(errors="replace"))
        else:
            reason = payload(value.get("error", value) if isinstance(value, dict) else value).decode()
        line = " ".join(reason.split())[:_REASON_LENGTH]
        return line or f"HTTP {self.status}"


class Caller(Protocol):
    """The part of the client that sends one request."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send one request and give evcc's answer, whatever it says; Unreachable when there is none."""
        ...


class Client:
    """One evcc's REST API.

    `settings.url` may have the path prefix of a reverse proxy. Redirects are never
    followed, proxies of the environment never used: evcc is a neighbour.
    """

    def __init__(self, settings: Evcc) -> None:
        self._settings = settings
        self._base = httpx.URL(settings.url)
        # not the pool's own limit: a call that is cancelled while it waits there takes a place with it for ever
        self._places = Semaphore(_CALLS_AT_ONCE)
        self._http = httpx.AsyncClient(
            auth=settings.login,
            transport=httpx.AsyncHTTPTransport(
                verify=tls_context(settings),
                limits=httpx.Limits(keepalive_expiry=_KEEPALIVE),
            ),
            headers={"Accept-Encoding": "identity", "User-Agent": "evcc-mqtt-bridge"},
            timeout=None,  # noqa: S113 - every request has one time limit over all its parts
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def state(self) -> bytes:
        """The body of `GET /api/state`, unread; NotReady, Unreachable or Invalid when there is none."""
        reply = await self.call("GET", "/api/state")
        if not 200 <= reply.status < 300:
            raise _no_state(reply)
        if "html" in reply.content_type.lower():
            raise Invalid(f"evcc.url answers a web page ({reply.content_type}), not evcc's state")
        return reply.body

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send one request and give evcc's answer, whatever it says.

        `path` begins with `/api/` and is percent-encoded already. `timeout` is in seconds, over the whole
        exchange. Unreachable when there is no answer, Invalid when it is larger than `evcc.max_body`, Refused when
        path and parameters are too long to be sent.
        """
        request = self._http.build_request(
            method,
            self._url(path, params),
            content=None if json is None else orjson.dumps(json),
            headers=None if json is None else {"Content-Type": "application/json"},
        )
        limit = self._settings.timeout if timeout is None else timeout
        try:
            # not asyncio's limit: what the library shields from being cancelled, closing a connection, it does not heed
            with fail_after(limit):
                async with self._places:
                    return await self._exchange(request)
        except TimeoutError:
            raise Unreachable(f"evcc did not answer within {max(limit, 0):.3g} s") from None
        except httpx.DecodingError as error:
            raise Invalid(f"evcc's answer cannot be decoded: {error}") from None
        except (httpx.TransportError, OSError) as error:
            raise Unreachable(f"evcc cannot be reached: {_cause(error)}") from None

    async def _exchange(self, request: httpx.Request) -> Reply:
        response = await self._http.send(request, stream=True)
        try:
            headers = response.headers
            return Reply(
                response.status_code,
                headers.get("content-type", ""),
                await self._body(response),
                headers.get("date", ""),
            )
        finally:
            await response.aclose()

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()  # one block, which the system gets back; thousands of small ones leave holes in memory
        self._check_size(int(response.headers.get("content-length", "0")))
        async for chunk in response.aiter_bytes():
            body += chunk
            self._check_size(len(body))
        return bytes(body)

    def _check_size(self, size: int) -> None:
        if size > self._settings.max_body:
            raise Invalid(f"evcc's answer is larger than {self._settings.max_body} bytes (evcc.max_body)")

    def _url(self, path: str, params: Mapping[str, str] | None) -> httpx.URL:
        query = f"?{urlencode(params)}" if params else ""
        prefix = self._base.raw_path.decode().rstrip("/")
        try:
            return self._base.copy_with(raw_path=f"{prefix}{path}{query}".encode())
        except httpx.InvalidURL as error:
            raise Refused(f"what is asked of evcc does not fit into an address: {error}") from None


async def has_routes(evcc: Caller, timeout: float | None = None) -> bool:
    """Whether evcc answers for its state: while it starts it has no routes at all, and a proxy answers in its place.

    `timeout` is in seconds.
    """
    try:
        return (await evcc.call("GET", "/api/state", params={"jq": "null"}, timeout=timeout)).ok
    except EvccError:
        return False


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


def _no_state(reply: Reply) -> EvccError:
    if reply.status == 404:
        return NotReady("evcc answers 404: it is starting, or the path in evcc.url is wrong")
    if reply.status >= 500:
        return Unreachable(f"evcc, or a proxy before it, answers {reply.status}: {reply.error()}")
    if reply.status in {401, 403}:
        return Invalid(f"evcc, or a proxy before it, wants a login ({reply.status}): set user and password in evcc.url")
    if 300 <= reply.status < 400:
        return Invalid(f"evcc.url answers with a redirect ({reply.status}), not followed: set the final address")
    return Invalid(f"evcc answers {reply.status}: {reply.error()}")


def _cause(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    while (below := error.__cause__ or error.__context__) is not None:
        error, text = below, str(below) or text
    return text
