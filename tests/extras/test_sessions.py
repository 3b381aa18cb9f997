import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.errors import EvccError, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.rest import Rest
from bridge.extras.sessions import Sessions
from tests.extras.recorded import ERAS, NO_ROUTE, FakeEvcc, Wanted, body, reply
from tests.virtual import START, in_virtual_time, monotonic, now

BERLIN = ZoneInfo("Europe/Berlin")
PATH = "/api/sessions"
HOF = {"title": "Hof", "sessionEnergy": 9900, "sessionPrice": 1.9, "chargeDuration": 3599}
ROW = {"loadpoint": "Hof", "created": "2026-11-25T08:00:00Z", "chargedEnergy": 10, "price": 2, "chargeDuration": 36e11}


class House:
    """Sessions of a fake evcc."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.evcc = FakeEvcc({PATH: reply(rows)})
        self.wanted = Wanted()
        self.sessions = Sessions(Rest(self.evcc, monotonic), self.wanted, BERLIN, now)


@pytest.mark.parametrize("era", ERAS)
async def test_recorded_sessions_become_topics(era: str) -> None:
    wanted = Wanted()
    evcc = FakeEvcc({PATH: Reply(200, "application/json", body(era, f"GET {PATH}"))})
    sessions = Sessions(Rest(evcc, lambda: 0.0), wanted, BERLIN, lambda: START)
    await sessions.work(True)
    assert wanted["sessions"] == b"3"
    assert wanted["sessions/month/energy"] == b"34.65"


def test_the_list_is_read_again_at_local_midnight() -> None:
    async def main() -> None:
        house = House(ROW)
        seconds = await house.sessions.work(True)
        assert datetime.fromtimestamp(now() + seconds, UTC) == datetime(2026, 11, 25, 23, tzinfo=UTC)

    in_virtual_time(main())


async def test_a_day_of_the_change_to_summer_time_ends_at_its_midnight() -> None:
    start = datetime(2026, 3, 28, 23, 30, tzinfo=UTC).timestamp()  # 0:30 in Berlin, with 22.5 hours to go
    sessions = Sessions(Rest(FakeEvcc({PATH: reply([])}), lambda: 0.0), Wanted(), BERLIN, lambda: start)
    assert await sessions.work(True) == 22.5 * 3600


async def test_an_evcc_without_sessions_has_none() -> None:
    wanted = Wanted()
    evcc = FakeEvcc({PATH: reply([ROW])})
    sessions = Sessions(Rest(evcc, lambda: 0.0), wanted, BERLIN, lambda: START)
    await sessions.work(True)
    evcc.answers[PATH] = reply({"error": "database offline"}, 400)
    await sessions.work(True)
    assert wanted.sources == {"sessions": {}}


@pytest.mark.parametrize(
    "answer", [NO_ROUTE, *(Reply(200, "application/json", body) for body in (b"<html>", b'[{"id":1},{"i', b"[1]"))]
)
async def test_what_is_no_list_changes_nothing(answer: Reply) -> None:
    wanted = Wanted()
    evcc = FakeEvcc({PATH: reply([ROW])})
    sessions = Sessions(Rest(evcc, lambda: 0.0), wanted, BERLIN, lambda: START)
    await sessions.work(True)
    before = dict(wanted.sources)
    evcc.answers[PATH] = answer
    with pytest.raises(EvccError):
        await sessions.work(True)
    assert wanted.sources == before


def test_an_ended_session_is_told_as_the_list_has_it() -> None:
    async def main() -> None:
        house = House(ROW, ROW | {"created": "2026-11-01T08:00:00Z", "price": 7})
        assert await house.sessions.ended(HOF) == {"energy": 10, "cost": 2, "duration": 3600}
        assert house.wanted["sessions"] == b"2"

    in_virtual_time(main())


def test_a_session_that_is_written_down_late_is_waited_for() -> None:
    async def main() -> None:
        house = House(ROW | {"chargedEnergy": 3, "created": "2026-11-24T08:00:00Z"})
        asking = asyncio.create_task(house.sessions.ended(HOF))
        await asyncio.sleep(1)
        house.evcc.answers[PATH] = reply([ROW])
        assert (await asking)["cost"] == 2

    in_virtual_time(main())


def test_no_session_is_told_of_twice() -> None:
    async def main() -> None:
        house = House(ROW | {"id": 7})
        assert (await house.sessions.ended(HOF))["cost"] == 2
        assert (await house.sessions.ended(HOF))["cost"] == 1.9
        house.evcc.answers[PATH] = reply([ROW | {"id": 7}, ROW | {"id": 8, "price": 3}])
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
def test_without_its_row_the_loadpoint_has_the_last_word(answer: Reply | Exception) -> None:
    async def main() -> None:
        house = House()
        house.evcc.answers[PATH] = answer
        assert await house.sessions.ended(HOF) == {"energy": 9.9, "cost": 1.9, "duration": 3599}
        assert monotonic() < 5

    in_virtual_time(main())


def test_a_loadpoint_that_says_nothing_ends_with_nothing() -> None:
    async def main() -> None:
        assert await House(ROW).sessions.ended({}) == {"energy": None, "cost": None, "duration": None}

    in_virtual_time(main())
