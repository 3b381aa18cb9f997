"""evcc's own health check: its state may be answered while its control loop hangs."""

from collections.abc import Callable

from bridge.evcc.client import Caller

# a house at work changes a value every few seconds
_PATIENCE, _LONGEST_PAUSE = 300.0, 3600.0
_WHILE_ILL = 60.0
_ILL = 500


class Checkup:
    """Asks at the start, and when nothing has changed for long: after 5 minutes, then after 10, 20, 40.

    As long as evcc says that it is not well it is asked every minute.

    `report` is told what is known: that evcc is well, or not. `monotonic` in seconds.
    """

    def __init__(self, evcc: Caller, report: Callable[[bool], None], monotonic: Callable[[], float]) -> None:
        self._evcc = evcc
        self._report = report
        self._monotonic = monotonic
        self._moved = monotonic()
        self._due = self._moved + _PATIENCE
        self._well = True

    def moved(self) -> None:
        """Note that something in evcc's state changed."""
        self._moved = self._monotonic()
        self._due = self._moved + _PATIENCE
        if not self._well:
            self._say(well=True)

    async def work(self, asked: bool) -> float:  # noqa: FBT001  a Routine's work
        """Ask when it is time to; the seconds until it may be time again."""
        now = self._monotonic()
        due = now >= self._due
        if asked or due:
            await self._ask()
        if not self._well:
            self._due = now + _WHILE_ILL
        elif due:
            self._due = now + min(now - self._moved, _LONGEST_PAUSE)
        return max(self._due - self._monotonic(), 1.0)

    async def _ask(self) -> None:
        reply = await self._evcc.call("GET", "/api/health")
        # whatever else is answered: there is no check, or none yet, or a proxy stands in evcc's place
        if reply.ok or reply.status == _ILL:
            self._say(well=reply.ok)

    def _say(self, *, well: bool) -> None:
        self._well = well
        self._report(well)
