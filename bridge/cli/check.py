"""`evcc-bridge check`: whether evcc and the broker are as the bridge needs them, or whether a running bridge works."""

import asyncio
import secrets
import sys
import time
from asyncio import Semaphore, TaskGroup
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TextIO

from bridge.cli.observer import Observer, below, observing
from bridge.errors import BridgeError, BrokerError, EvccError
from bridge.evcc.client import EvccClient
from bridge.evcc.push import Push
from bridge.extras.expressions import combined, results
from bridge.extras.rest import Rest
from bridge.settable.zone import described, offset_elsewhere
from bridge.settings import Commands, Configuration, Evcc, Settings
from bridge.state.contract import Contract
from bridge.state.document import fatal, parse
from bridge.state.state import State
from bridge.util.redact import sanitize

_ROUND_TRIP = 3.0  # seconds that the broker may take to deliver what was published
_QUICK = 2.0  # seconds that it may take to deliver what is retained, also on a busy machine
_CLOCKS = 2.0  # seconds that two clocks may differ; HTTP dates are cut to whole ones
_POLLS_MISSED = 3
_AT_ONCE = 20  # sites


@dataclass(slots=True)
class Findings:
    """The findings about a site, a line each, and whether one of them is a failure."""

    site: str = ""
    failed: bool = field(default=False, init=False)
    running: bool = field(default=False, init=False)
    """Whether a bridge runs."""
    _lines: list[str] = field(default_factory=list, init=False)

    def ok(self, text: str) -> None:
        """Add what is as it must be."""
        self._add("ok", text)

    def warn(self, text: str, *, first: bool = False) -> None:
        """Add what may be wrong; `first`: before all else."""
        self._add("warn", text, first=first)

    def fail(self, text: str) -> None:
        """Add what is not as it must be."""
        self.failed = True
        self._add("fail", text)

    def write(self, out: TextIO) -> None:
        """Print everything."""
        for line in self._lines:
            print(line, file=out, flush=True)

    def _add(self, level: str, text: str, *, first: bool = False) -> None:
        site = f"{self.site}: " if self.site else ""
        line = f"{level:<5} {sanitize(' '.join(f'{site}{text}'.split()))}"
        self._lines.insert(0 if first else len(self._lines), line)


def run(
    configuration: Configuration,
    site: str | None = None,
    *,
    quick: bool = False,
    read: str = "",
    out: TextIO | None = None,
) -> int:
    """Print the findings about one site, or about each; the exit code is 0, or 1 if one is a failure.

    `read`: where the options are from. ConfigError where there is no such site.
    """
    out = sys.stdout if out is None else out
    if site is not None:
        configuration = replace(configuration, sites={site: configuration.site(site)}, wrong={})
    source = Findings()
    if read and not quick:
        source.ok(f"configuration: {read}")
    source.write(out)
    findings = asyncio.run(_check_sites(configuration, out, quick=quick))
    failed = any(found.failed for found in findings)
    if not quick:
        print(f"next  {_next(findings)}", file=out, flush=True)
    return int(failed)


async def _check_sites(configuration: Configuration, out: TextIO, *, quick: bool) -> list[Findings]:
    """Check each site, and print the findings about it at once."""
    wrong = [Findings(name) for name in configuration.wrong]
    for found, reason in zip(wrong, configuration.wrong.values(), strict=True):
        found.fail(reason)
        found.write(out)
    places = Semaphore(_AT_ONCE if quick else 1)
    checked = [Findings(name if configuration.several else "") for name in configuration.sites]
    async with TaskGroup() as group:
        for settings, found in zip(configuration.sites.values(), checked, strict=True):
            group.create_task(_check_site(settings, found, out, places, quick=quick))
    return [*wrong, *checked]


async def _check_site(settings: Settings, findings: Findings, out: TextIO, places: Semaphore, *, quick: bool) -> None:
    async with places:
        await (_check_bridge if quick else _check)(settings, findings)
        findings.write(out)


def _next(findings: Iterable[Findings]) -> str:
    if any(found.failed for found in findings):
        return "correct what has failed, then: evcc-bridge check"
    return "evcc-bridge status" if any(found.running for found in findings) else "evcc-bridge run"


async def _check(settings: Settings, findings: Findings) -> None:
    state = await _check_evcc(settings, findings)
    await _check_broker(settings, findings)
    if state is not None:
        _check_evccs_mqtt(settings.mqtt.root, state, findings)


async def _check_evcc(settings: Settings, findings: Findings) -> State | None:
    async with EvccClient(settings.evcc) as client:
        began = time.monotonic()
        try:
            body = await client.state()
            state = parse(body)
        except EvccError as error:
            findings.fail(str(await client.explained(error)))
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
        await _check_expressions(settings.topics.jq, client, findings)
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


async def _check_expressions(expressions: Mapping[str, str], client: EvccClient, findings: Findings) -> None:
    """Let evcc compute each jq expression alone."""
    rest = Rest(client)
    for name, expression in expressions.items():
        one = {name: expression}
        try:
            reason = results(one, await rest.jq(combined(one))).errors.get(name)
        except BridgeError as error:
            reason = str(error)
        if reason is None:
            findings.ok(f"jq {name} gives a value: {expression}")
        else:
            findings.fail(f"jq {name}: {reason} (in {expression})")


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


async def _check_broker(settings: Settings, findings: Findings) -> None:
    mqtt, discovery = settings.mqtt, settings.discovery
    try:
        async with observing(mqtt, "check") as observer:
            link = observer.link
            findings.ok(f"the broker at {mqtt.url} supports MQTT {'5' if link.v5 else '3.1.1'}")
            if not link.limits.retain_available:
                findings.fail("the broker stores no retained messages: clients will see nothing until it changes")
            await _check_rights(observer, findings)
            if discovery.homeassistant:
                await _check_discovery(observer, discovery.prefix, findings)
    except BrokerError as error:
        findings.fail(str(error))
        return
    _check_stored(observer, findings)


async def _check_rights(observer: Observer, findings: Findings) -> None:
    """Publish a retained message, wait for it to come back, and erase it."""
    root, topic = observer.root, f"bridge/check/{secrets.token_hex(4)}"
    await observer.link.subscribe([f"{root}/#"])
    refusal = await observer.publish(f"{root}/{topic}", b"check")
    if refusal:
        findings.fail(f"the broker does not let us write below {root}: {refusal}")
    elif await observer.delivers(topic, seconds=_ROUND_TRIP):
        findings.ok(f"writing and reading below {root} works")
    else:
        findings.fail(f"what is published below {root} does not come back: reading or writing is not allowed")
    await observer.publish(f"{root}/{topic}", b"")
    observer.payloads.pop(topic, None)


async def _check_discovery(observer: Observer, prefix: str, findings: Findings) -> None:
    """Publish an empty message, which announces nothing, where an entity would be announced."""
    topic = f"{prefix}/sensor/evcc_check_{secrets.token_hex(4)}/config"
    await observer.link.subscribe([topic])
    refusal = await observer.publish(topic, b"", retain=False)
    if refusal or not await observer.delivers(below(topic, observer.root), seconds=_ROUND_TRIP):
        findings.fail(
            f"the broker does not let us write below {prefix}, where Home Assistant finds what there is"
            f"{f' ({refusal})' if refusal else ''}: give the login the right to write and read {prefix}/#, "
            "or set discovery.homeassistant (DISCOVERY_HOMEASSISTANT) to false"
        )
    else:
        findings.ok(f"writing below {prefix} works")
    observer.payloads.pop(below(topic, observer.root), None)


def _check_stored(observer: Observer, findings: Findings) -> None:
    root, stored = observer.root, [topic for topic, payload in observer.payloads.items() if payload]
    if observer.text("bridge/info"):
        status = observer.text("status")
        findings.running = status == "online"
        if problem := observer.text("bridge/problem"):
            findings.warn(f"the bridge below {root} reports: {problem}", first=True)
        findings.ok(f"a bridge publishes below {root}: {len(stored)} topics, {status or 'without a status'}")
    elif any(topic.startswith(("site/", "loadpoints/")) for topic in stored):
        findings.warn(
            f"below {root} there are topics of evcc's own MQTT: switch that off, the bridge takes them over", first=True
        )
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
            " or switch it off",
            first=True,
        )
    else:
        findings.ok(f"evcc's own MQTT publishes elsewhere: at {broker} below {topic}")


async def _check_bridge(settings: Settings, findings: Findings) -> None:
    """Whether `status` is `online` and `updated` is recent; else whether the bridge has ended, or evcc is away."""
    others = ("bridge/health", "bridge/evcc", "bridge/problem")
    try:
        async with observing(settings.mqtt, "check") as observer:
            await observer.link.subscribe([f"{observer.root}/{topic}" for topic in ("status", "updated", *others)])
            await observer.delivers("status", "updated", seconds=_QUICK)
            if observer.text("status") != "online":
                await observer.delivers(*others[:2], seconds=_QUICK)
    except BrokerError as error:
        findings.fail(str(error))
        return
    status, updated = observer.text("status"), observer.moment("updated")
    age = None if updated is None else time.time() - updated
    if status != "online":
        findings.fail(f"{observer.root}/status is {status or 'not there'}: {_why_offline(observer)}")
    elif age is None or age > _oldest(settings):
        findings.fail(f"{observer.root}/updated is {'not there' if age is None else f'{age:.0f} s old'}")
    else:
        findings.ok(f"online, updated {max(age, 0):.0f} s ago")


def _why_offline(observer: Observer) -> str:
    """Whether the bridge has ended or evcc is away, by what is retained."""
    word, problem = observer.text("bridge/evcc"), observer.text("bridge/problem")
    if not word:
        return "no bridge has run here; start it with evcc-bridge run, or correct mqtt.root (MQTT_ROOT)"
    if observer.is_bridge_gone():
        return "the bridge is not running or not connected; see its log"
    return f"the bridge works, but evcc is {word}{f': {problem}' if problem else ''}"


def _oldest(settings: Settings) -> float:
    """Seconds since evcc was last known fresh that are no failure."""
    return _POLLS_MISSED * max(settings.evcc.interval, settings.evcc.push_interval) + settings.evcc.timeout
