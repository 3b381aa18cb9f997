"""Charging sessions, below `sessions`."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any

from bridge.errors import EvccError, Refused
from bridge.extras.ledger import Ledger, Row, each, number
from bridge.extras.rest import SESSIONS, Rest

SOURCE = "sessions"
# an old installation on a small machine takes its time
TIMEOUT = 30.0
# evcc writes a session down a moment after the car has left
_WRITTEN_AFTER = 2.0


class Sessions:
    """Reads evcc's list when a session has ended, and at midnight: months and years end too. `now` in unix seconds."""

    def __init__(
        self,
        rest: Rest,
        want: Callable[[str, Mapping[str, bytes]], None],
        zone: tzinfo,
        now: Callable[[], float],
    ) -> None:
        self._rest = rest
        self._want = want
        self._zone = zone
        self._now = now
        self._reading = asyncio.Lock()
        self._latest: Mapping[str, Row] = {}
        self._told: dict[str, tuple[Any, Any]] = {}

    async def work(self, asked: bool) -> float:  # noqa: ARG002, FBT001  a Routine's work
        """Read the list; the seconds until midnight."""
        await self._read()
        local = datetime.fromtimestamp(self._now(), self._zone)
        midnight = datetime.combine(local.date() + timedelta(days=1), time.min, self._zone)
        return max(midnight.timestamp() - self._now(), 1.0)

    async def ended(self, loadpoint: Mapping[str, Any]) -> dict[str, float | None]:
        """Energy in kWh, cost and duration in s of the session that has just ended at a loadpoint.

        evcc's list has the last word; while it does not have the session, but only one that was told of before, the
        loadpoint's last values have.
        """
        known = told_by(loadpoint)
        title = str(loadpoint.get("title", ""))
        for pause in (0.0, _WRITTEN_AFTER):
            await asyncio.sleep(pause)
            try:
                await self._read()
            except EvccError:
                break
            row = self._latest.get(title)
            if row is not None and self._told.get(title) != _key(row) and _is_same(row, known):
                self._told[title] = _key(row)
                return _of_row(row)
        return known

    async def _read(self) -> None:
        async with self._reading:
            ledger = Ledger(datetime.fromtimestamp(self._now(), UTC), self._zone)
            try:
                reply = await self._rest.get(SESSIONS, timeout=TIMEOUT)
            except Refused:
                self._want(SOURCE, {})
                return
            async for row in each(reply.body):
                ledger.add(row)
            self._latest = ledger.latest
            self._want(SOURCE, ledger.topics())


def told_by(loadpoint: Mapping[str, Any]) -> dict[str, float | None]:
    """Energy in kWh, cost and duration in s of a session, as the loadpoint itself tells of it."""
    energy = number(loadpoint, "sessionEnergy")
    return {
        "energy": None if energy is None else round(energy / 1000, 3),
        "cost": number(loadpoint, "sessionPrice"),
        "duration": number(loadpoint, "chargeDuration"),
    }


def _of_row(row: Row) -> dict[str, float | None]:
    keys = {"energy": "chargedEnergy", "cost": "price", "duration": "chargeDuration"}
    return {name: number(row, key) for name, key in keys.items()}


def _key(row: Row) -> tuple[Any, Any]:
    return row.get("id"), row.get("created")


def _is_same(row: Row, known: Mapping[str, float | None]) -> bool:
    """Whether a row is of the session that a loadpoint tells of: meters in between may differ a little."""
    listed, shown = number(row, "chargedEnergy"), known["energy"]
    return listed is not None and shown is not None and abs(listed - shown) <= max(0.5, shown / 5)
