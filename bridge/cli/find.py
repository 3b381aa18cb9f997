"""`evcc-bridge check --find`: looks for evcc at the usual addresses, and by its announcement (mDNS)."""

import asyncio
import re
import socket
import struct
import sys
from asyncio import TaskGroup
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from bridge.cli.check import Findings
from bridge.errors import EvccError, Unreachable
from bridge.evcc.client import EvccClient, Reply, Verdict
from bridge.settings import Evcc
from bridge.state.document import parse
from bridge.state.state import State

PORT = 7070
"""evcc's, unless its `network.port` is another."""
ROUTES = Path("/proc/net/route")
# on this machine, a service in Compose, evcc's own name by mDNS, Home Assistant with the add-on, Docker Desktop's host
_HOSTS = ("localhost", "evcc", "evcc.local", "homeassistant.local", "host.docker.internal")
_TIMEOUT = 2.0  # seconds that an address has for its answer
_ANNOUNCED = 2000  # milliseconds that an announcement is waited for
# as evcc registers itself (configureMDNS in cmd/setup.go)
_TYPE, _NAME = "_http._tcp.local.", "evcc._http._tcp.local."
_HOST = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}")
_GATEWAY = 0x2  # RTF_GATEWAY of <linux/route.h>
_MISSING = "mDNS is not searched, as zeroconf is not installed: pip install 'evcc-mqtt-bridge[find]'"
_WORDS = {
    Verdict.NO_ROUTE: "answers 404: evcc while it starts, or another program",
    Verdict.UNAVAILABLE: "answers HTTP {status}: a proxy whose evcc does not run, or another program",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answers: evcc's state, or what is wrong; neither where nothing answers."""

    url: str
    state: State | None = None
    wrong: str = ""


def run(configured: Evcc, addresses: Sequence[str], interfaces: Sequence[str] = (), out: TextIO | None = None) -> int:
    """Print where evcc answers, and the line for the configuration; the exit code is 0 where it does, else 1.

    Asked are `addresses`, what evcc announces on `interfaces` (addresses of this machine; all by default), and the
    configured address, which is the only one to be given the configured login.
    """
    out = sys.stdout if out is None else out
    findings = Findings()
    first = [configured] if "url" in configured.model_fields_set else []
    answers = asyncio.run(_find([*first, *(Evcc(url=url) for url in addresses)], interfaces, findings))
    found = [each for each in answers if each.state is not None]
    for each in answers:
        _note(each, findings)
    if not found:
        findings.fail(f"evcc was not found{_silence(answers)}")
    findings.write(out)
    if found:
        print("next  put this line into the environment, or evcc.url into the file; then: evcc-bridge check", file=out)
        print(f"EVCC_URL={found[0].url}", file=out, flush=True)
    else:
        print("next  see in a browser where evcc is, then: evcc-bridge check --evcc-url http://ADDRESS:7070", file=out)
    return 0 if found else 1


def usual_addresses() -> list[str]:
    """Where evcc mostly is: on this machine, beside it, or, for a container, on its host."""
    return [f"http://{host}:{PORT}" for host in (*_HOSTS, *gateways(ROUTES))]


def gateways(routes: Path) -> list[str]:
    """The default gateways of IPv4 in Linux's table of routes: a container's is its host."""
    try:
        rows = [line.split() for line in routes.read_text(encoding="ascii").splitlines()[1:]]
        numbers = [int(row[2], 16) for row in rows if row[1] == "00000000" and int(row[3], 16) & _GATEWAY]
        return list(dict.fromkeys(socket.inet_ntoa(struct.pack("=L", number)) for number in numbers))
    except (OSError, ValueError, IndexError, struct.error):
        return []


async def _find(known: Iterable[Evcc], interfaces: Sequence[str], findings: Findings) -> list[Answer]:
    """Ask each address once; those that are announced come last."""
    places: dict[str, Evcc] = {}
    for each in known:
        places.setdefault(each.url, each)
    async with TaskGroup() as group:
        asked = [group.create_task(_ask(each)) for each in places.values()]
        urls = await _announced(interfaces, findings)
        asked += [group.create_task(_ask(Evcc(url=url))) for url in urls if url not in places]
    return [task.result() for task in asked]


async def _ask(settings: Evcc) -> Answer:
    """Ask one address for evcc's state."""
    async with EvccClient(settings) as client:
        try:
            reply = await client.call("GET", "/api/state", timeout=_TIMEOUT)
            if reply.verdict is Verdict.OK:
                return Answer(settings.url, parse(reply.body))
        except Unreachable:
            return Answer(settings.url)
        except EvccError:
            return Answer(settings.url, wrong="answers, but is not evcc")
    return Answer(settings.url, wrong=_wrong(reply))


def _wrong(reply: Reply) -> str:
    if reply.status in {401, 403}:
        return "requires a login: if it is evcc, set evcc.url, evcc.user and evcc.password to it"
    words = _WORDS.get(reply.verdict, "answers, but is not evcc (HTTP {status})")
    return words.format(status=reply.status)


async def _announced(interfaces: Sequence[str], findings: Findings) -> list[str]:
    """The addresses that evcc announces: with its name, then with the numbers; zeroconf is imported only here."""
    if find_spec("zeroconf") is None:
        findings.warn(_MISSING)
        return []
    from zeroconf import InterfaceChoice, IPVersion
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    try:
        zeroconf = AsyncZeroconf([*interfaces] or InterfaceChoice.All, ip_version=IPVersion.V4Only)
    except OSError as error:
        findings.warn(f"mDNS cannot be searched: {error}")
        return []
    try:
        info = AsyncServiceInfo(_TYPE, _NAME)
        # false where there are no numbers; there may be a name all the same
        await info.async_request(zeroconf.zeroconf, _ANNOUNCED)
    finally:
        await zeroconf.async_close()
    name = (info.server or "").rstrip(".")
    hosts = [*([name] if _HOST.fullmatch(name) else []), *info.parsed_addresses(IPVersion.V4Only)]
    return [f"http://{host}:{info.port}" for host in hosts if info.port]


def _note(answer: Answer, findings: Findings) -> None:
    if answer.state is None:
        if answer.wrong:
            findings.warn(f"{answer.url} {answer.wrong}")
        return
    state, count = answer.state, len(answer.state.loadpoints)
    title = f" ({state.site.text('siteTitle')})" if state.site.text("siteTitle") else ""
    loadpoints = f"{count} loadpoint{'' if count == 1 else 's'}"
    findings.ok(f"evcc {state.version or 'of unknown version'}{title} answers at {answer.url}, {loadpoints}")


def _silence(answers: Iterable[Answer]) -> str:
    silent = [each.url for each in answers if each.state is None and not each.wrong]
    return f"; nothing answers at {', '.join(silent)}" if silent else ""
