"""Lends settings for a time: begins, renews, repeats and ends leases, and keeps them in `bridge/leases`."""

import asyncio
import math
import time
from dataclasses import replace
from typing import Any, NamedTuple

import structlog

from bridge.commands.blocked import CONFLICT
from bridge.commands.command import Command, Outcome, Recent, Status
from bridge.commands.leases import MOST_OLDER, REPEATED, Lease, Leases
from bridge.errors import Refused
from bridge.evcc.reader import Reader
from bridge.mqtt.mirror import Mirror
from bridge.settable import modes
from bridge.settable.loan import Loan, check_before, is_same, item_in_force, value_in, value_of, written
from bridge.settable.lookup import Found, find
from bridge.settable.offered import exists
from bridge.settable.setting import Item, no_such
from bridge.settable.value import Clear, Context
from bridge.state.state import ABSENT, State

LEASES = "bridge/leases"
"""The topic that holds the leases in force, also over restarts."""
_AGAIN = 300.0  # seconds until a setting that could not be given back is tried again
_TICK, _SOON = 1.0, 0.1


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

    @property
    def pause(self) -> float:
        """The seconds until the next look at what is borrowed: few while evcc is read before something goes back."""
        polls = self._reader.polls
        return _SOON if any(lease.polls is not None and polls < lease.polls for lease in self._leases) else _TICK

    async def load(self) -> None:
        """Take over the leases of an earlier run, once there is a connection and no other bridge is active."""
        stored = await self._mirror.stored(LEASES)
        while self._mirror.silent:
            await asyncio.sleep(_TICK)
            stored = await self._mirror.stored(LEASES)
        self._leases.load(stored, asyncio.get_running_loop().time(), time.time())
        self._loaded = True
        self._publish()

    def lease(self, command: Command, loan: Loan | None, context: Context, recent: Recent | None) -> Lease | None:
        """The lease that a client's command asks for; None where it asks for none. Refused when there can be none.

        `recent` is what evcc has just been set to.
        """
        found = command.found
        if found is None or command.value is None:
            return None
        lapses, value = found.setting.lapses, value_of(found, command.value)
        if loan is None:
            kept = self._keep and lapses and not isinstance(command.value, Clear)
            return Lease(found.topic, value, None, math.inf, math.inf, lapses=True) if kept else None
        values = [self._shown(found, value, recent.state), *_set(found, context, recent)] if recent else []
        shown = self._shown(found, value, context.state)
        before = self._before(found, value, context, shown, values)
        older = (*self._older(found.topic), *values, shown)[-MOST_OLDER:]
        return Lease(found.topic, value, before, loan.seconds, command.arrived + loan.seconds, lapses, older=older)

    def begin(self, lease: Lease) -> None:
        """Note a lease before its command is queued: should the bridge end at once, it is known."""
        self._leases.begin(lease)
        self._publish()

    def asked(self, command: Command) -> None:
        """Note a command without a lease before it is queued: evcc may do it and not answer."""
        if command.found is not None and command.value is not None:
            self._leases.asked(command.found.topic, value_of(command.found, command.value))

    def answered(self, command: Command, outcome: Outcome) -> None:
        """Note what became of a command."""
        if command.found is None:
            return
        now, status = asyncio.get_running_loop().time(), outcome.status
        if command.lease is None:
            if status is Status.OK or command.tried:
                value = value_of(command.found, command.value)
                self._leases.overrule(command.found.topic, value, sure=status is Status.OK)
        elif command.message is None:
            self._sent(command, command.lease, outcome, now)
        elif status in {Status.OK, Status.FAILED} or command.tried:
            self._is_in_force(command.lease, self._value(command.lease))  # it may have waited for evcc
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
        self._log.warning("a borrowed setting cannot be kept or restored", topic=lease.topic, error=reason)

    def _before(self, found: Found, word: Any, context: Context, shown: Any, recent: list[Any]) -> Any:
        """What goes back: the value from before the first of several leases; Refused where there is none.

        `shown` is evcc's value by its state, `recent` what that may have shown before what evcc has just been set to.
        """
        part, version = context.part, context.state.version
        lease = known = self._leases.get(found.topic)
        while lease is not None and lease.granted is not None and not self._is_in_force(lease, self._value(lease)):
            lease = self._leases.get(found.topic)
        if lease is not None:
            before = lease.value if math.isinf(lease.ends) else lease.before
        elif context.state and not exists(found.setting, part, version):
            raise Refused(no_such(found.setting))
        else:
            is_old = known is None and any(is_same(shown, older) for older in recent[:-1])
            before = recent[-1] if is_old else shown
        if modes.is_older(found, word, part, version):
            modes.check_lendable(word, part)
            before = modes.in_older_words(before, part)
        check_before(found, before, context)
        return before

    def _older(self, topic: str) -> tuple[Any, ...]:
        """What evcc's state may still show of an earlier lease."""
        lease = self._leases.get(topic)
        if lease is None:
            return ()
        return (lease.value,) if lease.seen else (*lease.older, lease.value)

    def _shown(self, found: Found, word: Any, state: State) -> Any:
        """What a state shows of a setting, in the words of a borrowed value; ABSENT where it lists no such target."""
        part = state.find(found.target)
        if part is None:
            return ABSENT
        value = value_in(found, part)
        return modes.in_older_words(value, part) if modes.is_older(found, word, part, state.version) else value

    def _sent(self, command: Command, lease: Lease, outcome: Outcome, now: float) -> None:
        """Note what became of a command of the bridge itself."""
        lease.repeated = now
        if outcome.http == CONFLICT:
            if not lease.blocked:
                self._log.warning("a borrowed setting cannot be set now", topic=lease.topic, error=outcome.error)
            lease.blocked = True
        elif outcome.status is Status.REFUSED:
            self.drop(lease, outcome.error or "")
        elif outcome.status is Status.OK and not command.repeats:
            self._leases.end(lease)
            self._log.info("a borrowed setting is given back", topic=lease.topic, value=lease.before)
            if self._keep and lease.lapses and lease.before is not None:
                kept = Lease(lease.topic, lease.before, None, math.inf, math.inf, lapses=True)
                self._leases.begin(kept)
                self._leases.grant(kept, now, sure=True)

    def _turn(self, lease: Lease) -> Turn | None:
        if not self._reader.state:
            return None
        now, value = asyncio.get_running_loop().time(), self._value(lease)
        if not self._is_in_force(lease, value) or lease.granted is None:
            return None
        if now >= lease.ends:
            is_early = lease.blocked and now - lease.repeated < _AGAIN
            return None if is_early else self._give_back(lease, value)
        if lease.lapses and now - lease.repeated >= REPEATED:
            return Turn(lease, written(lease.value), repeats=True)
        return None

    def _is_in_force(self, lease: Lease, value: Any) -> bool:
        """Whether nobody else has changed a setting that is borrowed, as far as its present value shows that."""
        settled = self._reader.complete and self._reader.settled
        if self._leases.observe(lease, value, asyncio.get_running_loop().time(), settled=settled):
            return True
        self._log.info("a borrowed setting was changed by another", topic=lease.topic)
        return False

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
        lease.lapses, lease.clears = found.setting.lapses, bool(found.setting.clear)
        return self._shown(found, lease.value, self._reader.state)

    def _publish(self) -> None:
        payload = self._leases.dump(asyncio.get_running_loop().time(), time.time())
        if self._loaded and payload != self._published:
            self._published = payload
            self._mirror.tree.set(LEASES, {LEASES: payload} if payload else {})


def _set(found: Found, context: Context, recent: Recent) -> list[Any]:
    """What evcc has just been set to, the newest last; of a list, what that made of one of its entries."""
    if isinstance(found.setting.kind, Item):
        return [item_in_force(found, replace(context, asked=value)) for value in recent.values]
    return [value_of(found, value) for value in recent.values]
