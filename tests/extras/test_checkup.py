import asyncio

import pytest

from bridge.evcc.client import Reply
from bridge.extras.checkup import Checkup
from tests.extras.recorded import NO_ROUTE, Answer, FakeEvcc
from tests.virtual import in_virtual_time, monotonic

WELL = Reply(200, "application/json; charset=UTF-8", b"OK\n")
ILL = Reply(500, "text/plain", b"Internal Server Error\n")
OF_A_PROXY = Reply(502, "text/html", b"<html>Bad Gateway</html>")


class House:
    """The health check of a fake evcc."""

    def __init__(self, answer: Answer) -> None:
        self.evcc = FakeEvcc({"/api/health": answer})
        self.said: list[bool] = []
        self.checkup = Checkup(self.evcc, self.said.append, monotonic)

    async def run(self, seconds: float) -> None:
        until, asked = monotonic() + seconds, True
        while monotonic() < until:
            await asyncio.sleep(min(await self.checkup.work(asked), until - monotonic()))
            asked = False


def test_a_silent_evcc_is_asked_less_and_less_often() -> None:
    async def main() -> None:
        house = House(WELL)
        await house.run(3600)
        assert len(house.evcc.asked) == 1 + 4  # at the start, after 5, 10, 20 and 40 minutes
        await house.run(6 * 3600)
        assert len(house.evcc.asked) <= 5 + 1 + 7
        assert set(house.said) == {True}

    in_virtual_time(main())


def test_an_evcc_that_moves_is_not_asked() -> None:
    async def main() -> None:
        house = House(WELL)
        running = asyncio.create_task(house.run(3600))
        for _ in range(60):
            await asyncio.sleep(60)
            house.checkup.moved()
        await running
        assert len(house.evcc.asked) == 1

    in_virtual_time(main())


def test_an_evcc_that_hangs_is_ill_until_something_moves() -> None:
    async def main() -> None:
        house = House(WELL)
        await house.run(1)
        house.evcc.answers["/api/health"] = ILL
        running = asyncio.create_task(house.run(301))
        await asyncio.sleep(300.5)
        assert house.said[-1] is False
        house.checkup.moved()
        assert house.said[-1] is True
        await running

    in_virtual_time(main())


def test_an_evcc_that_is_ill_is_asked_every_minute() -> None:
    async def main() -> None:
        house = House(ILL)
        await house.run(601)
        assert len(house.evcc.asked) == 1 + 10
        house.evcc.answers["/api/health"] = WELL
        await house.run(61)
        assert house.said[-1] is True

    in_virtual_time(main())


@pytest.mark.parametrize("answer", [NO_ROUTE, OF_A_PROXY])
def test_an_evcc_without_the_check_is_asked_as_seldom_and_never_ill(answer: Reply) -> None:
    async def main() -> None:
        house = House(answer)
        await house.run(3600)
        assert (len(house.evcc.asked), house.said) == (1 + 4, [])

    in_virtual_time(main())


def test_an_evcc_that_had_no_check_while_it_started_is_asked_again() -> None:
    async def main() -> None:
        house = House(NO_ROUTE)
        running = asyncio.create_task(house.run(301))
        await asyncio.sleep(1)
        house.evcc.answers["/api/health"] = ILL
        await running
        assert house.said == [False]

    in_virtual_time(main())
