"""Lets only a few of many do something at once that takes the processor for a while."""

import asyncio
from asyncio import Semaphore
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CONNECTING = 20  # at once: mosquitto lets at most 100 wait for it
_READING = 4
_LONGEST = 0.5  # seconds


class Gate:
    """Places that are given in the order asked for; one who takes longer than half a second goes on without its place.

    So nobody waits long for others that hang, and the event loop has little to do between two of its rounds.
    """

    def __init__(self, places: int) -> None:
        self._places = Semaphore(places)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        await self._places.acquire()
        place = _Place(self._places)
        timer = asyncio.get_running_loop().call_later(_LONGEST, place.leave)
        try:
            yield
        finally:
            timer.cancel()
            place.leave()


class Gates:
    """What the sites of a process pass when they connect to their brokers."""

    def __init__(self) -> None:
        self.connecting = Gate(_CONNECTING)
        self.reading = Gate(_READING)
        """Reading what the broker holds, and comparing it."""


class _Place:
    """One place, which is given back once."""

    def __init__(self, places: Semaphore) -> None:
        self._places: Semaphore | None = places

    def leave(self) -> None:
        """Give it back."""
        if self._places is not None:
            self._places.release()
            self._places = None
