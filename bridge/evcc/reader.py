"""Everything that is read of evcc's state: polls and push frames become changes of one document."""

import time
from asyncio import TaskGroup
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from bridge.errors import EvccError, NotReady
from bridge.evcc.client import Client
from bridge.evcc.document import Document, State, fatal, parse
from bridge.evcc.health import Health
from bridge.evcc.poller import Poller
from bridge.evcc.push import Push
from bridge.settings import Evcc
from bridge.state.units import changed

_A_MOMENT = 0.01  # seconds, so that clocks that differ by less do not make it poll again and again
_SLACK = 5.0  # seconds beyond what should have come before its absence means something


class Sink(Protocol):
    """Who is told what changed."""

    def units(self, changes: Iterable[tuple[str, Any]]) -> None:
        """Take units with their new values; None: the unit is gone."""

    def document(self, old: State, new: State) -> None:
        """Take the document before and after a change."""

    def health(self) -> None:
        """Note that evcc's health may have changed."""

    def evcc_restarted(self) -> None:
        """Note a sign that evcc has restarted, or is about to come back."""


class Reader:
    """Holds evcc's newest state, by REST and by push."""

    def __init__(self, client: Client, settings: Evcc, sink: Sink, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._sink = sink
        self._now = now
        self._document = Document(settings.grace)
        self._poller = Poller(client, self, self._until_next_poll)
        self._push = Push(settings, self, lambda: 2 * self._document.interval + _SLACK)
        self._last_body = b""
        self._frames_when_asked = self._frames_at_poll = 0
        self._connected = False
        self.health = Health()
        self.push_reason: EvccError | None = None
        self.first_document: float | None = None
        self.polls = self.frames = 0
        self.push_alive = False
        self.last_attempt = now()

    @property
    def state(self) -> State:
        """The newest state document; empty until evcc has answered once."""
        return self._document.state

    @property
    def starting(self) -> bool:
        """Whether evcc is not complete: what is missing is only not there yet."""
        return self._document.starting

    @property
    def grace(self) -> float:
        """The grace period of a restart, in seconds."""
        return self._document.grace

    @property
    def disbelieved(self) -> list[str]:
        """Keys in which evcc has something else now where numbers were."""
        return self._document.disbelieved

    @property
    def interval(self) -> float:
        """The seconds from one poll to the next."""
        return self._settings.push_interval if self.push_alive else self._settings.interval

    def refresh(self) -> None:
        """Read everything now."""
        self._last_body = b""
        self._poller.now()

    def after_command(self) -> None:
        """Read the new value at once where no push brings it."""
        if not self.push_alive:
            self._poller.now()

    def well(self, well: bool) -> None:  # noqa: FBT001 - evcc's own word on itself
        """Take what evcc's health check says: not well, its state is answered but does not move."""
        if well and self.health.hung:
            self._poller.now()
        self.health.hung = not well
        self.health.answered(self.health.word, self.health.seen)
        self._sink.health()

    async def run(self) -> None:
        """Read for ever."""
        async with TaskGroup() as group:
            group.create_task(self._poller.run(), name="poll")
            if self._settings.push != "off":
                group.create_task(self._push.run(), name="push")

    def tick(self) -> None:
        """Note that time goes by: data that should have come and did not is stale."""
        self.health.age(self._now(), 2 * self.interval + self._settings.timeout + _SLACK)
        self._sink.health()

    def polling(self) -> None:
        """Note that evcc is asked for its state."""
        self._frames_when_asked = self.frames
        self._document.asked()

    def polled(self, body: bytes) -> None:
        """Take the body of `GET /api/state`."""
        self.polls += 1
        self.last_attempt = self._now()
        # frames that overtook the last answer count as well: what they said may be in no answer
        quiet, self._frames_at_poll = self.frames == self._frames_at_poll, self._frames_when_asked
        back = self.health.failures > 0
        if body != self._last_body or not quiet or self._document.starting:
            self._read(body, quiet=quiet)
            self._last_body = body
        self.health.answered("starting" if self._document.starting else "online", self._now())
        if back and not self._connected:
            self._push.retry()
        self._sink.health()

    def poll_failed(self, error: EvccError) -> None:
        """Note that a poll brought nothing."""
        self.last_attempt = self._now()
        if not self.health.failures:
            self._sink.evcc_restarted()
        self._document.suspect()
        self.health.failed(error)
        self._sink.health()

    def frame(self, frame: dict[str, Any]) -> None:
        """Take a push frame."""
        if not self.state:
            return  # the first full document comes by REST: it alone says what there is
        self.frames += 1
        self.push_alive = True
        self.health.moved(self._now())
        old = self.state
        changes = list(self._document.apply(frame))
        if changes:
            self._sink.units(changes)
            self._sink.document(old, self.state)

    def push_up(self) -> None:
        """Note that `/ws` is connected; what went meanwhile only a poll can tell."""
        self._connected = True
        self.push_reason = None
        self._poller.now()

    def push_down(self, reason: EvccError) -> None:
        """Note that `/ws` is not there: polling takes over, and evcc may be restarting."""
        if self._connected:
            self._document.suspect(away=False)
            self._sink.evcc_restarted()
            self._poller.now()
        self._connected = self.push_alive = False
        self.push_reason = reason
        self._sink.health()

    def _until_next_poll(self) -> float:
        """The seconds until the next poll; one comes as soon as an evcc that starts need not be waited for longer."""
        return min(self.interval, self._document.patience(self._now()) + _A_MOMENT)

    def _read(self, body: bytes, *, quiet: bool) -> None:
        new = parse(body)
        if (reason := fatal(new)) is not None:
            self._document.suspect()
            raise Fatal(reason)
        old, was_starting = self.state, self._document.starting
        self._document.replace(new, self._now())
        if old and (self._document.starting > was_starting or old.get("version") != self.state.get("version")):
            self._sink.evcc_restarted()  # between two polls
        if self.first_document is None:
            self.first_document = self._now()
        changes = list(changed(old, self.state))
        if changes:
            self.push_alive = self.push_alive and not quiet
            self._sink.units(changes)
            self._sink.document(old, self.state)


class Fatal(NotReady):
    """evcc reports a configuration error, and has no state until it is mended."""

    word = "fatal"
