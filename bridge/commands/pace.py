"""How fast calls may follow each other."""

from collections.abc import Awaitable, Callable

_TINY = 0.001  # seconds, not worth a sleep


class Pace:
    """At most `rate` turns a second on average; as many as a second's worth may come at once."""

    def __init__(self, rate: float, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._gap = 1 / rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = self._monotonic()
        turn = max(self._next, now - 1 + self._gap)
        self._next = turn + self._gap
        if turn - now > _TINY:
            await self._sleep(turn - now)
