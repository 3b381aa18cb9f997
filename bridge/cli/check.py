"""`evcc-bridge check`: whether evcc and the broker are as the bridge needs them, or whether a running bridge works."""

import asyncio
import secrets
import sys
import time
from asyncio import Semaphore, TaskGroup
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TextIO, cast

from bridge.cli.client import connected
from bridge.errors import BrokerError, EvccError
from bridge.evcc.client import EvccClient
from bridge.evcc.push import Push
from bridge.mqtt.client import Link
from bridge.mqtt.message import Acknowledged, Inbound, Message
from bridge.settable.zone import described, offset_elsewhere
from bridge.settings import Commands, Configuration, Evcc, Mqtt, Settings
from bridge.state.contract import Contract
from bridge.state.document import fatal, parse
from bridge.state.state import State
from bridge.util.redact import sanitize

_ROUND_TRIP = 3.0  # seconds that the broker may take to deliver what was published
_QUICK = 0.8  # seconds that it may take to deliver what is retained
_CLOCKS = 2.0  # seconds that two clocks may differ; HTTP dates are cut to whole ones
_POLLS_MISSED = 3
_AT_ONCE = 20  # sites
_SHOWN = 100  # bytes of a payload that are kept


@dataclass(slots=True)
class Findings:
    """Prints one line a finding, and remembers whether one of them is a failure."""

    out: TextIO
    site: str = ""
    failed: bool = field(default=False, init=False)

    def ok(self, text: str) -> None:
        """Print what is as it must be."""
        self._print("ok", text)

    def warn(self, text: str) -> None:
        """Print what may be wrong."""
        self._print("warn", text)

    def fail(self, text: str) -> None:
        """Print what is not as it must be."""
        self.failed = True
        self._print("fail", text)

    def _print(self, level: str, text: str) -> None:
        site = f"{self.site}: " if self.site else ""
        print(f"{level:<5} {sanitize(' '.join(f'{site}{text}'.split()))}", file=self.out, flush=True)


def run(
    configuration: Configuration, site: str | None = None, *, quick: bool = False, out: TextIO | None = None
) -> int:
    """Print the findings about one site, or about each; the exit code is 0, or 1 if one is a failure.

    ConfigError where there is no such site.
    """
    if site is not None:
        configuration = replace(configuration, sites={site: configuration.site(site)}, wrong={})
    return asyncio.run(_check_sites(configuration, sys.stdout if out is None else out, quick=quick))


async def _check_sites(configuration: Configuration, out: TextIO, *, quick: bool) -> int:
    for name, reason in configuration.wrong.items():
        Findings(out, name).fail(reason)
    places = Semaphore(_AT_ONCE if quick else 1)
    findings = [Findings(out, name if configuration.several else "") for name in configuration.sites]
    async with TaskGroup() as group:
        for settings, found in zip(configuration.sites.values(), findings, strict=True):
            group.create_task(_check_site(settings, found, places, quick=quick))
    return int(bool(configuration.wrong) or any(found.failed for found in findings))


async def _check_site(settings: Settings, findings: Findings, places: Semaphore, *, quick: bool) -> None:
    async with places:
        await (_check_bridge if quick else _check)(settings, findings)


async def _check(settings: Settings, findings: Findings) -> None:
    state = await _check_evcc(settings, findings)
    await _check_broker(settings.mqtt, findings)
    if state is not None:
        _check_evccs_mqtt(settings.mqtt.root, state, findings)


async def _check_evcc(settings: Settings, findings: Findings) -> State | None:
    async with EvccClient(settings.evcc) as client:
        began = time.monotonic()
        try:
            body = await client.state()
            state = parse(body)
        except EvccError as error:
            findings.fail(f"evcc at {settings.evcc.url}: {error}")
            return None
        milliseconds = (time.monotonic() - began) * 1000
        era = "wrapped" if body.lstrip().startswith(b'{"result"') else "bare"
        loadpoints = f"{len(state.loadpoints)} loadpoint{'' if len(state.loadpoints) == 1 else 's'}"
        findings.ok(
            f"evcc {state.version or 'of unknown version'} answers at {settings.evcc.url} in {milliseconds:.0f} ms"
            f" ({era} state, {loadpoints})"
        )
        _check_contract(settings.topics.contract, state, findings)
        _check_zone(settings.commands, state, findings)
        if reason := fatal(state):
            findings.fail(f"evcc reports an error in its configuration: {reason}")
        await _check_clock(client, findings)
    await _check_push(settings.evcc, findings)
    return state


def _check_contract(pinned: str, state: State, findings: Findings) -> None:
    """What a pinned release translates now."""
    contract = Contract.of(pinned)
    if contract is None:
        return
    changes: dict[str, list[str]] = {}
    for rule, targets in contract.in_force(state):
        changes.setdefault(rule.meaning, []).extend(target.topic for target in targets)
    for meaning, topics in changes.items():
        findings.ok(f"topics.contract {pinned} translates {meaning} ({', '.join(dict.fromkeys(topics))})")
    if not changes:
        findings.ok(f"topics.contract {pinned}: evcc has these names, words and shapes, nothing is translated")


def _check_zone(settings: Commands, state: State, findings: Findings) -> None:
    """Whether times without a zone are read in evcc's."""
    zone, now = settings.zone(), datetime.fromtimestamp(time.time(), UTC)
    ours, elsewhere = described(zone, now), offset_elsewhere(state, zone, now)
    if elsewhere is None:
        findings.ok(f"times without a zone are read in {ours}")
    else:
        findings.warn(
            f"times without a zone are read in {ours}, but evcc is in {elsewhere}: set commands.timezone, or TZ"
        )


async def _check_clock(client: EvccClient, findings: Findings) -> None:
    began = time.time()
    try:
        reply = await client.call("GET", "/api/health")
    except EvccError as error:
        findings.warn(f"evcc's clock cannot be read: {error}")
        return
    ahead = seconds_ahead(reply.date, began, time.time())
    if ahead is None:
        findings.warn("evcc's answer has no date: its clock cannot be compared with this one")
    elif abs(ahead) <= _CLOCKS:
        findings.ok("evcc's clock and this one agree")
    else:
        where = "ahead of" if ahead > 0 else "behind"
        findings.warn(f"evcc's clock is {abs(ahead):.0f} s {where} this one: plans and times will be off by as much")


def seconds_ahead(date: str, began: float, ended: float) -> float | None:
    """How far, at least, the clock that made an HTTP date is ahead of ours; negative: it is behind.

    The date was made between `began` and `ended` on our clock. None where it is no date.
    """
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    # the date is cut to the second: it was then, or up to a second later
    return max(theirs - ended, 0.0) + min(theirs + 1 - began, 0.0)


async def _check_push(settings: Evcc, findings: Findings) -> None:
    if settings.push == "off":
        findings.ok("push is switched off (evcc.push)")
        return
    try:
        async with Push(settings).connection() as frames:
            await frames.next(settings.timeout)  # a proxy may hold a connection and pass nothing on
    except EvccError as error:
        findings.warn(f"no push, so evcc is asked every {settings.interval:g} s: {error}")
    else:
        findings.ok("evcc pushes its changes (/ws)")


async def _check_broker(settings: Mqtt, findings: Findings) -> None:
    try:
        async with connected(settings, "check") as link:
            findings.ok(f"the broker at {settings.url} speaks MQTT {'5' if link.v5 else '3.1.1'}")
            if not link.limits.retain_available:
                findings.fail("the broker stores no retained messages: clients will see nothing until it changes")
            probe = _Probe(link)
            await _check_rights(probe, settings.root, findings)
    except BrokerError as error:
        findings.fail(str(error))
        return
    _check_stored(probe, settings.root, findings)


async def _check_rights(probe: "_Probe", root: str, findings: Findings) -> None:
    """Publish a retained message, wait for it to come back, and erase it."""
    topic = f"{root}/bridge/check/{secrets.token_hex(4)}"
    await probe.link.subscribe([f"{root}/#"])
    refusal = await probe.publish(topic, b"check")
    if refusal:
        findings.fail(f"the broker does not let us write below {root}: {refusal}")
    elif await probe.delivers(topic, seconds=_ROUND_TRIP):
        findings.ok(f"writing and reading below {root} works")
    else:
        findings.fail(f"what is published below {root} does not come back: reading or writing is not allowed")
    await probe.publish(topic, b"")
    probe.payloads.pop(topic, None)


class _Probe:
    """What a connection delivers: the last payload on each topic, cut to 100 bytes, and acknowledgements."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.payloads: dict[str, bytes] = {}
        self._acknowledged: dict[int, Acknowledged] = {}

    async def publish(self, topic: str, payload: bytes) -> str:
        """Publish a retained message; the broker's reason to refuse it, "" where it acknowledges it."""
        token = cast("int", self.link.send(Message(topic, payload, retain=True), returns=True))
        try:
            async with asyncio.timeout(_ROUND_TRIP):
                while token not in self._acknowledged:
                    await self._receive()
        except TimeoutError:
            return "it does not acknowledge what is published"
        return self._acknowledged[token].reason

    async def delivers(self, *topics: str, seconds: float) -> bool:
        """Whether a message on each of the topics is delivered within this time."""
        try:
            async with asyncio.timeout(seconds):
                while not self.payloads.keys() >= {*topics}:
                    await self._receive()
        except TimeoutError:
            return False
        return True

    async def _receive(self) -> None:
        async for events in self.link.events():
            for event in events:
                match event:
                    case Inbound():
                        self.payloads[event.topic] = event.payload[:_SHOWN]
                    case Acknowledged():
                        self._acknowledged[event.token] = event
            return
        raise self.link.error


def _check_stored(probe: _Probe, root: str, findings: Findings) -> None:
    stored = {topic.removeprefix(f"{root}/") for topic, payload in probe.payloads.items() if payload}
    status = probe.payloads.get(f"{root}/status", b"").decode(errors="replace")
    if "bridge/info" in stored:
        findings.ok(f"a bridge publishes below {root}: {len(stored)} topics, {status or 'without a status'}")
    elif any(topic.startswith(("site/", "loadpoints/")) for topic in stored):
        findings.warn(f"below {root} there are topics of evcc's own MQTT: switch that off, the bridge takes them over")
    else:
        findings.ok(f"nothing is published below {root} yet")


def _check_evccs_mqtt(root: str, state: State, findings: Findings) -> None:
    """Compare roots only: evcc may have another name for the same broker."""
    own = state.site.get("mqtt")
    broker, topic = (own.get("broker"), own.get("topic")) if isinstance(own, dict) else (None, None)
    if not broker:
        findings.ok("evcc's own MQTT is off")
    elif topic == root:
        findings.warn(
            f"evcc's own MQTT publishes at {broker} below {root}: if that is this broker, choose another mqtt.root"
            " or switch it off"
        )
    else:
        findings.ok(f"evcc's own MQTT publishes elsewhere: at {broker} below {topic}")


async def _check_bridge(settings: Settings, findings: Findings) -> None:
    """Whether `status` is `online` and `updated` is recent."""
    status_topic, updated_topic = (f"{settings.mqtt.root}/{leaf}" for leaf in ("status", "updated"))
    try:
        async with connected(settings.mqtt, "check") as link:
            probe = _Probe(link)
            await link.subscribe([status_topic, updated_topic])
            await probe.delivers(status_topic, updated_topic, seconds=_QUICK)
    except BrokerError as error:
        findings.fail(str(error))
        return
    status, updated = (probe.payloads.get(t, b"").decode(errors="replace") for t in (status_topic, updated_topic))
    age = time.time() - int(updated) if updated.isascii() and updated.isdecimal() else None
    if status != "online":
        findings.fail(f"{status_topic} is {status or 'not there'}")
    elif age is None or age > _oldest(settings):
        findings.fail(f"{updated_topic} is {'not there' if age is None else f'{age:.0f} s old'}")
    else:
        findings.ok(f"online, updated {max(age, 0):.0f} s ago")


def _oldest(settings: Settings) -> float:
    """Seconds since evcc was last known fresh that are no failure."""
    return _POLLS_MISSED * max(settings.evcc.interval, settings.evcc.push_interval) + settings.evcc.timeout
