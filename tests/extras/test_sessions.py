import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.errors import EvccError, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.sessions import Sessions
from bridge.state.state import Loadpoint, Part, Scope, Target
from tests.extras.house import House
from tests.extras.recorded import ERAS, NO_ROUTE, FakeEvcc, body, reply
from tests.virtual import START, in_virtual_time, jump, monotonic, now

PATH = "/api/sessions"
ROW = {"loadpoint": "Hof", "created": "2026-11-25T08:00:00Z", "chargedEnergy": 10, "price": 2, "chargeDuration": 36e11}


def loadpoint(**values: Any) -> Part:
    return Loadpoint(Target(Scope.LOADPOINT, "1"), values)


HOF = loadpoint(title="Hof", sessionEnergy=9900, sessionPrice=1.9, chargeDuration=3599)


class Charged(House):
    """Sessions of a fake evcc."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        super().__init__(FakeEvcc({PATH: reply(rows)}))
        self.sessions = Sessions(self.access)

    def answer(self, answer: Reply | Exception) -> None:
        self.evcc.answers[PATH] = answer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.rest.update(self.idle())
        task = asyncio.create_task(self.sessions.run())
        await asyncio.sleep(1)
        yield
        task.cancel()


@pytest.mark.parametrize("era", ERAS)
def test_recorded_sessions_become_topics(era: str) -> None:
    async def main() -> None:
        house = Charged()
        house.answer(Reply(200, "application/json", body(era, f"GET {PATH}")))
        await house.sessions.read()
        assert house.mirror.topics["sessions"] == b"3"
        assert house.mirror.topics["sessions/month/energy"] == b"34.65"

    in_virtual_time(main())


def test_the_list_is_read_again_at_local_midnight() -> None:
    async def main() -> None:
        house = Charged(ROW)
        async with house.running():
            midnight = START - START % 86_400 + 23 * 3600  # in Berlin
            await asyncio.sleep(midnight - now() - 1)
            assert house.evcc.asked == [PATH]
            await asyncio.sleep(2)
            assert house.evcc.asked == [PATH, PATH]
            await asyncio.sleep(86_000)
            assert house.evcc.asked == [PATH, PATH]

    in_virtual_time(main())


def test_a_day_of_the_change_to_summer_time_ends_at_its_midnight() -> None:
    async def main() -> None:
        jump(1_774_740_600 - START)  # 2026-03-29 0:30 in Berlin, with 22.5 hours to go
        house = Charged()
        await house.sessions.read()
        assert house.sessions.due_in() == 22.5 * 3600

    in_virtual_time(main())


def test_month_sums_are_right_within_a_minute_after_a_jump_of_the_clock() -> None:
    async def main() -> None:
        jump(-400 * 86_400)
        house = Charged(ROW)
        async with house.running():
            assert house.mirror.topics["sessions/month/count"] == b"0"
            for days, count in ((400, b"1"), (-400, b"0")):
                jump(days * 86_400)
                await asyncio.sleep(60)
                assert house.mirror.topics["sessions/month/count"] == count

    in_virtual_time(main())


async def test_an_evcc_without_sessions_has_none() -> None:
    house = Charged(ROW)
    await house.sessions.read()
    house.answer(reply({"error": "database offline"}, 400))
    await house.sessions.read()
    assert house.mirror.sources == {"sessions": {}}


@pytest.mark.parametrize(
    "answer", [NO_ROUTE, *(Reply(200, "application/json", body) for body in (b"<html>", b'[{"id":1},{"i', b"[1]"))]
)
async def test_what_is_no_list_changes_nothing(answer: Reply) -> None:
    house = Charged(ROW)
    await house.sessions.read()
    before = dict(house.mirror.sources)
    house.answer(answer)
    with pytest.raises(EvccError):
        await house.sessions.read()
    assert house.mirror.sources == before


def test_an_ended_session_has_the_figures_of_the_list() -> None:
    async def main() -> None:
        house = Charged(ROW, ROW | {"created": "2026-11-01T08:00:00Z", "price": 7})
        assert await house.sessions.ended(HOF) == {"energy": 10, "cost": 2, "duration": 3600}
        assert house.mirror.topics["sessions"] == b"2"

    in_virtual_time(main())


def test_a_session_that_is_stored_late_is_waited_for() -> None:
    async def main() -> None:
        house = Charged(ROW | {"chargedEnergy": 3, "created": "2026-11-24T08:00:00Z"})
        ending = asyncio.create_task(house.sessions.ended(HOF))
        await asyncio.sleep(1)
        house.answer(reply([ROW]))
        assert (await ending)["cost"] == 2

    in_virtual_time(main())


def test_no_session_is_published_twice() -> None:
    async def main() -> None:
        house = Charged(ROW | {"id": 7})
        assert (await house.sessions.ended(HOF))["cost"] == 2
        assert (await house.sessions.ended(HOF))["cost"] == 1.9
        house.answer(reply([ROW | {"id": 7}, ROW | {"id": 8, "price": 3}]))
        assert (await house.sessions.ended(HOF))["cost"] == 3

    in_virtual_time(main())


@pytest.mark.parametrize(
    "answer",
    [
        reply([]),
        reply([ROW | {"loadpoint": "Garage"}]),
        reply([ROW | {"chargedEnergy": 30}]),
        reply([ROW | {"chargedEnergy": None}]),
        NO_ROUTE,
        Reply(500, "text/plain", b"no"),
        Unreachable("gone"),
        Reply(200, "application/json", b"["),
    ],
)
def test_without_a_row_the_figures_are_the_loadpoints_own(answer: Reply | Exception) -> None:
    async def main() -> None:
        house = Charged()
        house.answer(answer)
        assert await house.sessions.ended(HOF) == {"energy": 9.9, "cost": 1.9, "duration": 3599}
        assert monotonic() < 5

    in_virtual_time(main())


def test_a_loadpoint_without_values_ends_without_figures() -> None:
    async def main() -> None:
        assert await Charged(ROW).sessions.ended(loadpoint()) == {"energy": None, "cost": None, "duration": None}

    in_virtual_time(main())
