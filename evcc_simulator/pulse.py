"""An event that happens again and again."""

import asyncio


class Pulse:
    """Wakes everybody who waits at each `beat`; who comes later waits for the next."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()
