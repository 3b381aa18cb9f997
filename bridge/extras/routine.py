"""Something that is done when there is a reason for it, and again after a time."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bridge.errors import EvccError
from bridge.util.backoff import Backoff

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
# about a minute
_ATTEMPTS = 5


class Routine:
    """Does `work` while `complete` is set: first of all, whenever asked to, and after the seconds that it returns.

    `work` is told whether it was asked. When evcc does not answer it is tried again, less and less often.
    """

    def __init__(self, name: str, work: Callable[[bool], Awaitable[float]], complete: asyncio.Event) -> None:
        self.name = name
        self._work = work
        self._complete = complete
        self._reason = asyncio.Event()
        self._owed = True
        self._failures = 0
        self._pause = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._log = structlog.get_logger()
        self.settled = False
        """Whether it has been done once, or was tried so often that it will not be done soon."""

    def ask(self) -> None:
        """Give a reason: what is known may be true no longer."""
        self._owed = True
        self._reason.set()

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await self._complete.wait()
            self._reason.clear()
            seconds = await self._attempt()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                    await self._reason.wait()

    async def _attempt(self) -> float:
        asked, self._owed = self._owed, False
        try:
            seconds = await self._work(asked)
        except EvccError as error:
            self._failed(error)
            self._owed = self._owed or asked
            return self._pause.next()
        self._failures = 0
        self.settled = True
        self._pause.reset()
        return seconds

    def _failed(self, error: EvccError) -> None:
        if not self._failures:
            self._log.warning("evcc does not say", what=self.name, error=str(error))
        self._failures += 1
        self.settled = self.settled or self._failures >= _ATTEMPTS
