import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.evcc.client import Reply
from bridge.extras.health_check import HealthCheck
from tests.extras.house import House
from tests.extras.recorded import NO_ROUTE, Answer, FakeEvcc
from tests.virtual import in_virtual_time

HEALTHY = Reply(200, "application/json; charset=UTF-8", b"OK\n")
UNHEALTHY = Reply(500, "text/plain", b"Internal Server Error\n")
OF_A_PROXY = Reply(502, "text/html", b"<html>Bad Gateway</html>")


class Checked(House):
    """The health check of a fake evcc."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(FakeEvcc({"/api/health": answer}), {"loadpoints": [{"chargePower": 0}]})
        self.check = HealthCheck(self.access)
        self.power = 0

    def change(self) -> None:
        """A value changes: evcc's control loop runs."""
        self.power += 1
        self.check.update(self.loadpoint(1, {"chargePower": self.power}))

    @property
    def checks(self) -> int:
        return self.evcc.asked.count("/api/health")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.rest.update(self.idle())
        task = asyncio.create_task(self.check.run())
        await asyncio.sleep(0.1)
        yield
        task.cancel()


def test_an_evcc_without_changes_is_checked_less_and_less_often() -> None:
    async def main() -> None:
        house = Checked(HEALTHY)
        async with house.running():
            await asyncio.sleep(3600)
            assert house.checks == 1 + 4  # at the start, after 5, 10, 20 and 40 minutes
            await asyncio.sleep(6 * 3600)
            assert house.checks <= 5 + 1 + 7
            assert set(house.reader.hangs) == {False}

    in_virtual_time(main())


def test_an_evcc_with_changes_is_not_checked() -> None:
    async def main() -> None:
        house = Checked(HEALTHY)
        async with house.running():
            for _ in range(60):
                await asyncio.sleep(60)
                house.change()
            assert house.checks == 1

    in_virtual_time(main())


def test_an_update_without_a_change_is_no_sign_of_health() -> None:
    async def main() -> None:
        house = Checked(HEALTHY)
        async with house.running():
            for _ in range(60):
                await asyncio.sleep(10)
                house.check.update(house.idle())
            assert house.checks == 1 + 2

    in_virtual_time(main())


def test_an_evcc_that_is_not_healthy_hangs_until_a_value_changes() -> None:
    async def main() -> None:
        house = Checked(HEALTHY)
        async with house.running():
            house.evcc.answers["/api/health"] = UNHEALTHY
            await asyncio.sleep(301)
            assert house.reader.hangs[-1] is True
            house.change()
            assert house.reader.hangs[-1] is False

    in_virtual_time(main())


def test_an_evcc_that_is_not_healthy_is_checked_every_minute() -> None:
    async def main() -> None:
        house = Checked(UNHEALTHY)
        async with house.running():
            await asyncio.sleep(601)
            assert house.checks == 1 + 10
            house.evcc.answers["/api/health"] = HEALTHY
            await asyncio.sleep(61)
            assert house.reader.hangs[-1] is False

    in_virtual_time(main())


@pytest.mark.parametrize("answer", [NO_ROUTE, OF_A_PROXY])
def test_an_evcc_without_the_check_never_hangs_and_is_not_checked_more_often(answer: Reply) -> None:
    async def main() -> None:
        house = Checked(answer)
        async with house.running():
            await asyncio.sleep(3600)
            assert (house.checks, house.reader.hangs) == (1 + 4, [])

    in_virtual_time(main())


def test_an_evcc_that_had_no_check_while_it_started_is_checked_later() -> None:
    async def main() -> None:
        house = Checked(NO_ROUTE)
        async with house.running():
            await asyncio.sleep(1)
            house.evcc.answers["/api/health"] = UNHEALTHY
            await asyncio.sleep(301)
            assert house.reader.hangs == [True]

    in_virtual_time(main())
