import asyncio

from bridge.commands.pace import Pace
from tests.commands.fakes import Clock


async def test_a_seconds_worth_may_come_at_once_then_the_rate_holds() -> None:
    clock = Clock()
    pace = Pace(10, clock.monotonic, clock.sleep)
    turns: list[float] = []

    async def take() -> None:
        await pace.turn()
        turns.append(round(clock.time - 1000, 3))

    tasks = [asyncio.create_task(take()) for _ in range(30)]
    await clock.advance(0)
    assert turns == [0.0] * 10
    await clock.advance(2.01)
    assert turns[10:] == [round(number / 10, 3) for number in range(1, 21)]
    await asyncio.gather(*tasks)


async def test_after_a_pause_there_is_no_more_than_a_seconds_worth() -> None:
    clock = Clock()
    pace = Pace(2, clock.monotonic, clock.sleep)
    await clock.advance(3600)
    waiting = [asyncio.create_task(pace.turn()) for _ in range(3)]
    await clock.advance(0)
    assert [task.done() for task in waiting] == [True, True, False]
    await clock.advance(0.5)
    assert waiting[2].done()
