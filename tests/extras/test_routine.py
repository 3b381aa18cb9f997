import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.errors import EvccError, Invalid, Unreachable
from bridge.extras.routine import Routine
from tests.virtual import in_virtual_time, monotonic


class Work:
    """Notes when it was done, and whether it was asked to."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.error: EvccError | None = None
        self.done: list[tuple[float, bool]] = []

    async def __call__(self, asked: bool) -> float:
        self.done.append((round(monotonic(), 1), asked))
        if self.error:
            raise self.error
        return self.seconds


@asynccontextmanager
async def running(work: Work, *, complete: bool = True) -> AsyncIterator[tuple[Routine, asyncio.Event]]:
    gate = asyncio.Event()
    if complete:
        gate.set()
    routine = Routine("work", work, gate)
    task = asyncio.create_task(routine.run())
    await asyncio.sleep(0.1)
    yield routine, gate
    task.cancel()


def test_it_works_at_once_when_asked_and_after_its_time() -> None:
    async def main() -> None:
        work = Work(100)
        async with running(work) as (routine, _):
            await asyncio.sleep(149.9)
            routine.ask()
            routine.ask()
            await asyncio.sleep(60)
        assert work.done == [(0, True), (100, False), (150, True)]

    in_virtual_time(main())


def test_without_a_time_it_only_works_when_asked() -> None:
    async def main() -> None:
        work = Work(float("inf"))
        async with running(work) as (routine, _):
            await asyncio.sleep(1e6)
            routine.ask()
            await asyncio.sleep(1)
        assert len(work.done) == 2

    in_virtual_time(main())


def test_it_waits_until_evcc_is_complete() -> None:
    async def main() -> None:
        work = Work(100)
        async with running(work, complete=False) as (_, gate):
            await asyncio.sleep(500)
            assert work.done == []
            gate.set()
            await asyncio.sleep(1)
            gate.clear()
            await asyncio.sleep(500)
            assert len(work.done) == 1

    in_virtual_time(main())


@pytest.mark.parametrize("error", [Unreachable("gone"), Invalid("a login page")])
def test_what_failed_is_tried_again_with_growing_pauses_and_is_still_asked_for(error: EvccError) -> None:
    async def main() -> None:
        work = Work(1e9)
        work.error = error
        async with running(work):
            await asyncio.sleep(3600)
            attempts = [moment for moment, _ in work.done]
            assert 12 <= len(attempts) <= 24
            assert attempts[1] <= 6
            assert attempts[-1] - attempts[-2] > 200
            assert all(asked for _, asked in work.done)
            work.error = None
            await asyncio.sleep(2000)
            assert work.done[-1][1]
            count = len(work.done)
            await asyncio.sleep(7200)
            assert len(work.done) == count

    in_virtual_time(main())


def test_it_is_settled_when_done_once_or_when_it_is_not_to_be_expected_any_more() -> None:
    async def main() -> None:
        done, failing = Work(100), Work(100)
        failing.error = Unreachable("gone")
        async with running(done) as (first, _), running(failing) as (second, _):
            assert (first.settled, second.settled) == (True, False)
            await asyncio.sleep(20)
            assert not second.settled
            await asyncio.sleep(100)
            assert second.settled

    in_virtual_time(main())


def test_other_errors_are_not_hidden() -> None:
    async def main() -> None:
        async def broken(_: bool) -> float:
            raise ZeroDivisionError

        gate = asyncio.Event()
        gate.set()
        with pytest.raises(ZeroDivisionError):
            await Routine("broken", broken, gate).run()

    in_virtual_time(main())
