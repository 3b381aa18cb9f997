"""The types of options: which values they take, and the words for it in messages and in the README."""

import json
import re
import ssl
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, FilePath, SecretStr

from bridge.settings.urls import checked, without_page
from bridge.util.topics import UNFIT, is_topic

_LEVELS = {"warn": "warning", "trace": "debug", "fatal": "error", "critical": "error"}  # as other programs name them
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600}
_DURATION = re.compile(r"(?:[0-9]{1,9}+(?:\.[0-9]{1,9}+)?+\s?+(?:ms|s|min|m|h)){1,5}+")
_DURATION_PART = re.compile(r"([0-9.]+)\s?(ms|s|min|m|h)")

_OFTENEST, _RAREST = 300, 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Takes:
    """What an option takes, in the words of its error message and of the README."""

    text: str


def _url(*schemes: str) -> AfterValidator:
    return AfterValidator(lambda url: checked(url, schemes))


def _decoded(value: Any) -> Any:
    """A list or table: the environment and the command line have text only, which is JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _level(value: Any) -> Any:
    level = _lower(value)
    return _LEVELS.get(level, level) if isinstance(level, str) else level


def _seconds(value: Any) -> Any:
    """A time with units, such as `10s`, `1m30s` or `500ms`, in seconds; all else is left as it is."""
    text = _lower(value)
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        return value
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))


def _absent(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _sendable(secret: SecretStr) -> SecretStr:
    if not _is_utf8(secret.get_secret_value()):
        raise ValueError("not UTF-8")
    return secret


def _header(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]{1,4096}", secret.get_secret_value()):
        raise ValueError("it has a character that no key has")
    return secret


def _every(value: Any) -> Any:
    """Seconds of `15m`, `1h30m` or `off`; anything else as it is."""
    return 0 if value is False or _lower(value) == "off" else _seconds(value)


def _not_often(seconds: float) -> float:
    if seconds and not _OFTENEST <= seconds <= _RAREST:
        raise ValueError("too often or too seldom")
    return seconds


def _is_utf8(text: str) -> bool:
    """Whether a text can be sent: bytes in the environment that are no UTF-8 become surrogates."""
    return not re.search(r"[\ud800-\udfff]", text)


def _printed(text: str) -> str:
    if re.search(f"[{UNFIT}]", text):
        raise ValueError("it has a control character")
    return text


def _certificates(path: Path) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(_reason(error)) from None
    return path


def check_chain(certificate: Path, key: Path | None) -> None:
    """Whether a client certificate and its key can be used; ValueError with the reason."""
    try:
        # without a password here, OpenSSL would prompt for one on the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise ValueError(_reason(error)) from None


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason.lower().replace("_", " ") if error.reason else "no PEM file, or one with a password"
    return error.strerror or "it cannot be read"


def _root(root: str) -> str:
    root = root.strip().rstrip("/")
    if not _is_utf8(root):
        raise ValueError("not UTF-8")
    if not is_topic(root) or root.startswith("$") or len(root.encode()) > 256:
        raise ValueError("not a topic to publish below")
    return root


def _ordinal(value: Any) -> Any:
    """The number at the end of a name: a pod of a Kubernetes StatefulSet is called `bridge-3`."""
    return value.strip().rpartition("-")[2] if isinstance(value, str) and not value.strip().startswith("-") else value


def _listen(text: str) -> str:
    """`host:port` with an IP address or `localhost`; a port alone is one of this machine only."""
    host, _, port = text.strip().rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError("it has no port")
    address = "127.0.0.1" if host.lower() == "localhost" else str(ip_address(host))
    return f"[{address}]:{int(port)}" if ":" in address else f"{address}:{int(port)}"


def is_loopback(listen: str) -> bool:
    """Whether only this machine reaches an address of the form `host:port`."""
    return ip_address(listen.rpartition(":")[0].strip("[]")).is_loopback


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ip_network(text.strip(), strict=False)) for text in texts)


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else ""
    except (ValueError, OSError, LookupError):
        raise ValueError("no such time zone") from None


def _expressions(named: dict[str, str]) -> dict[str, str]:
    for name, expression in named.items():
        if not is_topic(name) or "/" in name or not expression.strip():
            raise ValueError(f"{name!r}: a name is one topic level, an expression is not empty")
    return named


Switch = Annotated[bool, BeforeValidator(_lower), Takes("true, false")]
Period = Annotated[
    Annotated[float, Field(ge=0.01, le=86_400, allow_inf_nan=False)],
    BeforeValidator(_seconds),
    Takes("seconds, from 0.01 to 86400, or a time such as 10s"),
]
PeriodOrOff = Annotated[
    Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)],
    BeforeValidator(_seconds),
    Takes("seconds up to 86400, or a time such as 10m, 0 = off"),
]
Every = Annotated[
    float,
    Field(allow_inf_nan=False),
    BeforeValidator(_every),
    AfterValidator(_not_often),
    Takes("off, or a time from 5m to 24h, such as 15m"),
]
Grace = Annotated[
    Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] | None,
    BeforeValidator(_seconds),
    BeforeValidator(_absent),
    Takes("seconds up to 86400, or a time such as 5m"),
]
Keepalive = Annotated[
    Annotated[int, Field(ge=1, le=3600)], BeforeValidator(_seconds), Takes("whole seconds, from 1 to 3600")
]
Count = Annotated[int, Field(ge=1, le=1_000_000), Takes("a whole number, from 1 to 1000000")]
Index = Annotated[
    int,
    Field(ge=0, le=999_999),
    BeforeValidator(_ordinal),
    Takes("a whole number, from 0 to 999999, or a name that ends with it, such as bridge-3"),
]
Packet = Annotated[int, Field(ge=1024, le=268_435_455), Takes("a whole number of bytes, from 1024 to 268435455")]
Language = Annotated[Literal["en", "de"], BeforeValidator(_lower), Takes("en, de")]
Qos = Annotated[int, Field(ge=0, le=1), Takes("0, 1")]

HttpUrl = Annotated[
    str,
    BeforeValidator(without_page),
    _url("http", "https"),
    Takes("http://host:port or https://user:password@host/prefix"),
]
BrokerUrl = Annotated[
    str,
    _url("mqtt", "mqtts", "ws", "wss", "unix"),
    Takes("mqtt://, mqtts://, ws://, wss:// and user:password@host:port, or unix:// and a file"),
]
Root = Annotated[str, AfterValidator(_root), Takes("a topic: no + or #, no $ in front, not empty")]
Name = Annotated[Annotated[str, Field(max_length=1024)] | None, BeforeValidator(_absent), Takes("text")]
ClientId = Annotated[
    Annotated[str, Field(max_length=128), AfterValidator(_printed)] | None,
    BeforeValidator(_absent),
    Takes("a short text"),
]
Listen = Annotated[
    Annotated[str, AfterValidator(_listen)] | None,
    BeforeValidator(_absent),
    Takes("an address and a port, such as 127.0.0.1:7071 or 0.0.0.0:7071"),
]
Networks = Annotated[
    tuple[str, ...],
    BeforeValidator(_decoded),
    AfterValidator(_networks),
    Takes('a list of addresses or networks, such as ["172.30.32.2", "10.0.0.0/8"]'),
]
Password = Annotated[Annotated[SecretStr, AfterValidator(_sendable)] | None, BeforeValidator(_absent), Takes("text")]
Key = Annotated[
    Annotated[SecretStr, AfterValidator(_header)] | None, BeforeValidator(_absent), Takes("a key made in evcc")
]
Authority = Annotated[
    Annotated[FilePath, AfterValidator(_certificates)] | None,
    BeforeValidator(_absent),
    Takes("the path of a file with certificates (PEM)"),
]
File = Annotated[FilePath | None, BeforeValidator(_absent), Takes("the path of a file that is there")]
Zone = Annotated[str, AfterValidator(_zone), Takes("a name such as Europe/Berlin")]
Globs = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_decoded),
    Takes('a list of patterns such as ["site/*"]'),
]
Expressions = Annotated[
    dict[str, str],
    BeforeValidator(_decoded),
    AfterValidator(_expressions),
    Takes('a table of jq expressions, such as {"house" = ".homePower"} (JSON: {"house": ".homePower"})'),
]

Push = Annotated[Literal["auto", "on", "off"], BeforeValidator(_lower)]
Version = Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(lambda value: _lower(str(value)))]
Contract = Annotated[
    Literal["evcc", "0.131", "0.205", "0.302", "0.313", "0.314", "0.316"],
    BeforeValidator(lambda value: _lower(str(value))),
]
Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_level)]
JqRequests = Annotated[Literal["paths", "any", "off"], BeforeValidator(_lower)]
Format = Annotated[Literal["auto", "text", "json"], BeforeValidator(_lower)]
