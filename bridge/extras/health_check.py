"""evcc's own health check: its state may be answered while its control loop hangs."""

import asyncio

from bridge.evcc.client import Verdict
from bridge.evcc.reader import Update
from bridge.extras.periodic import Access, Periodic

# seconds; a house at work changes a value every few
_UNCHANGED, _LONGEST_PAUSE = 300.0, 3600.0
_WHILE_HUNG = 60.0
_UNHEALTHY = 500


class HealthCheck(Periodic):
    """Reads `GET /api/health` at the start, and when nothing has changed for 5 minutes, then after 10, 20, 40.

    While evcc answers that it is not healthy it is read every minute.
    """

    name = "health"

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._changed: float | None = None  # loop time of the last change
        self._due = 0.0
        self._healthy = True

    async def read(self) -> None:
        """Read evcc's health and note it in the reader."""
        reply = await self._rest.call("/api/health")
        # anything else: this evcc has no health check, or not yet, or a proxy answered
        if reply.verdict is Verdict.OK or reply.status == _UNHEALTHY:
            self._set(healthy=reply.verdict is Verdict.OK)
        now = asyncio.get_running_loop().time()
        if self._changed is None:
            self._changed = now
        self._due = now + (_pause(now - self._changed) if self._healthy else _WHILE_HUNG)

    def due_in(self) -> float:
        """Seconds until evcc's health is in doubt."""
        return self._due - asyncio.get_running_loop().time()

    def update(self, update: Update) -> None:
        """Note that evcc is at work when something in its state changed."""
        super().update(update)
        if update.changes:
            self._changed = asyncio.get_running_loop().time()
            self._due = self._changed + _UNCHANGED
            if not self._healthy:
                self._set(healthy=True)

    def _set(self, *, healthy: bool) -> None:
        self._healthy = healthy
        self._reader.hung(not healthy)


def _pause(unchanged: float) -> float:
    """Seconds until the next check after `unchanged` seconds without a change."""
    return min(max(unchanged, _UNCHANGED), _LONGEST_PAUSE)
