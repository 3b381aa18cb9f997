"""Addresses with a user and a password in them: taken apart, checked, and shown without the password."""

import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
BROKERS = ("mqtt", "mqtts", "ws", "wss")
TLS = frozenset({"https", "mqtts", "wss"})
_WEBSOCKETS = frozenset({"ws", "wss"})
_WITHOUT_PATH = frozenset({"mqtt", "mqtts"})

_PARTS = re.compile(r"(?P<scheme>\s*[A-Za-z]+://)(?:(?P<login>[^/?#]*)@)?(?P<rest>.*)", re.DOTALL)
# possessive: a long text is read once
_HARMLESS = re.compile(r"[A-Za-z]*+:?+/{0,2}+(?:\[[0-9A-Fa-f:.]*+\]|[\w.-]*+)(?::\d{0,5})?+(?:/[\w./-]*+)?+")
_PAGE = re.compile(r"(?P<url>[^?#]*?)(?P<page>/*#(?:/[^@]*)?|/api(?:/state)?/*)")
_SCHEME = re.compile(r"\s*[A-Za-z]+://")


class Hint(UserWarning):
    """What a user should know about a configuration that can be used."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect to; `path` is the socket's file for `unix`."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in TLS

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return not self.host or self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @property
    def websockets(self) -> bool:
        """Whether MQTT goes over WebSockets."""
        return self.scheme in _WEBSOCKETS

    @property
    def shown(self) -> str:
        """The address for a message."""
        return self.path if self.scheme == "unix" else f"{self.host}:{self.port}"

    @classmethod
    def of(cls, url: str) -> "Address":
        """Take a URL apart; ValueError, with the reason as its text, when it is none."""
        parts, port = _split(url)
        if parts.query or parts.fragment:
            raise ValueError("no ? or # can be in it (in a password, write them as %3F and %23)")
        if parts.scheme == "unix":
            return cls("unix", "", 0, parts.path)
        if not parts.hostname:
            raise ValueError("it names no host")
        _check_name(parts.hostname)
        if parts.scheme in _WITHOUT_PATH and parts.path.strip("/"):
            raise ValueError("a path means nothing in it; the topic that everything is below is mqtt.root")
        return cls(parts.scheme, parts.hostname, PORTS.get(parts.scheme, 0) if port is None else port, parts.path)


def _check_name(host: str) -> None:
    try:
        host.encode("idna")  # what sockets do with it, and httpx; neither error is an OSError
        _ = httpx.URL(scheme="http", host=host).host
    except (UnicodeError, httpx.InvalidURL):
        raise ValueError("no host has such a name") from None


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text quotes what may be a password
        raise ValueError("host or port cannot be read; a / in a password is written as %2F") from None
    if port == 0:
        raise ValueError("there is no port 0")
    return parts, port


def checked(url: str, schemes: Collection[str]) -> str:
    """A URL in its plain form: no trailing slash, scheme in lower case; ValueError with the reason."""
    scheme, found, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if not found or scheme not in schemes:
        raise ValueError(f"it must begin with {', '.join(f'{scheme}://' for scheme in schemes)}")
    if re.search(r"[\s\x00-\x1f\x7f]", rest):
        raise ValueError("no space can be in it")
    plain = f"{scheme}://{rest}".rstrip("/")
    address = Address.of(plain)
    if "@" in rest or (address.scheme == "unix" and not address.path):
        raise ValueError("a / or @ in a password is written as %2F or %40" if "@" in rest else "it names no file")
    return plain


def without_login(section: Any) -> Any:
    """A section as it was configured, with the login in its `url` moved to `user` and `password`.

    An explicit `user` or `password` is the stronger one.
    """
    url = section.get("url") if isinstance(section, dict) else None
    parts = _PARTS.fullmatch(url) if isinstance(url, str) else None
    if parts is None or parts["login"] is None:
        return section
    user, _, password = parts["login"].partition(":")
    login = {"user": unquote(user) or None, "password": unquote(password) or None}
    return {key: text for key, text in login.items() if text} | section | {"url": parts["scheme"] + parts["rest"]}


def without_page(url: Any) -> Any:
    """evcc's address without what a browser shows behind it (`/#/config`), and without `/api`; a Hint is given."""
    found = _PAGE.fullmatch(url.strip()) if isinstance(url, str) else None
    if found is None or not _SCHEME.match(url):
        return url
    warnings.warn(f"evcc.url (EVCC_URL): {found['page']} is no part of evcc's address and is cut off", Hint, 2)
    return found["url"]


def masked(url: str) -> str:
    """A URL, or what was meant to be one, with everything hidden that may be a password."""
    if _HARMLESS.fullmatch(url):
        return url
    scheme = _SCHEME.match(url)
    return f"{scheme[0]}***" if scheme else "***"
