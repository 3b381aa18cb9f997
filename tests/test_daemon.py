"""The process by itself; with all its parts it is tested as a process, in tests/site and tests/packaging."""

import asyncio
from typing import Any

from bridge.daemon import Daemon
from bridge.settings import Settings


class _Told(Daemon):
    """A daemon whose sites do nothing but note their configuration; the first is told again while it ends."""

    def __init__(self, *settings: Settings) -> None:
        first, *self.others = settings
        super().__init__(self._next, first)
        self.ran: list[Settings] = []

    def _next(self) -> Settings:
        return self.others.pop(0)

    async def _run_site(self, settings: Settings) -> None:
        self.ran.append(settings)
        if not self.others:
            self._stop.set()
        elif len(self.ran) == 1:
            self._reload.set()
        await self._until_told()
        if len(self.ran) == 1:
            self._reload.set()


async def test_a_configuration_that_comes_while_a_site_ends_is_read_too() -> None:
    configurations = [Settings(mqtt=_root(name)) for name in ("first", "second", "third")]
    daemon = _Told(*configurations)
    async with asyncio.timeout(5):
        await daemon.run()

    assert daemon.ran == configurations


def _root(name: str) -> Any:
    return {"root": name}
