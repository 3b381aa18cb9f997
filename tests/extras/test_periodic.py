import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest

from bridge.errors import EvccError, Invalid, Unreachable
from bridge.extras.periodic import Access, Periodic
from tests.extras.house import House
from tests.virtual import in_virtual_time, jump, monotonic, now


class Reading(Periodic):
    """Notes when it was read."""

    name = "reading"
    topics: ClassVar = ("reading/#",)

    def __init__(self, access: Access, every: float = float("inf")) -> None:
        super().__init__(access)
        self.every = every
        self.error: Exception | None = None
        self.moments: list[float] = []

    async def read(self) -> None:
        self.moments.append(round(monotonic(), 1))
        if self.error:
            raise self.error

    def due_in(self) -> float:
        return self.moments[-1] + self.every - monotonic()


class AtNoon(Reading):
    """Is due every 500 days, by the wall clock."""

    noon = 0.0

    async def read(self) -> None:
        await super().read()
        self.noon = max(self.noon, now()) + 500 * 86_400

    def due_in(self) -> float:
        return self.noon - now()


@asynccontextmanager
async def running(reading: Reading, house: House, *, complete: bool = True) -> AsyncIterator[None]:
    house.rest.update(house.idle(complete=complete))
    task = asyncio.create_task(reading.run())
    await asyncio.sleep(0.1)
    yield
    task.cancel()


def test_it_is_read_first_of_all_when_asked_and_when_due() -> None:
    async def main() -> None:
        house = House()
        reading = Reading(house.access, 100)
        async with running(reading, house):
            await asyncio.sleep(149.9)
            reading.ask()
            reading.ask()
            await asyncio.sleep(60)
        assert reading.moments == [0, 100, 150]

    in_virtual_time(main())


def test_what_is_never_due_is_only_read_when_asked() -> None:
    async def main() -> None:
        house = House()
        reading = Reading(house.access)
        async with running(reading, house):
            await asyncio.sleep(1e5)
            reading.ask()
            await asyncio.sleep(1)
        assert len(reading.moments) == 2

    in_virtual_time(main())


def test_it_is_not_read_before_evcc_is_complete() -> None:
    async def main() -> None:
        house = House()
        reading = Reading(house.access, 100)
        async with running(reading, house, complete=False):
            await asyncio.sleep(500)
            assert reading.moments == []
            house.rest.update(house.idle())
            await asyncio.sleep(1)
            house.rest.update(house.idle(complete=False))
            await asyncio.sleep(500)
            assert len(reading.moments) == 1

    in_virtual_time(main())


def test_a_restart_of_evcc_brings_another_read() -> None:
    async def main() -> None:
        house = House()
        reading = Reading(house.access)
        async with running(reading, house):
            reading.update(house.idle())
            await asyncio.sleep(10)
            assert len(reading.moments) == 1
            reading.update(house.idle(restarted=True))
            await asyncio.sleep(10)
            assert len(reading.moments) == 2

    in_virtual_time(main())


@pytest.mark.parametrize("error", [Unreachable("gone"), Invalid("a login page")])
def test_a_failed_read_is_repeated_with_growing_pauses(error: EvccError) -> None:
    async def main() -> None:
        house = House()
        reading = Reading(house.access, 1e9)
        reading.error = error
        async with running(reading, house):
            await asyncio.sleep(3600)
            moments = reading.moments
            assert 12 <= len(moments) <= 24
            assert moments[1] <= 6
            assert moments[-1] - moments[-2] > 200
            reading.error = None
            await asyncio.sleep(2000)
            count = len(reading.moments)
            await asyncio.sleep(7200)
            assert len(reading.moments) == count

    in_virtual_time(main())


def test_topics_are_kept_until_they_were_read_once_or_cannot_be() -> None:
    async def main() -> None:
        sound, failing = House(), House()
        first, second = Reading(sound.access), Reading(failing.access)
        second.error = Unreachable("gone")
        assert sound.mirror.unread == failing.mirror.unread == {"reading/#"}
        async with running(first, sound), running(second, failing):
            assert sound.mirror.unread == set()
            await asyncio.sleep(20)
            assert failing.mirror.unread == {"reading/#"}
            await asyncio.sleep(100)
            assert failing.mirror.unread == set()

    in_virtual_time(main())


@pytest.mark.parametrize("seconds", [400 * 86_400, 7200])
def test_a_jump_of_the_wall_clock_is_noticed_within_a_minute(seconds: float) -> None:
    async def main() -> None:
        house = House()
        reading = AtNoon(house.access)
        async with running(reading, house):
            reading.noon = now() + 3600
            await asyncio.sleep(600)
            assert len(reading.moments) == 1
            jump(seconds)
            await asyncio.sleep(60)
            assert len(reading.moments) == 2

    in_virtual_time(main())


def test_other_errors_are_not_hidden() -> None:
    async def main() -> None:
        house = House()
        reading = Reading(house.access)
        reading.error = ZeroDivisionError()
        house.rest.update(house.idle())
        with pytest.raises(ZeroDivisionError):
            await reading.run()

    in_virtual_time(main())
