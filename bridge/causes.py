"""Why evcc or the broker cannot be reached, and what to do about it: one table of causes, and how each is found."""

import asyncio
import errno
import math
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from bridge.settings.model import Evcc, Mqtt, Server
from bridge.settings.urls import Address
from bridge.util.probe import Spoken, probe

_REMEMBERED = 60.0  # seconds in which the same failure is not looked into again
_NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT})
# of OpenSSL, for a certificate that is not valid yet or not any more, and for one of another name or IP address
_EXPIRED, _OTHER_NAME = frozenset({9, 10}), frozenset({62, 64})
_USUAL_PORTS = {"http": 7070, "mqtt": 1883, "mqtts": 8883}
_WITH_TLS = {"http": "https", "mqtt": "mqtts", "ws": "wss"}
_WITHOUT_TLS = {tls: plain for plain, tls in _WITH_TLS.items()}
_EITHER = {"ws": "mqtt", "wss": "mqtts", "mqtt": "ws", "mqtts": "wss"}  # with and without WebSockets
_LONGEST_CHAIN = 50
_OPTIONS = ("url", "user", "password", "api_key", "ca_file", "verify", "version")
_LOGINS = {"basic": "{user} and {password}", "bearer": "{api_key}"}  # the options of each kind

_PORT = "{server}'s usual port is {usual}"
_CONTAINER = "in a container, localhost is the container itself: write the name or address of the machine"
_LOCAL = "a name in .local is often unknown in a container: write the IP address"
_REACHED = "{server} was reached at {address}, but "


@dataclass(frozen=True, slots=True)
class Words:
    """What is wrong, and what to do: one hint after another, those that do not concern an address left out."""

    what: str
    hints: tuple[str, ...]


class Cause(Enum):
    """Every reason for which evcc or the broker cannot be reached, with its words."""

    NOT_LISTENING = Words(
        "{server} cannot be reached: nothing listens at {address}",
        ("start {server} there, or correct {url}", _PORT, _CONTAINER),
    )
    NO_SOCKET = Words(
        "{server} cannot be reached: there is no socket {address}",
        ("start {server}, or correct {url}", "in a container, the socket must be mounted"),
    )
    NO_ACCESS = Words("{server} cannot be reached: no access to {address}", ("give the bridge's user access to it",))
    UNKNOWN_NAME = Words(
        "{server} cannot be reached: no address is known for the name {host}",
        ("correct {url}", _LOCAL, "in Compose, the name is that of the service"),
    )
    UNREACHABLE = Words(
        "{server} cannot be reached: no answer from {host}",
        ("is it switched on and in this network, and does no firewall stand between?", "else correct {url}"),
    )
    SILENT = Words(
        "{address} takes connections, but does not answer",
        ("{server} hangs, or something else listens there: then correct {url}", _PORT),
    )
    CLOSED = Words(
        "{address} closes the connection without an answer",
        ("see the log of {server}", "if something else listens there, correct {url}", _PORT),
    )
    LOGIN_MISSING = Words(_REACHED + "it requires a login", ("set {detail}",))
    LOGIN_REFUSED = Words(_REACHED + "it refuses the login", ("check {detail}",))
    CLIENT_CERTIFICATE = Words(
        _REACHED + "it requires a client certificate",
        ("set mqtt.cert_file (MQTT_CERT_FILE) and mqtt.key_file (MQTT_KEY_FILE)",),
    )
    NO_CLIENT_CERTIFICATE = Words(
        _REACHED + "it requires a client certificate",
        ("the bridge sends none to evcc: set {url} to an address that requires none",),
    )
    UNTRUSTED = Words(
        _REACHED + "its certificate is not trusted ({detail})",
        (
            "set {ca_file} to the certificate of the authority that signed it",
            "or {verify} to false, where nobody can intercept the connection",
        ),
    )
    OTHER_NAME = Words(
        _REACHED + "its certificate is for another name than {host}",
        ("write a name in {url} that is in the certificate", "or set {verify} to false"),
    )
    EXPIRED = Words(
        _REACHED + "its certificate is not valid now ({detail})", ("renew it, or set the clock of this machine",)
    )
    TLS_ON_PLAIN = Words(
        "{address} is a port without TLS, but {url} asks for TLS",
        ("write {plain}://, or the port that has TLS",),
    )
    PLAIN_ON_TLS = Words(
        "{address} is a port with TLS, but {url} goes without", ("write {tls}://, or the port without TLS",)
    )
    BROKER_FOR_EVCC = Words(
        "an MQTT broker answers at {address}, not evcc",
        (_PORT, "the broker's address goes into mqtt.url (MQTT_URL)"),
    )
    WEB_FOR_BROKER = Words(
        "a web server answers at {address}, not an MQTT broker",
        (_PORT, "MQTT over WebSockets has addresses such as ws://host:9001/mqtt"),
    )
    NO_WEBSOCKETS = Words("{address} is a port for MQTT without WebSockets", ("write {either}:// in {url}",))
    NO_MQTT_AT_PATH = Words(
        "the web server at {address} has no MQTT over WebSockets at the path {path}", ("correct the path in {url}",)
    )
    NO_MQTT5 = Words("the broker at {address} does not support MQTT 5", ("set {version} to auto",))
    WEB_PAGE = Words(
        "a web page answers at {address} in place of evcc's state ({detail})",
        ("if it is the login of a proxy, let the bridge past it, or set {url} to evcc itself", _PORT),
    )
    REDIRECT = Words(
        "{address} answers with a redirect ({detail}), which is not followed",
        ("set {url} to the final address", "if it leads to a login, let the bridge past that"),
    )
    NOT_FOUND = Words("evcc answers 404 at {address}", ("it is starting, or the path in {url} is wrong",))
    GATEWAY = Words("evcc, or a proxy before it, answers {detail}", ("see whether evcc itself runs",))

    def text(self, settings: Server, detail: str = "") -> str:
        """The words for one server, with every hint that concerns its address."""
        values = _values(settings, detail)
        hints = (hint.format_map(values) for hint in self.value.hints if _concerns(hint, settings.address))
        return "; ".join([self.value.what.format_map(values), *hints])


class Explainer:
    """Explains failures of reaching one server. The same failure is looked into once a minute at most."""

    def __init__(self, settings: Server) -> None:
        self._settings = settings
        self._key = self._text = ""
        self._until = -math.inf

    def known(self, error: BaseException) -> str | None:
        """What is wrong and what to do, where the error shows it or it was found out before."""
        found = self._text if _key(error) == self._key else None
        return static(error, self._settings) or found

    async def explain(self, error: BaseException) -> str:
        """What is wrong and what to do. Where the error does not show it, the port is tried with other protocols."""
        if (known := static(error, self._settings)) is not None:
            return known
        now, key = asyncio.get_running_loop().time(), _key(error)
        if key != self._key or now > self._until:
            timed_out = any(isinstance(each, TimeoutError) for each in _chain(error))
            self._text = await self._probe(timed_out=timed_out)
            self._key, self._until = key, now + _REMEMBERED
        return self._text

    async def _probe(self, *, timed_out: bool) -> str:
        address = self._settings.address
        spoken = Spoken(open=True) if address.scheme == "unix" else await probe(address.host, address.port)
        return _spoken_cause(self._settings, spoken, timed_out=timed_out).text(self._settings)


def _key(error: BaseException) -> str:
    return repr(list(map(str, _chain(error))))


def static(error: BaseException, settings: Server) -> str | None:
    """What is wrong and what to do, as far as the error itself shows it; None where it does not."""
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return _certificate_cause(each).text(settings, each.verify_message)
        if isinstance(each, OSError) and (cause := _system_cause(each)) is not None:
            return cause.text(settings)
    return None


def login(settings: Server, challenge: str = "") -> str:
    """What is wrong and what to do where a server refuses for the login; `challenge`: its `WWW-Authenticate`."""
    asked = {part.split(None, 1)[0].lower() for part in challenge.split(",") if part.strip()}
    wanted = [kind for kind in _LOGINS if kind in asked]
    sent = _login_sent(settings)
    if sent and (not wanted or sent in wanted):
        return Cause.LOGIN_REFUSED.text(settings, _login_options(settings, [sent]))
    return Cause.LOGIN_MISSING.text(settings, _login_options(settings, wanted))


def _login_sent(settings: Server) -> str:
    """The kind of login that is sent; empty for none."""
    if settings.login is not None:
        return "basic"
    return "bearer" if isinstance(settings, Evcc) and settings.api_key else ""


def _login_options(settings: Server, kinds: Sequence[str] = ()) -> str:
    """The options of these kinds of login, or of all that a server may want."""
    possible = kinds or (_LOGINS if isinstance(settings, Evcc) else ["basic"])
    return ", or ".join(_LOGINS[kind] for kind in possible).format_map(_values(settings, ""))


def table() -> str:
    """All causes as a Markdown table, for the documentation, with the words for an example."""
    return "\n".join(["| message | what to do |", "|---|---|", *map(_row, Cause)])


def _row(cause: Cause) -> str:
    settings = _EVCC if cause in _ABOUT_EVCC else _BROKER
    values = _values(settings, _login_options(settings) if cause in _ABOUT_LOGIN else "…")
    return f"| {cause.value.what.format_map(values)} | {'; '.join(cause.value.hints).format_map(values)} |"


def _certificate_cause(error: ssl.SSLCertVerificationError) -> Cause:
    if error.verify_code in _EXPIRED:
        return Cause.EXPIRED
    return Cause.OTHER_NAME if error.verify_code in _OTHER_NAME else Cause.UNTRUSTED


def _system_cause(error: OSError) -> Cause | None:
    match error:
        case socket.gaierror():
            return Cause.UNKNOWN_NAME
        case ConnectionRefusedError():
            return Cause.NOT_LISTENING
        case FileNotFoundError():
            return Cause.NO_SOCKET
        case PermissionError():
            return Cause.NO_ACCESS
    return Cause.UNREACHABLE if error.errno in _NO_ROUTE else None


def _spoken_cause(settings: Server, spoken: Spoken, *, timed_out: bool) -> Cause:
    address = settings.address
    if not spoken.open:
        return Cause.UNREACHABLE
    if spoken.tls:
        return _tls_cause(address, spoken)
    own = spoken.mqtt if address.scheme in {"mqtt", "mqtts"} else spoken.http
    if own and address.tls:
        return Cause.TLS_ON_PLAIN
    if (other := _other_cause(address, spoken)) is not None:
        return other
    if spoken.mqtt and isinstance(settings, Mqtt) and settings.version == "5":
        return Cause.NO_MQTT5
    return Cause.SILENT if timed_out else Cause.CLOSED


def _tls_cause(address: Address, spoken: Spoken) -> Cause:
    if not address.tls:
        return Cause.PLAIN_ON_TLS
    if spoken.certificate:
        return Cause.NO_CLIENT_CERTIFICATE if address.scheme == "https" else Cause.CLIENT_CERTIFICATE
    return Cause.NO_MQTT_AT_PATH if address.websockets else Cause.CLOSED


def _other_cause(address: Address, spoken: Spoken) -> Cause | None:
    """The cause where something else than what is looked for answers."""
    if address.websockets:
        return Cause.NO_WEBSOCKETS if spoken.mqtt else Cause.NO_MQTT_AT_PATH if spoken.http else None
    if address.scheme in {"http", "https"}:
        return Cause.BROKER_FOR_EVCC if spoken.mqtt else None
    return Cause.WEB_FOR_BROKER if spoken.http else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error with all that has caused it, also the errors of a group."""
    waiting: list[BaseException | None] = [error]
    for _ in range(_LONGEST_CHAIN):
        if not waiting:
            return
        each = waiting.pop(0)
        if each is not None:
            yield each
            below = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
            waiting.extend([*below, each.__cause__ or each.__context__])


def _values(settings: Server, detail: str) -> Mapping[str, str]:
    address, section = settings.address, "evcc" if isinstance(settings, Evcc) else "mqtt"
    options = {name: f"{section}.{name} ({section.upper()}_{name.upper()})" for name in _OPTIONS}
    return options | {
        "server": "evcc" if section == "evcc" else "the broker",
        "address": address.shown,
        "host": address.host,
        "path": address.path or "/mqtt",
        "usual": str(_USUAL_PORTS.get(address.scheme, "")),
        "plain": _WITHOUT_TLS.get(address.scheme, address.scheme),
        "tls": _WITH_TLS.get(address.scheme, address.scheme),
        "either": _EITHER.get(address.scheme, address.scheme),
        "detail": detail,
    }


def _concerns(hint: str, address: Address) -> bool:
    """Whether a hint makes sense for an address."""
    if hint is _PORT:
        return _USUAL_PORTS.get(address.scheme, address.port) != address.port
    if hint is _CONTAINER:
        return address.host in {"localhost", "::1"} or address.host.startswith("127.")
    return hint is not _LOCAL or address.host.endswith(".local")


_EVCC, _BROKER = Evcc(url="http://host:7070"), Mqtt(url="mqtt://host:1883")  # in the table
_ABOUT_LOGIN = frozenset({Cause.LOGIN_MISSING, Cause.LOGIN_REFUSED})
_ABOUT_EVCC = frozenset(
    {
        Cause.LOGIN_MISSING,
        Cause.NO_CLIENT_CERTIFICATE,
        Cause.BROKER_FOR_EVCC,
        Cause.WEB_PAGE,
        Cause.REDIRECT,
        Cause.NOT_FOUND,
        Cause.GATEWAY,
    }
)
