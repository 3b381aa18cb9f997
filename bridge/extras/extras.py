"""Everything of evcc's REST API beside its state and its settings, as one part of a site."""

import asyncio
import time
from asyncio import Queue, TaskGroup
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from bridge.commands.inbox import Outlet
from bridge.evcc.client import Caller
from bridge.extras.checkup import Checkup
from bridge.extras.events import Changes, Event
from bridge.extras.jq import Jq
from bridge.extras.plans import Plans
from bridge.extras.requests import Requests
from bridge.extras.rest import Rest
from bridge.extras.routine import Routine
from bridge.extras.sessions import Sessions, told_by
from bridge.extras.tariffs import Tariffs
from bridge.extras.telemetry import Telemetry
from bridge.mqtt.message import Message
from bridge.settings import Settings

_EVENTS = "events"
_MOST_ENDED = 100


class Extras:
    """Tariffs, sessions, plans, jq, telemetry, health, requests and events of one evcc.

    `state` is evcc's newest state; `problem` takes a key and what is wrong, or None; `refresh` has the state read
    anew; `largest` gives the broker's maximum packet size in bytes, if any; `well` is told what evcc's own health
    check says. `now` in unix seconds, `monotonic` in seconds.
    """

    def __init__(  # noqa: PLR0913  everything that the outside is, given from outside
        self,
        evcc: Caller,
        state: Callable[[], Mapping[str, Any]],
        outlet: Outlet,
        settings: Settings,
        zone: tzinfo,
        *,
        problem: Callable[[str, str | None], None],
        refresh: Callable[[], None] = lambda: None,
        largest: Callable[[], int | None] = lambda: None,
        well: Callable[[bool], None] = lambda _: None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._outlet = outlet
        self._selection = settings.topics.selection
        self._now = now
        self._monotonic = monotonic
        self._refresh_state = refresh
        self._complete = asyncio.Event()
        self._rest = Rest(evcc, monotonic)
        self._changes = Changes()
        self._ended: Queue[Event] = Queue(_MOST_ENDED)
        self._checkup = Checkup(evcc, well, monotonic)
        self._jq = Jq(settings.topics.jq, self._rest, self._want, problem, lambda: settings.evcc.interval)
        self._sessions = Sessions(self._rest, self._want, zone, now)
        self._plans = Plans(self._rest, state, self._want)
        self._requests = Requests(
            self._rest, state, outlet, settings.requests.limit, refresh=self.refresh, largest=largest
        )
        self._routines = dict(self._parts(settings))

    @property
    def pending(self) -> frozenset[str]:
        """The parts of which it is not known yet which topics they have."""
        return frozenset(name for name, routine in self._routines.items() if not routine.settled)

    def _want(self, source: str, topics: Mapping[str, bytes]) -> None:
        """Have topics published, those of them that the user wants."""
        taken = {topic: payload for topic, payload in topics.items() if self._selection.takes(topic)}
        self._outlet.want(source, taken)

    def _parts(self, settings: Settings) -> Iterator[tuple[str, Routine]]:
        """What there is to be done again and again, by the source of its topics."""
        on = settings.extras
        works = {
            "tariffs": Tariffs(self._rest, self._state, self._want, self._now).work if on.tariffs else None,
            "sessions": self._sessions.work if on.sessions else None,
            "plans": self._plans.work if on.plans else None,
            "telemetry": Telemetry(self._rest, self._state, self._want).work,
            "jq": self._jq.work if settings.topics.jq else None,
            "health": self._checkup.work,
        }
        for name, work in works.items():
            if work is not None:
                yield name, Routine(name, work, self._complete)

    async def run(self) -> None:
        """Work until cancelled."""
        async with TaskGroup() as group:
            for name, routine in self._routines.items():
                group.create_task(routine.run(), name=name)
            group.create_task(self._requests.run(), name="requests")
            group.create_task(self._tell_of_ends(), name="ended sessions")

    def request(self, message: Message, *, stale: bool = False) -> None:
        """Take a message below `bridge/request/`; `stale`: the broker kept it while nobody listened."""
        self._requests.receive(message, stale=stale)

    def changed(self, old: Mapping[str, Any], new: Mapping[str, Any], *, certain: bool) -> None:
        """Take a change of the state; it is not `certain` while evcc starts, or is away."""
        if old is not new:
            self._checkup.moved()
        if certain:
            if not self._complete.is_set():
                self._rest.forget()  # what was not there while evcc started may be there now
            self._complete.set()
            if self._plans.differ(new):
                self._ask("plans")
        else:
            self._complete.clear()
        for event in self._changes.observe(new, self._monotonic(), certain=certain):
            self._happened(event)

    def evcc(self, *, online: bool) -> None:
        """Take whether evcc is there, once that is known."""
        for event in self._changes.evcc(online=online):
            self._happened(event)

    def evcc_restarted(self) -> None:
        """Forget what evcc did not have, and ask for everything again as soon as it is complete."""
        self._rest.forget()
        self._jq.evcc_restarted()
        self._ask_all()

    def commanded(self) -> None:
        """Note that something was set."""
        self._ask("telemetry")

    def refresh(self) -> None:
        """Have everything read anew."""
        self._refresh_state()
        self._ask_all()

    def _ask_all(self) -> None:
        self._plans.forget()
        self._ask(*self._routines)

    def _ask(self, *names: str) -> None:
        for name in names:
            if routine := self._routines.get(name):
                routine.ask()

    def _happened(self, event: Event) -> None:
        if event.name == "session_end":
            self._session_ended(event)
        else:
            self._send(event)
        if event.name == "charge_stop":
            self._ask("sessions")

    def _session_ended(self, event: Event) -> None:
        if "sessions" in self._routines and not self._ended.full():
            self._ended.put_nowait(event)
        else:
            self._send(replace(event, extra=told_by(event.values)))

    async def _tell_of_ends(self) -> None:
        """Ended sessions, one by one: evcc's list tells what each has brought."""
        while True:
            event = await self._ended.get()
            self._send(replace(event, extra=await self._sessions.ended(event.values)))

    def _send(self, event: Event) -> None:
        self._outlet.send(Message(_EVENTS, event.payload(self._now())))
