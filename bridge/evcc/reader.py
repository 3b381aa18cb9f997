"""Reads evcc's state, by polls and push frames, and gives what changed."""

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from bridge.errors import EvccError, NotReady
from bridge.evcc.client import EvccClient
from bridge.evcc.health import Health
from bridge.evcc.push import Push
from bridge.evcc.startup import Startup
from bridge.settings import Evcc
from bridge.state.contract import Contract
from bridge.state.document import fatal, parse
from bridge.state.merge import filled_frame, newest
from bridge.state.state import Change, State, changes
from bridge.util.backoff import Backoff
from bridge.util.diagnostics import Diagnostics

_TICK = 1.0
_A_MOMENT = 0.01  # seconds, so that the poll at the end of the grace period does not come too early
_SLACK = 5.0  # seconds beyond what should have come before its absence means something
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 3.0
_LARGE = 100  # values of a frame; evcc's have a few
_AFTER_FAILURE = 0.3  # seconds without a poll, however often one is asked for


class Fatal(NotReady):
    """evcc reports a configuration error, and has no state until it is mended."""

    word = "fatal"


@dataclass(frozen=True, slots=True)
class Update:
    """What a poll, push frames or the passing of time brought, as clients are to see it.

    `complete`: evcc answers and is not starting, so that what is missing is gone. `restarted`: since the last update
    there was a sign that evcc has restarted, or is about to.
    """

    state: State
    changes: tuple[Change, ...]
    complete: bool
    restarted: bool


class Reader:
    """evcc's newest state, and its health."""

    def __init__(
        self, client: EvccClient, settings: Evcc, diagnostics: Diagnostics, contract: Contract | None = None
    ) -> None:
        self._client = client
        self._settings = settings
        self._diagnostics = diagnostics
        self.contract = contract
        self.state = State()
        """What evcc has; clients see `view`, which differs where a release is pinned."""
        self._push = Push(settings)
        self._startup = Startup(settings.grace)
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._wanted = asyncio.Event()  # a poll, at once
        self._changed = asyncio.Event()
        self._given = State()  # with the last update
        self._last_health: tuple[Any, ...] = ()
        self._health_changed = False  # since the last update
        self._restarted = self._connected = self._hung = self._complete = False
        self._silence = 2 * self.state.interval + _SLACK  # seconds without a frame that end a connection to /ws
        self._log = structlog.get_logger().bind()  # bound once: a line that is not logged costs nearly nothing
        self._asked = State()
        self._frames_when_asked = self._frames_at_poll = 0
        self._push_reason = ""
        self._last_body: bytes | None = None
        self._last_frame = 0.0
        self._first_answer: float | None = None
        self._failed = asyncio.Event()
        self._failure = EvccError("")  # the last one
        self.health = Health()
        self.push_alive = False
        self.polls = self.frames = 0
        self.last_attempt = 0.0

    @property
    def view(self) -> State:
        """The state as clients are to see it: evcc's, or as the pinned release would have it."""
        return self.state if self.contract is None else self.contract.view(self.state)

    @property
    def complete(self) -> bool:
        """Whether evcc answers, even if it hangs, and is not starting."""
        return bool(self.state) and self.health.answering and not self._startup.starting

    @property
    def settled(self) -> bool:
        """Whether what evcc does not have by now is gone: it is not starting, and the grace period is over."""
        if self._first_answer is None or self._startup.starting:
            return False
        return asyncio.get_running_loop().time() - self._first_answer >= self.grace

    @property
    def grace(self) -> float:
        """How long, in seconds, values may be missing from an evcc that starts."""
        return self._startup.grace(self.state)

    @property
    def interval(self) -> float:
        """The seconds from one poll to the next."""
        return self._settings.push_interval if self.push_alive else self._settings.interval

    def refresh(self) -> None:
        """Read everything now."""
        self._last_body = None
        self._wanted.set()

    def after_command(self) -> None:
        """Read the new value at once where no push brings it."""
        if not self.push_alive:
            self._wanted.set()

    def hung(self, hung: bool) -> None:  # noqa: FBT001 - the result of a check
        """Take the result of evcc's own health check; when it hangs no more, its state is read at once."""
        if self._hung and not hung:
            self._wanted.set()
        self._hung = hung
        if hung and self.health.fresh:
            self.health.answered(starting=self._startup.starting, hung=True)
            self._note_health()

    async def run(self) -> None:
        """Read for ever."""
        self.last_attempt = asyncio.get_running_loop().time()
        async with TaskGroup() as group:
            group.create_task(self._poll(), name="poll")
            group.create_task(self._explain(), name="explanations")
            group.create_task(self._watch_age(), name="age")
            if self._settings.push != "off":
                group.create_task(self._follow_push(), name="push")

    async def updates(self) -> AsyncIterator[Update]:
        """What changes, for ever and for one consumer; several changes become one update while it is busy."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if (update := self._update()) is not None:
                yield update

    def _update(self) -> Update | None:
        view = self.view
        found = () if view is self._given else changes(self._given, view)
        if not found and not self._restarted and not self._health_changed:
            return None
        update = Update(view, found, self._complete, self._restarted)
        self._given = view
        self._restarted = self._health_changed = False
        return update

    def _note_health(self) -> None:
        """Give an update when health, completeness or what counts as gone have changed."""
        health = self.health
        latest = (health.word, health.fresh, health.reason, self.complete, self.settled)
        self._health_changed = self._health_changed or latest != self._last_health
        self._last_health = latest
        self._complete = self.complete
        self._silence = 2 * self.state.interval + _SLACK
        self._changed.set()

    async def _poll(self) -> None:
        while True:
            self._wanted.clear()
            seconds = await self._poll_once()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wanted.wait()

    async def _poll_once(self) -> float:
        """Poll; the seconds until the next poll, which comes as soon as an evcc that starts is waited for no longer."""
        self._asked, self._frames_when_asked = self.state, self.frames
        try:
            self._take_answer(await self._client.state())
        except EvccError as error:
            self._fail(error)
        self.last_attempt = asyncio.get_running_loop().time()
        self._name_problems()
        self._note_health()
        if not self.health.failures:
            self._backoff.reset()
            return min(self.interval, self._startup.left + _A_MOMENT)
        await asyncio.sleep(min(_AFTER_FAILURE, self.interval))
        return min(self._backoff.next(), self.interval)

    def _take_answer(self, body: bytes) -> None:
        self.polls += 1
        self._log.debug("poll", bytes=len(body))
        # frames that overtook the last answer count as well: what they brought may be in no answer
        quiet, self._frames_at_poll = self.frames == self._frames_at_poll, self._frames_when_asked
        back = self.health.failures > 0
        if body != self._last_body or not quiet or self._startup.starting:
            self._last_body = None
            self._merge_answer(body, quiet=quiet)
            self._last_body = body
        self.health.answered(starting=self._startup.starting, hung=self._hung)
        if back and not self._connected:
            self._push.retry()

    def _merge_answer(self, body: bytes, *, quiet: bool) -> None:
        answer = parse(body)
        if (reason := fatal(answer)) is not None:
            raise Fatal(reason)
        known, was_starting = self.state, self._startup.starting
        self.state = self._startup.accept(known, newest(self._asked, known, answer))
        if known and (self._startup.starting > was_starting or known.version != self.state.version):
            self._restarted = True  # between two polls
        if self._first_answer is None:
            self._first_answer = asyncio.get_running_loop().time()
        if self.state is not known:
            self.push_alive = self.push_alive and not quiet

    def _fail(self, error: EvccError) -> None:
        self._log.debug("poll failed", reason=str(error))
        self._restarted = self._restarted or not self.health.failures
        if self.state:
            self._startup.note_sign()
        self.health.failed(error)
        self._failure = error
        self._failed.set()

    async def _explain(self) -> None:
        """Find out why polls fail, beside them: it may take longer than the next one."""
        while True:
            await self._failed.wait()
            self._failed.clear()
            error = self._failure
            self.health.explain(error, await self._client.explained(error))
            self._note_health()

    async def _follow_push(self) -> None:
        while True:
            missing = False
            try:
                async with self._push.connection() as frames:
                    self._connect_push()
                    while True:
                        frame = await frames.next(self._silence)
                        self._take_frame(frame)
                        if len(frame) > _LARGE:
                            await asyncio.sleep(0)  # where many wait, the next one is there at once
            except EvccError as error:
                missing = isinstance(error, NotReady)
                self._lose_push(error)
            await self._push.pause(missing=missing)

    def _connect_push(self) -> None:
        self._connected = True
        self._push_reason = ""
        self._wanted.set()  # what has disappeared in the meantime is in no frame

    def _lose_push(self, reason: EvccError) -> None:
        if self._connected:  # else it was never there
            self._restarted = True
            if self.state:
                self._startup.note_sign(away=False)
            self._wanted.set()
        self._connected = self.push_alive = False
        self._push_reason = str(reason)
        self._name_problems()
        self._note_health()

    def _take_frame(self, frame: Mapping[str, Any]) -> None:
        if not self.state:
            return  # the first state comes by REST: only it lists what there is
        self.frames += 1
        self._log.debug("frame", keys=list(frame))
        self.push_alive = True
        self._last_frame = asyncio.get_running_loop().time()
        known = self.state
        self.state = known.merged(filled_frame(known, frame) if self._startup.starting else frame)
        if self.state is not known:
            self._changed.set()
        if self.state.left_out is not known.left_out:
            self._name_problems()

    async def _watch_age(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self.health.moved(self._last_frame)
            self.health.age(2 * self.interval + self._settings.timeout + _SLACK)
            self._note_health()

    def _name_problems(self) -> None:
        names = "; ".join(sorted(self.state.left_out))
        self._diagnostics.set("bounds", f"evcc sends more than is read, left out: {names}" if names else None)
        # unless push was asked for, polling is good enough; while evcc is away, that is the problem
        wanted = self._settings.push == "on" and self.health.fresh
        self._diagnostics.set("push", self._push_reason if wanted else None)
