"""The commands of one target: sent to evcc one after another, tried again while it does not answer."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

from bridge.commands.answer import Answers
from bridge.commands.command import STOPPING, SUPERSEDED, Command, Outcome, Recent, Status
from bridge.errors import Invalid, Refused, Unreachable
from bridge.evcc.client import Call, EvccClient, Reply, Verdict
from bridge.evcc.reader import Reader
from bridge.mqtt.message import Inbound
from bridge.settable.loan import is_same, value_in, value_of
from bridge.settable.lookup import Found
from bridge.settable.offered import exists
from bridge.settable.setting import Item, Setting, no_such
from bridge.settable.value import Clear, Value, shown
from bridge.state.state import Scope, State
from bridge.util.backoff import Backoff

# seconds between two attempts
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
# seconds within which a state that is read may not show what evcc has been set to
_UNSEEN = 2.0
_MOST_RECENT = 100  # values of one setting, as many as all calls in that time
_SHORTEST_SLEEP = 0.001
# the names that evcc's routes accept: with another one, the 404 does not mean that the setting is missing
_ROUTED = re.compile(r"[a-zA-Z0-9_.:-]*")

Missing = set[tuple[Scope, str]]
"""Settings, by scope and leaf, that this evcc turned out not to have."""


class RateLimit:
    """At most `rate` calls a second on average, by all queues together; a second's worth may come at once."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = asyncio.get_running_loop().time()
        turn = max(self._next, now - 1 + self._gap)
        self._next = turn + self._gap
        if turn - now > _SHORTEST_SLEEP:
            await asyncio.sleep(turn - now)


class Queue:
    """Commands that wait for their turn, the newest one of each setting, and the one that evcc has now."""

    def __init__(self, client: EvccClient, reader: Reader, answers: Answers, rate: RateLimit, missing: Missing) -> None:
        self._client = client
        self._reader = reader
        self._answers = answers
        self._rate = rate
        self._missing = missing
        self._waiting: dict[tuple[str, int], Command] = {}
        self._current: Command | None = None
        self._arrival = asyncio.Event()
        self._recent: dict[str, Recent] = {}
        self._backoff: Backoff | None = None
        self._problem = ""  # why evcc did not carry out the last one

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, command: Command) -> None:
        """Queue a command behind all others; an older one of the same setting is superseded."""
        older = self._waiting.pop(_key(command), None)
        self._waiting[_key(command)] = command
        self._arrival.set()
        if older is not None:
            self._answers.give(older, SUPERSEDED)

    def has(self, message: Inbound) -> bool:
        """Whether the same message is here already: it came live, before the connection was lost."""
        here = (command.message for command in self._commands())
        return any(one and (one.topic, one.payload) == (message.topic, message.payload) for one in here)

    def asked(self, setting: Setting) -> Value | Clear | None:
        """What was last asked of a setting that evcc's state may not show yet; None where it shows all."""
        for command in reversed(list(self._commands())):
            if _found(command).setting.path == setting.path:
                return command.value
        recent = self.recent(setting)
        return recent.values[-1] if recent else None

    def recent(self, setting: Setting) -> Recent | None:
        """What evcc has been set to that its state may not show yet; None where it shows all."""
        recent = self._recent.get(setting.path)
        return recent if recent and self._reader.health.seen < recent.until else None

    def update(self, state: State) -> None:
        """Forget what evcc has been set to once its state shows that: what it shows later is a change by others."""
        self._recent = {path: recent for path, recent in self._recent.items() if not _is_shown(recent, state)}

    def is_busy(self, command: Command) -> bool:
        """Whether a command for the same setting waits, or is being sent."""
        return any(_key(one) == _key(command) for one in self._commands())

    async def run(self) -> None:
        """Send what waits until nothing does; every command gets its answer."""
        while self._waiting or await self._more():
            await self._rate.turn()
            self._expire()
            if self._waiting:
                await self._send(self._waiting.pop(next(iter(self._waiting))))

    def stop(self) -> None:
        """Answer every command that has no answer yet."""
        commands = list(self._commands())
        self._waiting, self._current = {}, None
        for command in commands:
            self._answers.give(command, STOPPING)

    def _commands(self) -> Iterator[Command]:
        """Everything without an answer, in its order, the one that evcc has now included."""
        if self._current is not None:
            yield self._current
        yield from self._waiting.values()

    async def _more(self) -> bool:
        """Whether another command comes before evcc's state shows the last one."""
        self._arrival.clear()
        is_unseen = True
        while is_unseen and not self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(_UNSEEN):
                    await self._arrival.wait()
            is_unseen = any(self._reader.health.seen < recent.until for recent in self._recent.values())
        return bool(self._waiting)

    async def _send(self, command: Command) -> None:
        self._current, before = command, self._reader.state
        outcome = await self._attempt(command)
        if self._current is not command:  # answered meanwhile, as the bridge is stopping
            return
        self._current = None
        command.tried = command.tried or outcome is None
        if outcome is None and (outcome := self._hindrance(command)) is None:
            self._waiting = {_key(command): command, **self._waiting}
            self._backoff = self._backoff or Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
            await asyncio.sleep(min(self._backoff.next(), self._until_deadline()))
            return
        self._backoff, self._problem = None, ""
        if outcome.status is Status.OK:
            self._note(command, before)
            if self._reader.state is not before:  # push may be faster than the answer
                self.update(self._reader.state)
        self._answers.give(command, outcome)
        if outcome.status is Status.OK:
            self._reader.after_command()

    def _note(self, command: Command, before: State) -> None:
        """Note what evcc has been set to, and its state before that."""
        found = _found(command)
        recent = self.recent(found.setting)
        values, state = (recent.values[-_MOST_RECENT:], recent.state) if recent else ((), before)
        until = asyncio.get_running_loop().time() + _UNSEEN
        self._recent[found.setting.path] = Recent(found, (*values, command.value), state, until)

    def _hindrance(self, command: Command) -> Outcome | None:
        """Why a command that evcc did not answer is not tried again; None where it is."""
        if _found(command).setting.once:
            return Outcome(Status.FAILED, f"{self._problem}; it is not tried again")
        return SUPERSEDED if _key(command) in self._waiting else None

    async def _attempt(self, command: Command) -> Outcome | None:
        """Call evcc: the outcome, or None with a problem where it is worth trying again."""
        call = command.call
        if call is None:
            return None
        left = command.deadline - asyncio.get_running_loop().time()
        try:
            reply = await self._client.call(call.method, call.path, params=call.params, json=call.json, timeout=left)
        except Unreachable as error:
            self._problem = str(error)
            return None
        except Invalid as error:
            return Outcome(Status.FAILED, str(error))
        except Refused as error:
            return Outcome(Status.REFUSED, str(error))
        return await self._judged(command, reply)

    async def _judged(self, command: Command, reply: Reply) -> Outcome | None:
        match reply.verdict:
            case Verdict.OK:
                return Outcome(Status.OK, http=reply.status)
            case Verdict.REFUSED:
                return Outcome(Status.REFUSED, reply.reason, reply.status)
            case Verdict.UNAVAILABLE:
                self._problem = f"evcc, or a proxy before it, answers {reply.status}: {reply.reason}"
                return None
            case Verdict.NO_ROUTE:
                return await self._without_route(command, reply)
            case Verdict.NOT_EVCC:
                return Outcome(Status.FAILED, _strange(reply), reply.status)

    async def _without_route(self, command: Command, reply: Reply) -> Outcome | None:
        """A 404 of an evcc that is complete means that it lacks the setting; one that is starting lacks all routes."""
        left = command.deadline - asyncio.get_running_loop().time()
        if not self._reader.complete or not await self._client.has_routes(left):
            self._problem = "evcc is starting (404)"
            return None
        setting, target = _found(command).setting, _found(command).target
        if not _ROUTED.fullmatch(target.name):
            return Outcome(Status.REFUSED, f"evcc's API takes no name such as {shown(target.name)}", reply.status)
        part, version = self._reader.state.find(target), self._reader.state.version
        if isinstance(command.value, Clear) and part is not None and exists(setting, part, version):
            return Outcome(Status.REFUSED, f"this evcc cannot clear {setting.leaf}", reply.status)
        self._missing.add((setting.scope, setting.leaf))
        return Outcome(Status.REFUSED, no_such(setting), reply.status)

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        for command in [one for one in self._waiting.values() if one.deadline <= now]:
            del self._waiting[_key(command)]
            reason = self._problem or "other commands were still being sent"
            seconds = command.deadline - command.arrived
            self._answers.give(command, Outcome(Status.FAILED, f"{reason}; given up after {seconds:g} s"))

    def _until_deadline(self) -> float:
        first = min(command.deadline for command in self._waiting.values())
        return max(0.0, first - asyncio.get_running_loop().time())


def call_for(found: Found, value: Value | Clear) -> Call:
    """The call that sets a value, or clears it."""
    setting, target = found.setting, found.target
    path = "/api" if target.scope is Scope.SITE else f"/api/{target.scope}/{_segment(target.name)}"
    if isinstance(value, Clear):
        return Call("DELETE", f"{path}/{setting.clear}")
    fields = {name: _segment(text) for name, text in value.fields.items()}
    return Call(setting.method, f"{path}/{setting.path.format_map(fields)}", dict(value.params) or None, value.body)


def _segment(text: str) -> str:
    """Text as one segment of a path; only `.` and `..` cannot be one, and no name or value is these."""
    return quote(text, safe=":")


def _strange(reply: Reply) -> str:
    if 300 <= reply.status < 400:
        return f"evcc's address redirects ({reply.status}), which is not followed"
    kind = reply.content_type.partition(";")[0] or "no content type"
    return f"no answer of evcc: HTTP {reply.status} with {kind}"


def _is_shown(recent: Recent, state: State) -> bool:
    """Whether a state shows the newest value, which it cannot have shown before that was set."""
    found = recent.found
    now, before = state.find(found.target), recent.state.find(found.target)
    if now is None or before is None or isinstance(found.setting.kind, Item):
        return False
    *older, newest = (value_of(found, value) for value in recent.values)
    known = any(is_same(newest, value) for value in (value_in(found, before), *older))
    return not known and is_same(newest, value_in(found, now))


def _key(command: Command) -> tuple[str, int]:
    return _found(command).setting.leaf, _found(command).entry


def _found(command: Command) -> Found:
    if command.found is None:
        raise ValueError("a command is queued only when its setting has been found")
    return command.found
