"""The inbox: every `/set` message becomes the right call to evcc, and gets exactly one answer."""

import asyncio
import time
from asyncio import TaskGroup
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

import orjson
import structlog

from bridge.commands.answer import STALE, STOPPING, SUPERSEDED, Outcome, Status, fields_of
from bridge.commands.call import Target, call_for
from bridge.commands.find import find, is_evccs
from bridge.commands.keeper import Keeper
from bridge.commands.lane import Command, Lane
from bridge.commands.listing import targets
from bridge.commands.pace import Pace
from bridge.commands.permission import Permission
from bridge.commands.quota import Quota
from bridge.commands.sender import Sender, no_such
from bridge.commands.text import shown
from bridge.commands.value import Context
from bridge.commands.values import read
from bridge.errors import Refused
from bridge.evcc.client import Caller
from bridge.mqtt.message import Message
from bridge.settable.setting import Scope
from bridge.settings import Commands

LAST = "bridge/command"
_SET = "/set"
# before evcc has said which loadpoints and vehicles there are, anything could be one
_MOST_LANES = 1000
_MOST_SHOWN = 300


class Outlet(Protocol):
    """Where answers go; nothing here blocks or raises."""

    def send(self, message: Message) -> None:
        """Publish a message that is not retained."""

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        """Publish to the absolute topic that a client named; False where no answer may go."""

    def want(self, source: str, topics: Mapping[str, bytes]) -> None:
        """Say which retained topics there are to be, whole."""

    def erase(self, topic: str) -> None:
        """Erase a retained message that is not the bridge's own."""


class Inbox:
    """Takes `/set` messages and brings them to evcc.

    `state` gives evcc's newest state, `ready` whether it is complete. `done` is called after each success: the new
    value is there to be read. `by_title` gives the target of a slug below `by-title/`.
    """

    def __init__(  # noqa: PLR0913  everything that the outside is, given from outside
        self,
        evcc: Caller,
        state: Callable[[], Mapping[str, Any]],
        outlet: Outlet,
        settings: Commands,
        zone: tzinfo,
        *,
        ready: Callable[[], bool] = lambda: True,
        done: Callable[[], None] = lambda: None,
        by_title: Callable[[str], Target | None] | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.counts: Counter[Status] = Counter()
        self._state = state
        self._outlet = outlet
        self._settings = settings
        self._zone = zone
        self._done = done
        self._by_title = by_title
        self._now = now
        self._monotonic = monotonic
        self._permission = Permission.of(settings)
        self._sender = Sender(evcc, ready, self._finish, Pace(settings.rate, monotonic, sleep), monotonic, sleep)
        self._keeper = Keeper(self._add, monotonic, sleep) if settings.keep_battery_mode else None
        self._lanes: dict[Target, Lane] = {}
        self._group: TaskGroup | None = None
        self._stopped = False
        self._log = structlog.get_logger()
        self._quota = Quota()

    @property
    def missing(self) -> frozenset[tuple[Scope, str]]:
        """The settings that this evcc turned out not to have."""
        return frozenset(self._sender.missing)

    def receive(self, message: Message, *, stale: bool = False) -> None:
        """Take a message on a topic that ends with `/set`; never blocks, never raises.

        `stale`: the broker kept it while nobody listened, so it is answered and not executed.
        """
        if not message.topic.endswith(_SET) or not message.payload:
            return
        if stale and not is_evccs(message.topic):  # it is kept for somebody else, and stays
            return
        if stale and self._has(message):
            self._outlet.erase(message.topic)
            return
        if stale or self._stopped:
            self._answer(message, self._monotonic(), STALE if stale else STOPPING)
            return
        arrived = self._monotonic()
        try:
            self._take(self._command(message, arrived))
        except Refused as error:
            self._answer(message, arrived, Outcome(Status.REFUSED, str(error)))

    async def run(self) -> None:
        """Bring commands to evcc until cancelled; what is not answered then, gets its answer."""
        try:
            async with TaskGroup() as group:
                self._group = group
                for target, lane in self._lanes.items():
                    self._start(target, lane)
                await (self._keeper.run() if self._keeper else asyncio.Event().wait())
        finally:
            self._group = None
            self.stop()

    def stop(self) -> None:
        """Answer every command that has no answer yet; those to come are answered likewise."""
        self._stopped = True
        for lane in self._lanes.values():
            for command in lane.drain():
                self._finish(command, STOPPING)

    def evcc_restarted(self) -> None:
        """Forget which settings evcc does not have: it may be another release now."""
        self._sender.missing.clear()

    def _has(self, message: Message) -> bool:
        """Whether a command is here already: it came live, before the connection was lost, and will have its answer."""
        here = (command.message for lane in self._lanes.values() for command in lane.commands())
        return any(one and (one.topic, one.payload) == (message.topic, message.payload) for one in here)

    def _command(self, message: Message, arrived: float) -> Command:
        if len(message.payload) > self._settings.max_payload:
            size = len(message.payload)
            raise Refused(f"{size} bytes are too many: {self._settings.max_payload} are read (commands.max_payload)")
        state = self._state()
        found = find(message.topic, state, self._by_title)
        self._permission.check(found.topic, message.topic.removesuffix(_SET))
        if (found.setting.scope, found.setting.leaf) in self._sender.missing:
            raise Refused(no_such(found.setting))
        moment = datetime.fromtimestamp(self._now(), UTC)
        lane = self._lanes.get(found.target, Lane())
        part = dict(targets(state)).get(found.target, {})
        context = Context(moment, self._zone, state, part, lane.asked(found.setting.leaf))
        value = read(found.setting, message.payload, context)
        patience = self._settings.deadline
        if message.expiry is not None:
            patience = min(patience, message.expiry)
        call = call_for(found.setting, found.target, value)
        return Command(found, value, call, arrived, arrived + patience, message)

    def _take(self, command: Command) -> None:
        if self._settings.dry_run:
            self._finish(command, Outcome(Status.REFUSED, "dry run: evcc was not called (commands.dry_run)"))
            return
        if command.found.target not in self._lanes and len(self._lanes) >= _MOST_LANES:
            raise Refused(f"commands for {len(self._lanes)} loadpoints and vehicles wait already")
        if self._keeper is not None:
            self._keeper.came(command)
        self._add(command)

    def _add(self, command: Command) -> None:
        target = command.found.target
        lane = self._lanes.get(target)
        if lane is not None:
            if older := lane.add(command):
                self._finish(older, SUPERSEDED)
            return
        lane = self._lanes[target] = Lane()
        lane.add(command)
        self._start(target, lane)

    def _start(self, target: Target, lane: Lane) -> None:
        if self._group is not None:
            self._group.create_task(self._work(target, lane), name=f"commands to {target.path}")

    async def _work(self, target: Target, lane: Lane) -> None:
        await self._sender.work(lane)
        del self._lanes[target]

    def _finish(self, command: Command, outcome: Outcome) -> None:
        if command.message is not None:
            self._answer(command.message, command.arrived, outcome, command)
        if self._keeper is not None:
            self._keeper.ended(command, outcome)
        if outcome.status is Status.OK:
            self._done()

    def _answer(self, message: Message, arrived: float, outcome: Outcome, command: Command | None = None) -> None:
        now = self._monotonic()
        value = command.value if command else shown(message.payload[:_MOST_SHOWN].decode(errors="replace"))
        fields = fields_of(outcome, value, command.call if command else None, (now - arrived) * 1000)
        payload = orjson.dumps(fields)
        topic = message.topic.removesuffix(_SET)
        self.counts[outcome.status] += 1
        self._outlet.send(Message(f"{topic}/result", payload))
        if message.response_topic is not None:
            self._outlet.respond(message.response_topic, payload, message.correlation)
        self._outlet.want(LAST, {LAST: orjson.dumps({"topic": topic, **fields})})
        if message.retain and is_evccs(message.topic):
            self._outlet.erase(message.topic)
        if self._quota.allows(now):
            self._report(topic, fields)

    def _report(self, topic: str, fields: Mapping[str, Any]) -> None:
        level = "info" if fields["status"] in {Status.OK, Status.SUPERSEDED} else "warning"
        said = {key: fields[key] for key in ("status", "value", "call", "error", "ms") if fields[key] is not None}
        unsaid = self._quota.take_unsaid()
        getattr(self._log, level)("command", topic=topic, **said, **({"unsaid": unsaid} if unsaid else {}))
