"""Server-sent events, encoded once for all who read them."""

import asyncio
from collections import deque
from typing import Any

import orjson

_MOST_EVENTS = 500
_MOST_BYTES = 2**20


class Feed:
    """The latest events, at most 500 of them and at most 1 MB; each reader has a position in them."""

    def __init__(self) -> None:
        self._events: deque[bytes] = deque()
        self._bytes = 0
        self._added = asyncio.Event()
        self.end = 0
        """The position after the latest event."""

    def add(self, name: str, data: Any) -> None:
        """Add an event with JSON data; the oldest ones are dropped for it."""
        event = encode(name, data)
        self._events.append(event)
        self._bytes += len(event)
        self.end += 1
        while len(self._events) > _MOST_EVENTS or self._bytes > _MOST_BYTES:
            self._bytes -= len(self._events.popleft())
        self._added.set()
        self._added = asyncio.Event()

    def after(self, position: int) -> bytes | None:
        """All events from a position on; None where some of them have been dropped."""
        missed = self.end - position
        if missed > len(self._events):
            return None
        return b"".join(list(self._events)[len(self._events) - missed :])

    def restart(self) -> None:
        """Drop all events: every reader has to begin with everything again."""
        self._events.clear()
        self._bytes = 0
        self.end += 1
        self._added.set()
        self._added = asyncio.Event()

    async def wait(self, position: int, seconds: float) -> None:
        """Wait until there is an event from a position on, but not longer than this."""
        if self.end > position:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._added.wait()
        except TimeoutError:
            return


def encode(name: str, data: Any) -> bytes:
    """One event as it is sent (WHATWG HTML, server-sent events)."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))
