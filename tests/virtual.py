"""A clock that only moves while everything waits: an hour of a test takes no time. The wall clock follows it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from unittest import mock

# twelve minutes past: not at the beginning of any slot
START = datetime(2026, 11, 25, 10, 12, tzinfo=UTC).timestamp()


class _Selector(selectors.DefaultSelector):
    """Does not wait for what no test has, but moves the clock."""

    advance: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            assert timeout is not None, "everything waits, and for nothing"
            self.advance(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own; `wall` is what `time.time()` gives at its beginning."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.advance = self._advance
        self._passed = 0.0
        self.wall = START
        super().__init__(selector)

    def time(self) -> float:
        return self._passed

    def unix(self) -> float:
        return self.wall + self._passed

    def _advance(self, seconds: float) -> None:
        self._passed += max(seconds, 0)


def now() -> float:
    """Unix seconds of the virtual clock, which `time.time()` gives too."""
    return _loop().unix()


def monotonic() -> float:
    """Seconds of the virtual clock."""
    return asyncio.get_running_loop().time()


def jump(seconds: float) -> None:
    """Set the wall clock forward, or back."""
    _loop().wall += seconds


def in_virtual_time(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        with mock.patch("time.time", loop.unix):
            runner.run(main)


def _loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop
