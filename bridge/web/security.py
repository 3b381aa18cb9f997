"""Who may read the page: token or address, the names by which it is called, and other sites' pages."""

import hmac
import re
from dataclasses import dataclass
from enum import Enum, auto
from fnmatch import translate
from ipaddress import ip_address, ip_network
from socket import gethostname
from time import monotonic

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.settings import Web
from bridge.settings.kinds import is_loopback

COOKIE = "evcc-bridge"
OPEN = frozenset({"/healthz", "/readyz", "/login"})
"""What may be asked for without a token; files below `/static/` may too."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_LOCAL = ("localhost", "*.localhost", "*.local", "*.lan", "*.home", "*.home.arpa", "*.internal", "*.fritz.box")
_PREFIX = re.compile(r"(?:/[\w.~-]+){1,8}")
_MOST_FAILURES, _PERIOD = 10, 60.0  # wrong tokens in so many seconds, of all clients together


class Access(Enum):
    """Why a request may be answered, or that it may not."""

    TOKEN = auto()
    ADDRESS = auto()
    DENIED = auto()


@dataclass(slots=True)
class Failures:
    """Counts wrong tokens: after ten in a minute none is looked at until the minute is over."""

    began: float = float("-inf")
    count: int = 0

    def note(self) -> None:
        """Count one."""
        if monotonic() - self.began >= _PERIOD:
            self.began, self.count = monotonic(), 0
        self.count += 1

    @property
    def too_many(self) -> bool:
        """Whether to look at no token now."""
        return self.count >= _MOST_FAILURES and monotonic() - self.began < _PERIOD


class Credentials:
    """The token, the cookie that stands for it, and the addresses that need neither."""

    def __init__(self, settings: Web) -> None:
        self._token = settings.token.get_secret_value().encode() if settings.token else b""
        self._networks = [ip_network(text) for text in settings.allow]
        self._closed = bool(settings.token or settings.allow) or not is_loopback(settings.listen or "127.0.0.1:0")
        self.failures = Failures()
        self.cookie = hmac.digest(self._token, b"evcc-bridge", "sha256").hex() if self._token else ""
        """What a browser is given after a login."""

    def access(self, scope: Scope, headers: Headers) -> Access:
        """Why a request may be answered."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.accepts(bearer.strip()):
            return Access.TOKEN
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        if self.cookie and hmac.compare_digest(cookie.encode(), self.cookie.encode()):
            return Access.TOKEN
        return Access.ADDRESS if self._is_allowed(scope) else Access.DENIED

    def accepts(self, token: str) -> bool:
        """Whether this is the token; never while there were too many wrong ones."""
        if not self._token or self.failures.too_many:
            return False
        if hmac.compare_digest(token.encode(errors="replace"), self._token):
            return True
        self.failures.note()
        return False

    def _is_allowed(self, scope: Scope) -> bool:
        if not self._closed:
            return True
        host = scope["client"][0] if scope.get("client") else ""
        try:
            address = ip_address(host)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


class Guard:
    """Lets requests through to the application, and gives its answers the headers that a browser heeds."""

    def __init__(self, app: ASGIApp, settings: Web, credentials: Credentials) -> None:
        self._app = app
        self._credentials = credentials
        names = (*_LOCAL, gethostname(), f"{gethostname()}.*", *settings.hosts)
        self._names = re.compile("|".join(map(translate, names)), re.IGNORECASE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        _strip_prefix(scope, headers)
        reply = self._refusal(scope, headers) or self._app
        await reply(scope, receive, _Sender(send).send)

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        path = scope["path"]
        access = self._credentials.access(scope, headers)
        if path in {"/healthz", "/readyz"}:
            return None
        if access is not Access.TOKEN and not self._is_known(headers.get("host", "")):
            return _error(403, "unknown host name: web.hosts (WEB_HOSTS) names those of the page")
        if not _is_same_origin(headers) and (scope["method"] not in {"GET", "HEAD"} or path.startswith("/api/")):
            return _error(403, "the request comes from another site's page")
        if access is Access.DENIED and path not in OPEN and not path.startswith("/static/"):
            return None if path == "/" else _error(401, "needs the token: Authorization: Bearer …")
        scope["access"] = access
        return None

    def _is_known(self, host: str) -> bool:
        """Whether a host name cannot be pointed at this machine by an attacker (DNS rebinding)."""
        name = _host_name(host)
        if not name:
            return False
        try:
            ip_address(name)
        except ValueError:
            return "." not in name or bool(self._names.fullmatch(name))
        return True


class _Sender:
    """Adds the headers to a response."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send(self, message: Message) -> None:
        """Send one part of the response."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def prefix(headers: Headers) -> str:
    """The path that a proxy has in front of the page's; empty for none, and for what is no path."""
    found = headers.get("x-ingress-path") or headers.get("x-forwarded-prefix") or ""
    found = found.rstrip("/")
    return found if _PREFIX.fullmatch(found) else ""


def _strip_prefix(scope: Scope, headers: Headers) -> None:
    """Not every proxy cuts the prefix off."""
    front = prefix(headers)
    if front and scope["path"].startswith(f"{front}/"):
        scope["path"] = scope["path"].removeprefix(front)


def _is_same_origin(headers: Headers) -> bool:
    """Whether a request is of the page itself, or of no browser; a proxy may change the host, but not this."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".").lower()


def _error(status: int, reason: str) -> JSONResponse:
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": reason}, status, headers)
