"""Everything of evcc's REST API beside its state and its settings, as one part of a site."""

from asyncio import TaskGroup

from bridge.evcc.client import EvccClient
from bridge.evcc.reader import Reader, Update
from bridge.extras.changes import ReleaseChanges
from bridge.extras.events import Events
from bridge.extras.health_check import HealthCheck
from bridge.extras.history import History
from bridge.extras.jq import Jq
from bridge.extras.periodic import Access, Periodic
from bridge.extras.plans import Plans
from bridge.extras.requests import Requests
from bridge.extras.rest import Rest
from bridge.extras.sessions import Sessions
from bridge.extras.tariffs import Tariffs
from bridge.extras.telemetry import Telemetry
from bridge.extras.vehicles import Vehicles
from bridge.mqtt.mirror import Mirror
from bridge.settings import Settings
from bridge.state.state import Target
from bridge.util.diagnostics import Diagnostics

PERIODICS: tuple[type[Periodic], ...] = (Tariffs, Sessions, Plans, History, Vehicles, Telemetry, Jq, HealthCheck)
"""Everything that is read again and again; a new one is one more row."""


class Extras:
    """Tariffs, sessions, plans, jq, telemetry, health, requests and events of one evcc."""

    def __init__(
        self, client: EvccClient, reader: Reader, mirror: Mirror, settings: Settings, diagnostics: Diagnostics
    ) -> None:
        self._rest = Rest(client)
        access = Access(self._rest, reader, mirror, settings, diagnostics)
        self._periodics = [kind(access) for kind in PERIODICS if kind.enabled(settings)]
        sessions = next((one for one in self._periodics if isinstance(one, Sessions)), None)
        self._events = Events(reader, mirror, sessions)
        self._changes = ReleaseChanges(reader, mirror, settings)
        self._requests = Requests(access, self._periodics)

    def update(self, update: Update) -> None:
        """Take a change of evcc's state or health."""
        self._rest.update(update)
        for periodic in self._periodics:
            periodic.update(update)
        self._events.update(update)
        self._changes.update(update)

    def commanded(self, target: Target, key: str) -> None:
        """Note that a setting was set: `key` is its key in evcc's state."""
        for periodic in self._periodics:
            periodic.commanded(target, key)

    async def run(self) -> None:
        """Work until cancelled; then every request has its answer."""
        async with TaskGroup() as group:
            for periodic in self._periodics:
                group.create_task(periodic.run(), name=periodic.name)
            group.create_task(self._requests.run(), name="requests")
            group.create_task(self._events.run(), name="events")
            group.create_task(self._changes.run(), name="changes of evcc's release")
