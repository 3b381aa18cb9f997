"""A clock that only moves while everything waits: an hour of a test takes no time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

# twelve minutes past: not at the beginning of any slot
START = datetime(2026, 11, 25, 10, 12, tzinfo=UTC).timestamp()


class _Selector(selectors.DefaultSelector):
    """Does not wait for what no test has, but lets the clock go on."""

    advance: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            assert timeout is not None, "everything waits, and for nothing"
            self.advance(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _Selector()
        selector.advance = self._advance
        self._passed = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self._passed

    def _advance(self, seconds: float) -> None:
        self._passed += max(seconds, 0)


def now() -> float:
    """Unix seconds of the virtual clock."""
    return START + monotonic()


def monotonic() -> float:
    """Seconds of the virtual clock."""
    return asyncio.get_running_loop().time()


def in_virtual_time(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main)
