"""`evcc-bridge check`: whether evcc and the broker are as the bridge needs them, and a running bridge is well."""

import asyncio
import secrets
import sys
import time
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TextIO

from bridge.errors import BridgeError, BrokerError, EvccError
from bridge.evcc.client import Client
from bridge.evcc.document import State, fatal, parse
from bridge.evcc.push import Push
from bridge.mqtt.connection import Connection
from bridge.mqtt.copy import CHECK
from bridge.mqtt.link import Link
from bridge.mqtt.message import Message
from bridge.settings import Mqtt, Settings

_ROUND_TRIP = 3.0  # seconds that the broker may take to give us back what we published
_QUICK = 0.8
_CLOCKS = 2.0  # seconds that two clocks may differ; HTTP dates are cut to whole ones
_POLLS_MISSED = 3


@dataclass(slots=True)
class Report:
    """Prints one line a finding, and remembers whether one of them is a failure."""

    out: TextIO
    failed: bool = field(default=False, init=False)

    def ok(self, text: str) -> None:
        self._print("ok", text)

    def warn(self, text: str) -> None:
        self._print("warn", text)

    def fail(self, text: str) -> None:
        self.failed = True
        self._print("fail", text)

    def _print(self, level: str, text: str) -> None:
        print(f"{level:<5} {' '.join(text.split())}", file=self.out, flush=True)


def run(settings: Settings, *, quick: bool = False, out: TextIO | None = None) -> int:
    """Print the findings; the exit code is 0, or 1 if something is not as it must be."""
    return asyncio.run(_run(_quick if quick else _whole, settings, Report(sys.stdout if out is None else out)))


async def _run(look: Callable[[Settings, Report], Awaitable[None]], settings: Settings, report: Report) -> int:
    await look(settings, report)
    return int(report.failed)


async def _whole(settings: Settings, report: Report) -> None:
    state = await _evcc(settings, report)
    await _broker(settings, report)
    if state is not None:
        _own_mqtt(settings, state, report)


async def _evcc(settings: Settings, report: Report) -> State | None:
    async with Client(settings.evcc) as client:
        began = time.monotonic()
        try:
            body = await client.state()
            state = parse(body)
        except EvccError as error:
            report.fail(f"evcc at {settings.evcc.url}: {error}")
            return None
        milliseconds = (time.monotonic() - began) * 1000
        loadpoints = len(state.get("loadpoints", []))
        era = "wrapped" if body.lstrip().startswith(b'{"result"') else "bare"
        report.ok(
            f"evcc {state.get('version', 'of unknown version')} answers at {settings.evcc.url} in {milliseconds:.0f} ms"
            f" ({era} state, {loadpoints} loadpoint{'' if loadpoints == 1 else 's'})"
        )
        if reason := fatal(state):
            report.fail(f"evcc reports an error in its configuration: {reason}")
        await _clock(client, report)
    await _push(settings, report)
    return state


async def _clock(client: Client, report: Report) -> None:
    began = time.time()
    try:
        reply = await client.call("GET", "/api/health")
    except EvccError as error:
        report.warn(f"evcc's clock cannot be read: {error}")
        return
    ahead = seconds_ahead(reply.date, began, time.time())
    if ahead is None:
        report.warn("evcc tells no time: its clock cannot be compared with this one")
    elif abs(ahead) <= _CLOCKS:
        report.ok("evcc's clock and this one agree")
    else:
        where = "ahead of" if ahead > 0 else "behind"
        report.warn(f"evcc's clock is {abs(ahead):.0f} s {where} this one: plans and times will be off by as much")


def seconds_ahead(date: str, began: float, ended: float) -> float | None:
    """How far, at least, a clock is ahead of ours that gave this HTTP date between two moments of ours.

    Negative: it is behind. None: it gave no date.
    """
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return None
    # the date is cut to the second: it was then, or up to a second later
    return max(theirs - ended, 0.0) + min(theirs + 1 - began, 0.0)


class _FirstFrame:
    """Listens to push until something is known about it."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[EvccError | None] = asyncio.get_running_loop().create_future()

    def push_up(self) -> None:
        """Being connected says little: a proxy may hold the connection and pass nothing on."""

    def frame(self, _: Mapping[str, Any]) -> None:
        self._settle(None)

    def push_down(self, reason: EvccError) -> None:
        self._settle(reason)

    def _settle(self, outcome: EvccError | None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


async def _push(settings: Settings, report: Report) -> None:
    if settings.evcc.push == "off":
        report.ok("push is switched off (evcc.push)")
        return
    first = _FirstFrame()
    async with TaskGroup() as group:
        push = group.create_task(Push(settings.evcc, first, lambda: settings.evcc.timeout).run(), name="push")
        reason = await first.outcome
        push.cancel()
    if reason is None:
        report.ok("evcc pushes its changes (/ws)")
    else:
        report.warn(f"no push, so evcc is asked every {settings.evcc.interval:g} s: {reason}")


async def _broker(settings: Settings, report: Report) -> None:
    probe = _Probe(settings.mqtt)
    try:
        async with probe.connection.open(probe.receive) as link:
            report.ok(f"the broker at {settings.mqtt.url} speaks MQTT {'5' if link.v5 else '3.1.1'}")
            if not link.limits.retain_available:
                report.fail("the broker stores no retained messages: clients will see nothing until it changes")
            await probe.round_trip(link, report)
    except BrokerError as error:
        report.fail(str(error))
        return
    _others(probe, report)


class _Probe:
    """A client of its own, beside a bridge that may be running, that tries to write and read below the root."""

    def __init__(self, settings: Mqtt) -> None:
        token = secrets.token_hex(4)
        self.root = settings.root
        self.topic = f"{settings.root}/{CHECK}{token}"
        self.seen: dict[str, bytes] = {}
        self.changed = asyncio.Event()
        own = settings.model_copy(update={"client_id": f"evcc-check-{token}"})
        self.connection = Connection(own, Message(self.topic, b""))

    def receive(self, message: Message) -> None:
        self.seen[message.topic] = message.payload
        self.changed.set()

    async def until(self, fulfilled: Callable[[], bool], seconds: float) -> bool:
        """Whether something becomes true within so many seconds of messages."""
        try:
            async with asyncio.timeout(seconds):
                while not fulfilled():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return False
        return True

    async def round_trip(self, link: Link, report: Report) -> None:
        """Publish a retained message, wait for it to come back, and erase it."""
        await link.subscribe(f"{self.root}/#", qos=0)
        refusal = await self._publish(link, b"check")
        there = not refusal and await self.until(lambda: self.seen.get(self.topic) == b"check", _ROUND_TRIP)
        if refusal:
            report.fail(f"the broker does not let us write below {self.root}: {refusal}")
        elif there:
            report.ok(f"writing and reading below {self.root} works")
        else:
            report.fail(f"what is published below {self.root} does not come back: reading or writing is not allowed")
        await self._publish(link, b"")

    async def _publish(self, link: Link, payload: bytes) -> str | None:
        """Publish to our own topic and wait for the broker's word on it: the reason to refuse, or None."""
        outcome: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def done(refusal: str | None) -> None:
            if not outcome.done():
                outcome.set_result(refusal)

        link.send(Message(self.topic, payload, retain=True), done)
        try:
            return await asyncio.wait_for(outcome, _ROUND_TRIP)
        except TimeoutError:
            return "it does not acknowledge what we publish"


def _others(probe: _Probe, report: Report) -> None:
    stored = {topic.removeprefix(f"{probe.root}/") for topic, payload in probe.seen.items() if payload}
    status = probe.seen.get(f"{probe.root}/status", b"").decode(errors="replace")
    if "bridge/info" in stored:
        report.ok(f"a bridge publishes below {probe.root}: {len(stored)} topics, {status or 'without a status'}")
    elif any(topic.startswith(("site/", "loadpoints/")) for topic in stored):
        report.warn(
            f"below {probe.root} there are topics of evcc's own MQTT: switch that off, the bridge takes them over"
        )
    else:
        report.ok(f"nothing is published below {probe.root} yet")


def _own_mqtt(settings: Settings, state: State, report: Report) -> None:
    """evcc tells how its own MQTT is set up; by which name it knows the broker says nothing for certain."""
    own = state.get("mqtt")
    broker, root = (own.get("broker"), own.get("topic")) if isinstance(own, Mapping) else (None, None)
    if not broker:
        report.ok("evcc's own MQTT is off")
    elif root == settings.mqtt.root:
        report.warn(
            f"evcc's own MQTT publishes at {broker} below {root}: if that is this broker, choose another mqtt.root"
            " or switch it off"
        )
    else:
        report.ok(f"evcc's own MQTT publishes elsewhere: at {broker} below {root}")


async def _quick(settings: Settings, report: Report) -> None:
    probe = _Probe(settings.mqtt)
    wanted = [f"{probe.root}/{leaf}" for leaf in ("status", "updated")]
    try:
        async with probe.connection.open(probe.receive) as link:
            for topic in wanted:
                await link.subscribe(topic, qos=0)
            await probe.until(lambda: probe.seen.keys() >= {*wanted}, _QUICK)
    except BridgeError as error:
        report.fail(str(error))
        return
    status, updated = (probe.seen.get(topic, b"").decode(errors="replace") for topic in wanted)
    age = time.time() - int(updated) if updated.isdecimal() else None
    if status != "online":
        report.fail(f"{wanted[0]} is {status or 'not there'}")
    elif age is None or age > _oldest(settings):
        report.fail(f"{wanted[1]} is {'not there' if age is None else f'{age:.0f} s old'}")
    else:
        report.ok(f"online, updated {max(age, 0):.0f} s ago")


def _oldest(settings: Settings) -> float:
    """Seconds since the last moment evcc was known fresh that are no reason to worry."""
    return _POLLS_MISSED * max(settings.evcc.interval, settings.evcc.push_interval) + settings.evcc.timeout
