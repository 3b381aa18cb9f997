"""Every `/set` message becomes the right call to evcc, and gets exactly one answer."""

import asyncio
import time
from asyncio import TaskGroup
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bridge.commands.answer import Answers, Journal
from bridge.commands.command import DRY_RUN, LATE, STOPPING, STORED, TOO_MANY, Command, Outcome, Status
from bridge.commands.lender import Lender, Turn
from bridge.commands.queue import Missing, Queue, RateLimit, call_for
from bridge.errors import Refused
from bridge.evcc.client import EvccClient
from bridge.evcc.reader import Reader, Update
from bridge.mqtt.message import Inbound
from bridge.mqtt.mirror import Mirror
from bridge.settable import modes
from bridge.settable.loan import SPAN, loan
from bridge.settable.lookup import ROWS, find, is_evccs
from bridge.settable.permission import FREE, Permission
from bridge.settable.read import read
from bridge.settable.setting import no_such
from bridge.settable.value import Context
from bridge.settings import Commands
from bridge.state.state import Change, Scope, Target
from bridge.util.diagnostics import Diagnostics

CALLS_A_SECOND = 50.0
"""How many calls of evcc commands make at most, on average."""
LONGEST_PAYLOAD = 65_536
"""The longest command that is read, in bytes."""

_SET = "/set"
# before evcc has answered, anything could be a loadpoint or a vehicle
_MOST_QUEUES = 1000
# seconds without another dropped command after which the problem is over
_EXCESS_OVER = 10.0


class Dispatcher:
    """Takes the commands that arrive on `…/set` and brings them to evcc: each target has its queue."""

    def __init__(
        self, client: EvccClient, reader: Reader, mirror: Mirror, settings: Commands, diagnostics: Diagnostics
    ) -> None:
        self._client = client
        self._reader = reader
        self._mirror = mirror
        self._settings = settings
        self._diagnostics = diagnostics
        self._zone = settings.zone()
        self._permission = Permission.of(settings)
        self._limited = self._permission != FREE
        self._lender = Lender(reader, mirror, keep=settings.keep_battery_mode)
        self._answers = Answers(mirror, self._lender)
        self._rate = RateLimit(CALLS_A_SECOND)
        self._missing: Missing = set()
        self._queues: dict[Target, Queue] = {}
        self._excess = asyncio.Event()
        self._group: TaskGroup | None = None
        self._stopping = False

    @property
    def counts(self) -> Counter[Status]:
        """How many commands had which answer."""
        return self._answers.counts

    @property
    def journal(self) -> Journal:
        """The last commands with their answers."""
        return self._answers.journal

    @property
    def missing(self) -> frozenset[tuple[Scope, str]]:
        """The settings that this evcc turned out not to have."""
        return frozenset(self._missing)

    @property
    def blocked(self) -> Mapping[str, str]:
        """The settings that evcc does not let be set now, by topic, with its reasons."""
        return self._answers.blocked.reasons

    def update(self, update: Update) -> None:
        """Forget after a restart of evcc which settings it does not have: it may be another release now.

        Queues note what evcc's state shows by now.
        """
        for queue in self._queues.values():
            queue.update(self._reader.state)
        if update.restarted:
            self._missing.clear()
        if update.restarted or any(map(_is_optimizers, update.changes)):
            self._answers.blocked.clear()

    async def run(self) -> None:
        """Bring commands to evcc until cancelled; then every command that has arrived has its answer."""
        try:
            async with TaskGroup() as group:
                self._group = group
                group.create_task(self._report_excess(), name="excess of commands")
                if not self._settings.dry_run:
                    group.create_task(self._lend(), name="leases")
                async for message in self._mirror.commands:
                    await self._answers.room()
                    self._take(message)
        finally:
            self._group = None
            self.stop()

    async def set(self, topic: str, payload: bytes, origin: str) -> dict[str, Any]:
        """Carry out a command that did not come by MQTT, for a topic below the root without `/set`; its answer.

        Refused where another bridge is active below this root.
        """
        if self._mirror.silent:
            raise Refused("another bridge is active below this root")
        loop = asyncio.get_running_loop()
        message = Inbound(f"{topic}{_SET}", payload, arrived=loop.time())
        answered: asyncio.Future[dict[str, Any]] = loop.create_future()
        deadline = message.arrived + self._settings.deadline
        self._accept(Command(message, message.arrived, deadline, origin=origin, answered=answered), message)
        return await answered

    def stop(self) -> None:
        """Answer every command without an answer; `run` goes on answering those that come, and carries none out.

        To be called again after `run` has ended, for those that came since.
        """
        self._stopping = True
        for message in self._mirror.commands.drain():
            self._take(message)
        for queue in self._queues.values():
            queue.stop()

    def _take(self, message: Inbound) -> None:
        """Queue a command, or answer it."""
        if message.excess:
            self._excess.set()
        elif not message.payload or (message.stale and self._is_left(message)):
            return
        self._accept(Command(message, message.arrived, message.arrived + self._time_limit(message)), message)

    def _accept(self, command: Command, message: Inbound) -> None:
        outcome = self._hindrance(command)
        if outcome is None:
            try:
                self._read(command, message.topic, message.payload)
                outcome = self._queue(command)
            except Refused as error:
                outcome = Outcome(Status.REFUSED, str(error))
        if outcome is not None:
            self._answers.give(command, outcome)

    def _is_left(self, message: Inbound) -> bool:
        """Whether a stored message needs no answer: it is not for evcc, and stays, or is carried out already."""
        if not is_evccs(message.topic):
            return True
        try:
            queue = self._queues.get(find(message.topic, self._reader.state).target)
        except Refused:
            return False
        if queue is None or not queue.has(message):
            return False
        self._mirror.erase(message.topic)
        return True

    def _time_limit(self, message: Inbound) -> float:
        """The seconds from its arrival in which a command must be carried out."""
        return min(self._settings.deadline, self._settings.deadline if message.expiry is None else message.expiry)

    def _hindrance(self, command: Command) -> Outcome | None:
        """Why a command is not even read."""
        message = command.message
        if message is not None and message.excess:
            return TOO_MANY
        if message is not None and message.stale:
            return STORED
        if self._stopping:
            return STOPPING
        return LATE if asyncio.get_running_loop().time() >= command.deadline else None

    def _read(self, command: Command, topic: str, payload: bytes) -> None:
        """Find a command's setting and read its value; Refused when it makes no sense."""
        size = len(payload)
        if size > LONGEST_PAYLOAD:
            raise Refused(f"{size} bytes are too many: at most {LONGEST_PAYLOAD} are read")
        state = self._reader.state
        found = command.found = find(topic, state)
        setting = found.setting
        if self._limited:
            self._permission.check(found, topic.removesuffix(_SET))
        if (setting.scope, setting.leaf) in self._missing:
            raise Refused(no_such(setting))
        queue = self._queues.get(found.target)
        context = Context(
            datetime.fromtimestamp(time.time(), UTC),
            self._zone,
            state,
            found.target,
            None if queue is None else queue.asked(setting),
            found.entry,
        )
        borrowed = loan(found, payload) if SPAN in payload else None
        command.value = read(setting, borrowed.payload if borrowed else payload, context)
        contract = self._reader.contract
        if contract is not None and contract.release >= modes.SINCE:
            self._translate(command, context, queue)
        command.call = call_for(command.found, command.value)
        if command.message is not None and (borrowed is not None or command.found.setting.lapses):
            recent = None if queue is None else queue.recent(command.found.setting)
            command.lease = self._lender.lease(command, borrowed, context, recent)

    def _translate(self, command: Command, context: Context, queue: Queue | None) -> None:
        """Make of a newer release's modes what evcc has; Refused where it has none, or where that may not be set."""
        if command.found is None or command.value is None:
            return
        row = ROWS[command.found.target.scope].get(modes.MODE)
        asked = None if queue is None or row is None else queue.asked(row)
        command.found, command.value = modes.for_evcc(command.found, command.value, replace(context, asked=asked))
        if self._limited:
            self._permission.check(command.found, command.found.topic)

    def _queue(self, command: Command) -> Outcome | None:
        """Give a command to its target's queue; or the outcome where it is not to be carried out."""
        if self._settings.dry_run:
            return DRY_RUN
        if command.lease is not None:
            self._lender.begin(command.lease)
        elif self._lender.leases:
            self._lender.asked(command)
        self._add(command)
        return None

    def _add(self, command: Command) -> None:
        if command.found is None or self._group is None:
            return
        target = command.found.target
        queue = self._queues.get(target)
        if queue is None:
            if len(self._queues) >= _MOST_QUEUES:
                raise Refused(f"too many loadpoints and vehicles have waiting commands ({len(self._queues)})")
            queue = self._queues[target] = Queue(self._client, self._reader, self._answers, self._rate, self._missing)
            self._group.create_task(self._work(target, queue), name=f"commands to {target.scope}/{target.name}")
        queue.add(command)

    async def _work(self, target: Target, queue: Queue) -> None:
        await queue.run()
        del self._queues[target]

    async def _lend(self) -> None:
        """Send again what lapses, and give back what was borrowed."""
        await self._lender.load()
        while True:
            await asyncio.sleep(self._lender.pause)
            for turn in self._lender.turns():
                self._send(turn)

    def _send(self, turn: Turn) -> None:
        """Queue a command of the bridge itself, unless one for the same setting is under way."""
        now = asyncio.get_running_loop().time()
        command = Command(None, now, now + self._settings.deadline, lease=turn.lease, repeats=turn.repeats)
        try:
            self._read(command, f"{turn.lease.topic}{_SET}", turn.payload)
            queue = None if command.found is None else self._queues.get(command.found.target)
            if queue is None or not queue.is_busy(command):
                self._add(command)
        except Refused as error:
            self._lender.drop(turn.lease, str(error))

    async def _report_excess(self) -> None:
        while True:
            await self._excess.wait()
            self._diagnostics.set("commands", "more commands arrive than can be answered: some were dropped")
            while self._excess.is_set():
                self._excess.clear()
                await asyncio.sleep(_EXCESS_OVER)
            self._diagnostics.set("commands", None)


def _is_optimizers(change: Change) -> bool:
    """Whether the optimizer was switched on or off, or is to aim at something else."""
    return change.target.scope is Scope.SITE and change.key.startswith("optimizer")
