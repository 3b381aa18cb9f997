"""Charging sessions, below `sessions`."""

import asyncio
import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from datetime import time as clock
from typing import Any

from bridge.errors import EvccError, Refused
from bridge.extras.periodic import Access, Periodic
from bridge.extras.rest import SESSIONS
from bridge.extras.session_statistics import Row, SessionStatistics, number, read_rows
from bridge.settings import Settings
from bridge.state.state import Part

# an old installation on a small machine takes its time
TIMEOUT = 30.0
# evcc stores a session a moment after the car has left
_STORED_AFTER = 2.0

Figures = Mapping[str, float | None]


class Sessions(Periodic):
    """Reads `GET /api/sessions` when a session has ended, and when the local date changes: so may month and year."""

    name = "sessions"
    operations = ("GET /sessions",)
    topics = ("sessions/#",)

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._zone: tzinfo = access.settings.commands.zone()
        self._reading = asyncio.Lock()
        self._date: date | None = None
        self._latest: Mapping[str, Row] = {}
        self._published: dict[str, tuple[Any, Any]] = {}

    @classmethod
    def enabled(cls, settings: Settings) -> bool:
        """Whether sessions are switched on."""
        return settings.extras.sessions

    async def read(self) -> None:
        """Read the list and publish its sums; none where this evcc keeps no sessions."""
        async with self._reading:
            now = datetime.fromtimestamp(time.time(), self._zone)
            statistics = SessionStatistics(now)
            try:
                reply = await self._rest.get(SESSIONS, timeout=TIMEOUT)
            except Refused:
                self.publish({})
            else:
                async for row in read_rows(reply.body):
                    statistics.add(row)
                self._latest = statistics.latest
                self.publish(statistics.topics())
            self._date = now.date()

    def due_in(self) -> float:
        """Seconds until local midnight."""
        now = datetime.fromtimestamp(time.time(), self._zone)
        if now.date() != self._date:
            return 0.0
        midnight = datetime.combine(now.date() + timedelta(days=1), clock.min, self._zone)
        return max(midnight.timestamp() - now.timestamp(), 0.0)

    async def ended(self, loadpoint: Part) -> Figures:
        """Energy in kWh, cost and duration in s of the session that has just ended at a loadpoint.

        evcc's list has precedence; while it does not have the session yet, or only one that was published before,
        these are the loadpoint's last values.
        """
        known = figures_of(loadpoint)
        title = loadpoint.title
        for pause in (0.0, _STORED_AFTER):
            await asyncio.sleep(pause)
            try:
                await self.read()
            except EvccError:
                break
            row = self._latest.get(title)
            if row is not None and self._published.get(title) != _key(row) and _is_same(row, known):
                self._published[title] = _key(row)
                return _figures_of_row(row)
        return known


def figures_of(loadpoint: Part) -> Figures:
    """Energy in kWh, cost and duration in s of a session, as the loadpoint's own values have them."""
    energy = loadpoint.number("sessionEnergy")
    return {
        "energy": None if energy is None else round(energy / 1000, 3),
        "cost": loadpoint.number("sessionPrice"),
        "duration": loadpoint.number("chargeDuration"),
    }


def _figures_of_row(row: Row) -> Figures:
    keys = {"energy": "chargedEnergy", "cost": "price", "duration": "chargeDuration"}
    return {name: number(row, key) for name, key in keys.items()}


def _key(row: Row) -> tuple[Any, Any]:
    return row.get("id"), row.get("created")


def _is_same(row: Row, known: Figures) -> bool:
    """Whether a row is of the session that a loadpoint's values show: meters in between may differ a little."""
    listed, shown = number(row, "chargedEnergy"), known["energy"]
    return listed is not None and shown is not None and abs(listed - shown) <= max(0.5, shown / 5)
