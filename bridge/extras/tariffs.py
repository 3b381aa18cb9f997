"""Tariffs: what energy costs and emits, below `tariffs/`."""

import asyncio
import time
from asyncio import TaskGroup
from collections.abc import Mapping
from math import inf

from bridge.errors import EvccError, Refused
from bridge.extras.periodic import Access, Periodic
from bridge.extras.rates import Rate, bounds, current, listed, next_change, rates
from bridge.settings import Settings
from bridge.state.flatten import payload
from bridge.state.values import text

TYPES = ("grid", "feedin", "co2", "planner", "solar", "temperature")
# slots begin at quarters of an hour in every time zone
_QUARTER = 900.0
# timers may fire a moment early
_AFTER = 0.05
# how long a jump of the wall clock may go unnoticed
_LONGEST_SLEEP = 20.0


class Tariffs(Periodic):
    """Reads `GET /api/tariff/<type>` every quarter of an hour, unless evcc's state shows the same rates already.

    The figures of this moment follow the wall clock, also while evcc is away.
    """

    name = "tariffs"
    operations = ("GET /tariff/{type}",)
    topics = ("tariffs/#",)

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._texts: dict[str, bytes] = {}
        self._rates: dict[str, list[Rate]] = {}
        self._quarter = -1.0
        # when, by the wall clock, the published figures are right; before the first read there are none
        self._since, self._until = -inf, inf
        self._all = True

    @classmethod
    def enabled(cls, settings: Settings) -> bool:
        """Whether tariffs are switched on."""
        return settings.extras.tariffs

    async def read(self) -> None:
        """Read the types whose rates evcc's state does not show; the others keep theirs when one fails."""
        failure: EvccError | None = None
        for kind in TYPES:
            if self._all or not self._is_in_state(kind):
                try:
                    await self._read_one(kind)
                except EvccError as error:
                    failure = error
        self._publish_rates()
        if failure is not None:
            raise failure
        self._all = False
        self._quarter = time.time() // _QUARTER

    def due_in(self) -> float:
        """Seconds until the next quarter of an hour."""
        now = time.time()
        return 0.0 if now // _QUARTER != self._quarter else _QUARTER - now % _QUARTER + _AFTER

    def refresh(self) -> None:
        """Read all types again, whatever the state shows."""
        self._all = True
        super().refresh()

    async def run(self) -> None:
        """Read until cancelled, and let `now` change with the slots."""
        async with TaskGroup() as group:
            group.create_task(super().run(), name="tariff lists")
            group.create_task(self._follow_slots(), name="tariff slots")

    async def _follow_slots(self) -> None:
        while True:
            await asyncio.sleep(min(max(self._until - time.time(), 0.0) + _AFTER, _LONGEST_SLEEP))
            if not self._since <= time.time() < self._until:
                self._publish_rates()

    async def _read_one(self, kind: str) -> None:
        try:
            reply = await self._rest.find(f"/api/tariff/{kind}")
        except Refused:
            reply = None
        if reply is None:
            self._texts.pop(kind, None)
            self._rates.pop(kind, None)
        else:
            found = listed(reply.json())
            self._texts[kind] = text(found)
            self._rates[kind] = rates(found)

    def _is_in_state(self, kind: str) -> bool:
        """Whether evcc's forecast holds the very rates that are known, so that none need be read."""
        forecast = self._reader.state.site.get("forecast")
        shown = forecast.get(kind) if isinstance(forecast, Mapping) else None
        known = self._rates.get(kind)
        return bool(known) and rates(shown) == known

    def _publish_rates(self) -> None:
        topics: dict[str, bytes] = {}
        now = time.time()
        for kind, known in self._rates.items():
            low, high = bounds(known)
            figures = {"now": current(known, now), "min": low, "max": high}
            topics[f"tariffs/{kind}"] = self._texts[kind]
            topics |= {f"tariffs/{kind}/{name}": payload(value) for name, value in figures.items()}
        self._since, self._until = now, min((next_change(known, now) for known in self._rates.values()), default=inf)
        self.publish(topics)
