"""Events on `events`: what happened at the loadpoints, and evcc itself coming and going."""

import asyncio
import math
from asyncio import Queue, TaskGroup
from collections.abc import Iterable
from dataclasses import replace

from bridge.evcc.reader import Reader, Update
from bridge.extras.loadpoint_events import KEYS, Event, LoadpointEvents
from bridge.extras.sessions import Sessions, figures_of
from bridge.mqtt.mirror import Mirror
from bridge.state.state import Loadpoint, Scope, State

_TOPIC = "events"
_MOST_ENDED = 100


class Events:
    """Publishes events; the first complete state is what later ones are compared with.

    While evcc starts, nothing is compared: afterwards its state is compared with the last complete one.
    `sessions` gives the figures of ended sessions; None where they are switched off.
    """

    def __init__(self, reader: Reader, mirror: Mirror, sessions: Sessions | None) -> None:
        self._reader = reader
        self._mirror = mirror
        self._sessions = sessions
        self._ended: Queue[Event] = Queue(_MOST_ENDED)
        self._state = State()
        self._loadpoints: dict[int, LoadpointEvents] = {}
        self._gap = False
        self._online: bool | None = None
        self._holding = asyncio.Event()

    def update(self, update: Update) -> None:
        """Take a change of evcc's state; only loadpoints that changed are looked at."""
        self._note_health()
        if not update.complete:
            self._gap = True
            return
        old, self._state = self._state, update.state
        for number in sorted(self._changed(update)):
            self._observe(number, old)
        self._gap = False

    async def run(self) -> None:
        """Publish held events and ended sessions until cancelled; then those that still wait."""
        try:
            async with TaskGroup() as group:
                group.create_task(self._release(), name="held events")
                group.create_task(self._publish_ends(), name="ended sessions")
        finally:
            self._publish_rest()

    def _note_health(self) -> None:
        online = self._reader.health.fresh
        if self._online is None and not online and not self._reader.health.reason:
            return  # evcc has neither answered nor failed to
        before, self._online = self._online, online
        if before is not None and before is not online:
            self._send(Event("evcc_online" if online else "evcc_offline"))

    def _changed(self, update: Update) -> set[int]:
        """The numbers of the loadpoints with a change, old ones included."""
        if self._gap or not self._loadpoints:
            return {*range(1, len(update.state.loadpoints) + 1), *self._loadpoints}
        return {
            int(change.target.name)
            for change in update.changes
            if change.key in KEYS and change.target.scope is Scope.LOADPOINT
        }

    def _observe(self, number: int, old: State) -> None:
        loadpoint = _loadpoint(self._state, number)
        if loadpoint is None:
            self._loadpoints.pop(number, None)
            return
        vehicle = _vehicle(self._state, loadpoint)
        known = self._loadpoints.get(number)
        if known is None or known.title != loadpoint.title:  # a loadpoint with another title is another one
            self._loadpoints[number] = LoadpointEvents(loadpoint, vehicle)
            return
        self._publish(known.observe(_loadpoint(old, number) or loadpoint, loadpoint, vehicle))
        if not math.isinf(known.release_at):
            self._holding.set()

    async def _release(self) -> None:
        """Publish held events when their time is over."""
        loop = asyncio.get_running_loop()
        while True:
            await self._holding.wait()
            due = min((known.release_at for known in self._loadpoints.values()), default=math.inf)
            if math.isinf(due):
                self._holding.clear()
                continue
            await asyncio.sleep(due - loop.time())
            for known in self._loadpoints.values():
                self._publish(known.overdue())

    def _publish(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.name == "session_end":
                self._session_ended(event)
            else:
                self._send(event)
            if event.name == "charge_stop" and self._sessions is not None:
                self._sessions.ask()

    def _session_ended(self, event: Event) -> None:
        if self._sessions is not None and not self._ended.full():
            self._ended.put_nowait(event)
        else:
            self._send_with_own_figures(event)

    async def _publish_ends(self) -> None:
        """Ended sessions, one by one, with the figures of evcc's list."""
        event: Event | None = None
        try:
            while True:
                event = None
                event = await self._ended.get()
                if self._sessions is not None and event.values is not None:
                    self._send(replace(event, extra=await self._sessions.ended(event.values)))
        finally:
            if event is not None:
                self._send_with_own_figures(event)

    def _publish_rest(self) -> None:
        for known in self._loadpoints.values():
            self._publish(known.rest())
        while not self._ended.empty():
            self._send_with_own_figures(self._ended.get_nowait())

    def _send_with_own_figures(self, event: Event) -> None:
        self._send(replace(event, extra=figures_of(event.values)) if event.values is not None else event)

    def _send(self, event: Event) -> None:
        self._mirror.send(_TOPIC, event.payload())


def _loadpoint(state: State, number: int) -> Loadpoint | None:
    return state.loadpoints[number - 1] if number <= len(state.loadpoints) else None


def _vehicle(state: State, loadpoint: Loadpoint) -> str | None:
    """The vehicle's title; its name where it has none, None where there is no vehicle."""
    name = loadpoint.text("vehicleName")
    vehicle = state.vehicles.get(name)
    title = vehicle.title if vehicle is not None else ""
    return loadpoint.text("vehicleTitle") or title or name or None
