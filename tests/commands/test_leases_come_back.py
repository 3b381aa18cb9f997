"""Whatever happens in whatever order: after a lease the setting has its earlier value, or one that somebody set."""

import asyncio
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bridge.evcc.client import Reply
from bridge.evcc.reader import Update
from bridge.state.document import from_document
from bridge.state.state import State
from tests.commands.fakes import FakeEvcc, World, reply, settle
from tests.virtual import in_virtual_time, jump, monotonic

TOPIC = "loadpoints/1/priority"
LEASES = "bridge/leases"
# borrowed values, and those that are set otherwise, differ: which one is there tells whose it is
BORROWED = some.integers(1, 3)
OTHERS = some.integers(4, 8)
STEPS = some.one_of(
    some.tuples(some.just("borrow"), BORROWED, some.integers(1, 200)),
    some.tuples(some.just("set"), OTHERS),
    some.tuples(some.just("somebody"), OTHERS),
    some.tuples(some.just("wait"), some.integers(10, 200)),
    some.tuples(some.just("restart"), some.integers(1, 200)),
    some.tuples(some.just("clock"), some.integers(-(10**8), 10**8)),
    some.tuples(some.just("starting"), some.integers(1, 200)),
    some.tuples(some.just("lag"), some.sampled_from([0, 0.5, 1.5])),
)


def house_with(priority: int) -> State:
    return from_document({"version": "0.313.2", "loadpoints": [{"priority": priority}]})


class Evcc(FakeEvcc):
    """Holds a priority, which its state shows at once, or after `lag` seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.value = 0
        self.lag = 0.0
        self.world: World | None = None

    def change(self, value: int) -> None:
        self.value = value
        if self.lag:
            asyncio.get_running_loop().call_later(self.lag, self._show, value)
        else:
            self._show(value)

    def _show(self, value: int) -> None:
        if self.world is not None and self.world.reader.complete:
            state = self.world.reader.state = house_with(value)
            self.world.dispatcher.update(Update(state, (), complete=True, restarted=False))

    async def call(self, method: str, path: str, **options: Any) -> Reply:  # noqa: ARG002 - evcc's
        self.change(int(path.rpartition("/")[2]))
        return reply()


class Run:
    """Carries out steps, and knows which value is to be there: `base`, or the borrowed one until `ends`."""

    def __init__(self) -> None:
        self.evcc = Evcc()
        self.retained: dict[str, bytes] = {}
        self.base = 0
        self.borrowed, self.ends = 0, float("-inf")

    async def start(self) -> None:
        self.world = self.evcc.world = World(house_with(self.evcc.value), self.evcc)
        self.world.mirror.retained = self.retained
        self.task = asyncio.create_task(self.world.dispatcher.run())
        await asyncio.sleep(2)

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def borrow(self, value: int, seconds: int) -> None:
        await self._expire()
        self.borrowed, self.ends = value, monotonic() + seconds
        answer = await self.world.answered(TOPIC, orjson.dumps({"value": value, "for": seconds}))
        assert answer["status"] == "ok"

    async def set(self, value: int) -> None:
        await self.world.answered(TOPIC, str(value))
        self.base, self.ends = value, float("-inf")

    async def somebody(self, value: int) -> None:
        """What the state does not show before the next loan is not known: it is seen, and nothing older after it."""
        await asyncio.sleep(self.evcc.lag)
        self.evcc.change(value)
        self.base, self.ends = value, float("-inf")
        await asyncio.sleep(self.evcc.lag)

    async def lag(self, seconds: float) -> None:
        await asyncio.sleep(self.evcc.lag)
        self.evcc.lag = seconds

    async def wait(self, seconds: int) -> None:
        await asyncio.sleep(seconds)

    async def restart(self, seconds: int) -> None:
        await self.stop()
        await asyncio.sleep(seconds)
        await self.start()
        await asyncio.sleep(10)  # one that ended meanwhile is given back

    async def clock(self, seconds: int) -> None:
        jump(seconds)
        await asyncio.sleep(2)

    async def starting(self, seconds: int) -> None:
        """evcc restarts, and shows meanwhile what it was configured with."""
        self.world.reader.complete = self.world.reader.settled = False
        self.world.reader.state = house_with(0)
        await asyncio.sleep(seconds)
        self.world.reader.state = house_with(self.evcc.value)
        self.world.reader.complete = self.world.reader.settled = True
        await asyncio.sleep(10)

    async def check(self) -> None:
        await self._expire()
        expected = self.borrowed if monotonic() < self.ends else self.base
        assert self.evcc.value == expected

    async def _expire(self) -> None:
        """Wait for a lease that is over, or about to be, to be given back."""
        await settle()
        if self.ends - 5 < monotonic() < self.ends + 10:
            await asyncio.sleep(self.ends + 10 - monotonic())


async def follow(steps: list[tuple[Any, ...]]) -> None:
    run = Run()
    await run.start()
    for name, *arguments in steps:
        await getattr(run, name)(*arguments)
        await run.check()
    await asyncio.sleep(220)
    assert run.evcc.value == run.base
    assert LEASES not in run.world.mirror.retained
    await run.stop()


@pytest.mark.parametrize("lag", [0, 0.5])
def test_a_value_that_somebody_sets_back_at_once_is_what_comes_back(lag: float) -> None:
    in_virtual_time(follow([("lag", lag), ("set", 5), ("set", 4), ("somebody", 5), ("borrow", 1, 30)]))


@settings(max_examples=40, deadline=None)
@given(some.lists(STEPS, max_size=8))
def test_what_was_borrowed_comes_back(steps: list[tuple[Any, ...]]) -> None:
    in_virtual_time(follow(steps))
