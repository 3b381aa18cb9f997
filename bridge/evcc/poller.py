"""Reads evcc's state over REST, again and again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from bridge.errors import EvccError
from bridge.evcc.client import Client
from bridge.util.backoff import Backoff

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 3.0
_RESPITE = 0.3  # seconds: whoever asks, a moment's failure must not be two


class Listener(Protocol):
    """Who is told what a poll brought."""

    def polling(self) -> None:
        """Note that evcc is asked now."""

    def polled(self, body: bytes) -> None:
        """Take the body of an answer; EvccError says that it is none of evcc."""

    def poll_failed(self, error: EvccError) -> None:
        """Note that a poll brought nothing."""


class Poller:
    """Polls every `interval` seconds, soon again after a failure, and at once when asked to, but for that."""

    def __init__(self, client: Client, listener: Listener, interval: Callable[[], float]) -> None:
        self._client = client
        self._listener = listener
        self._interval = interval
        self._wake = asyncio.Event()
        self._pause = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)

    def now(self) -> None:
        """Poll at once."""
        self._wake.set()

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            self._wake.clear()
            seconds = await self._poll()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()

    async def _poll(self) -> float:
        """Poll once; the seconds until the next poll."""
        self._listener.polling()
        try:
            self._listener.polled(await self._client.state())
        except EvccError as error:
            self._listener.poll_failed(error)
            await asyncio.sleep(min(_RESPITE, self._interval()))
            return min(self._pause.next(), self._interval())
        self._pause.reset()
        return self._interval()
