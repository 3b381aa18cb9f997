import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from bridge.errors import EvccError, Invalid, Unreachable
from bridge.evcc.poller import Poller

_LIMIT = 5.0  # seconds that nothing here should need


@dataclass
class _World:
    """An evcc that answers with what the test puts into `answers`, and a listener who notes what came."""

    answers: asyncio.Queue[bytes | EvccError] = field(default_factory=asyncio.Queue)
    asked: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    came: asyncio.Queue[bytes | EvccError] = field(default_factory=asyncio.Queue)
    interval: float = 3600.0
    pauses: list[float] = field(default_factory=list)

    async def state(self) -> bytes:
        self.asked.put_nowait(asyncio.get_running_loop().time())
        answer = await self.answers.get()
        if isinstance(answer, EvccError):
            raise answer
        return answer

    def polling(self) -> None: ...

    def polled(self, body: bytes) -> None:
        self.came.put_nowait(body)
        if body == b"no state":
            raise Invalid("no state")

    def poll_failed(self, error: EvccError) -> None:
        self.came.put_nowait(error)

    async def next(self) -> bytes | EvccError:
        async with asyncio.timeout(_LIMIT):
            return await self.came.get()


def _client(world: _World) -> Any:
    """The world in the client's place: `state` is all that is asked for."""
    return world


@asynccontextmanager
async def _polling(interval: float = 3600.0) -> AsyncIterator[tuple[Poller, _World]]:
    world = _World(interval=interval)
    poller = Poller(_client(world), world, lambda: world.interval)
    task = asyncio.create_task(poller.run())
    try:
        yield poller, world
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_it_polls_at_once_and_every_interval() -> None:
    async with _polling(0.02) as (_, world):
        for body in (b"1", b"2", b"3"):
            world.answers.put_nowait(body)
        assert [await world.next() for _ in range(3)] == [b"1", b"2", b"3"]
        times = [await world.asked.get() for _ in range(3)]
        assert all(later - earlier >= 0.019 for earlier, later in pairwise(times))


async def test_it_polls_when_asked_to() -> None:
    async with _polling() as (poller, world):
        world.answers.put_nowait(b"1")
        assert await world.next() == b"1"
        poller.now()
        world.answers.put_nowait(b"2")
        assert await world.next() == b"2"


async def test_being_asked_to_during_a_poll_makes_another_one() -> None:
    async with _polling() as (poller, world):
        await world.asked.get()
        poller.now()
        world.answers.put_nowait(b"old")
        world.answers.put_nowait(b"new")
        assert [await world.next(), await world.next()] == [b"old", b"new"]


async def test_a_failure_is_given_a_moment_however_often_it_is_asked_to() -> None:
    async with _polling() as (poller, world):
        await world.asked.get()
        poller.now()
        world.answers.put_nowait(Unreachable("a moment's"))
        assert isinstance(await world.next(), Unreachable)
        failed = asyncio.get_running_loop().time()
        poller.now()
        assert await world.asked.get() - failed >= 0.25


@pytest.mark.parametrize("failure", [Unreachable("gone"), b"no state"])
async def test_a_failure_is_told_and_soon_tried_again(failure: bytes | EvccError) -> None:
    async with _polling() as (poller, world):
        poller._pause.next = lambda longest=None: longest or 0.01  # type: ignore[method-assign]
        for answer in (failure, failure, b"1"):
            world.answers.put_nowait(answer)
        came = [await world.next() for _ in range(3 if isinstance(failure, EvccError) else 5)]
        assert [type(one) for one in came if isinstance(one, EvccError)] == (
            [Unreachable] * 2 if isinstance(failure, EvccError) else [Invalid] * 2
        )
        assert came[-1] == b"1"


async def test_after_failures_the_pause_is_at_most_the_interval_and_short_again_after_a_success() -> None:
    async with _polling() as (poller, world):
        world.interval = 0.001
        for _ in range(20):
            world.answers.put_nowait(Unreachable("gone"))
        for _ in range(20):
            await world.next()
        world.answers.put_nowait(b"1")
        assert await world.next() == b"1"
        assert poller._pause.next() < 1.0
