"""Lends settings for a time: begins, renews, repeats and ends leases, and keeps them in `bridge/leases`."""

import asyncio
import math
import time
from typing import Any, NamedTuple

import structlog

from bridge.commands.command import Command, Outcome, Status
from bridge.commands.leases import REPEATED, Lease, Leases
from bridge.errors import Refused
from bridge.evcc.reader import Reader
from bridge.mqtt.mirror import Mirror
from bridge.settable.loan import Loan, check_words, is_same, value_before, value_in, value_of, written
from bridge.settable.lookup import Found, find
from bridge.settable.value import Clear, Context
from bridge.state.state import ABSENT

LEASES = "bridge/leases"
"""The topic that holds the leases in force, also over restarts."""
_TICK = 1.0


class Turn(NamedTuple):
    """A command that the bridge is to send by itself: `repeats` the borrowed value, or gives it back."""

    lease: Lease
    payload: bytes
    repeats: bool


class Lender:
    """Keeps the leases: what is borrowed, by whom evcc was changed meanwhile, and what goes back when.

    `keep`: a battery mode that is set without a lease is sent again until it is cleared (`commands.keep_battery_mode`).
    """

    def __init__(self, reader: Reader, mirror: Mirror, *, keep: bool) -> None:
        self._reader = reader
        self._mirror = mirror
        self._keep = keep
        self._leases = Leases()
        self.leases = self._leases.by_topic
        """The leases in force, by their settings' topics."""
        self._loaded = False
        self._published = b""
        self._log = structlog.get_logger()

    async def load(self) -> None:
        """Take over the leases of an earlier run, once there is a connection and no other bridge is active."""
        stored = await self._mirror.stored(LEASES)
        while self._mirror.silent:
            await asyncio.sleep(_TICK)
            stored = await self._mirror.stored(LEASES)
        self._leases.load(stored, asyncio.get_running_loop().time(), time.time())
        self._loaded = True
        self._publish()

    def lease(self, command: Command, loan: Loan | None, context: Context) -> Lease | None:
        """The lease that a client's command asks for; None where it asks for none. Refused when there can be none."""
        found = command.found
        if found is None or command.value is None:
            return None
        lapses, value = found.setting.lapses, value_of(found, command.value)
        if loan is None:
            kept = self._keep and lapses and not isinstance(command.value, Clear)
            return Lease(found.topic, value, None, math.inf, math.inf, lapses=True) if kept else None
        check_words(found, command.value, context.part)
        before, ends = self._before(found, context), command.arrived + loan.seconds
        return Lease(found.topic, value, before, loan.seconds, ends, lapses)

    def begin(self, lease: Lease) -> None:
        """Note a lease before its command is queued: should the bridge end at once, it is known."""
        self._leases.begin(lease)
        self._publish()

    def answered(self, command: Command, outcome: Outcome) -> None:
        """Note what became of a command."""
        if command.found is None:
            return
        now, status = asyncio.get_running_loop().time(), outcome.status
        if command.lease is None:
            if status is Status.OK:
                self._leases.overrule(command.found.topic, value_of(command.found, command.value))
        elif command.message is None:
            self._sent(command, command.lease, outcome, now)
        elif status in {Status.OK, Status.FAILED}:
            self._leases.grant(command.lease, now, sure=status is Status.OK)
        else:
            self._leases.withdraw(command.lease)
        self._publish()

    def turns(self) -> list[Turn]:
        """What is to be sent now: values that lapse, and those from before of leases that are over."""
        if not self._loaded or self._mirror.silent:
            return []
        turns = [turn for lease in self._leases if (turn := self._turn(lease))]
        self._publish()
        return turns

    def drop(self, lease: Lease, reason: str) -> None:
        """End a lease whose value cannot go back."""
        self._leases.end(lease)
        self._log.warning("a setting is not held or given back", topic=lease.topic, error=reason)

    def _before(self, found: Found, context: Context) -> Any:
        """What goes back: the value from before the first of several leases."""
        lease = self._leases.get(found.topic)
        if lease is None:
            return value_before(found, context)
        return lease.value if math.isinf(lease.ends) else lease.before

    def _sent(self, command: Command, lease: Lease, outcome: Outcome, now: float) -> None:
        """Note what became of a command of the bridge itself."""
        lease.repeated = now
        if outcome.status is Status.REFUSED:
            self.drop(lease, outcome.error or "")
        elif outcome.status is Status.OK and not command.repeats:
            self._leases.end(lease)
            self._log.info("a borrowed setting is given back", topic=lease.topic, value=lease.before)
            if self._keep and lease.lapses and lease.before is not None:
                kept = Lease(lease.topic, lease.before, None, math.inf, math.inf, lapses=True)
                self._leases.begin(kept)
                self._leases.grant(kept, now, sure=True)

    def _turn(self, lease: Lease) -> Turn | None:
        if lease.granted is None or not self._reader.state:
            return None
        now, value = asyncio.get_running_loop().time(), self._value(lease)
        settled = self._reader.complete and self._reader.settled
        if not self._leases.observe(lease, value, now, settled=settled):
            self._log.info("a borrowed setting was changed by another", topic=lease.topic)
            return None
        if now >= lease.ends:
            return self._give_back(lease, value)
        if lease.lapses and now - lease.repeated >= REPEATED:
            return Turn(lease, written(lease.value), repeats=True)
        return None

    def _give_back(self, lease: Lease, value: Any) -> Turn | None:
        """What gives a lease back, once a state that was read after its end still shows the borrowed value."""
        if is_same(lease.value, lease.before):
            self._leases.end(lease)
        elif self._reader.complete and self._is_read_again(lease):
            if is_same(value, lease.value):
                return Turn(lease, written(lease.before), repeats=False)
            if lease.lapses:
                self._leases.end(lease)
        return None

    def _is_read_again(self, lease: Lease) -> bool:
        """Whether evcc's state was read from beginning to end since this was first asked."""
        polls = self._reader.polls
        if lease.polls is None:
            lease.polls = polls + 2  # one may have begun before
        if polls < lease.polls:
            self._reader.refresh()
        return polls >= lease.polls

    def _value(self, lease: Lease) -> Any:
        """What evcc's state shows; ABSENT for a loadpoint or vehicle that it does not list."""
        try:
            found = find(f"{lease.topic}/set", self._reader.state)
        except Refused:
            return ABSENT
        part = self._reader.state.find(found.target)
        lease.lapses = found.setting.lapses
        return ABSENT if part is None else value_in(found, part)

    def _publish(self) -> None:
        payload = self._leases.dump(asyncio.get_running_loop().time(), time.time())
        if self._loaded and payload != self._published:
            self._published = payload
            self._mirror.tree.set(LEASES, {LEASES: payload} if payload else {})
