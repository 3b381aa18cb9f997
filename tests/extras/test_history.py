import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.extras.history import ROUTE, History, totals
from tests.extras.house import House
from tests.extras.recorded import NO_ROUTE, Answer, FakeEvcc, reply
from tests.virtual import START, in_virtual_time, jump

ASKED = f"{ROUTE}?from=2026-11-25T00%3A00%3A00%2B01%3A00&aggregate=day&grouped=true"


def series(group: str, *slots: tuple[float, float]) -> dict[str, Any]:
    """As evcc 0.309 to 0.313 answers."""
    time = {"start": "2026-11-25T00:00:00+01:00", "end": "2026-11-26T00:00:00+01:00"}
    return {"group": group, "data": [{**time, "energy": energy, "returnEnergy": back} for energy, back in slots]}


class Metered(House):
    """The history of a fake evcc."""

    def __init__(self, answer: Answer, **settings: Any) -> None:
        super().__init__(FakeEvcc({ROUTE: answer}), **settings)
        self.history = History(self.access)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.rest.update(self.idle())
        task = asyncio.create_task(self.history.run())
        await asyncio.sleep(1)
        yield
        task.cancel()


def test_todays_energy_by_group() -> None:
    async def main() -> None:
        house = Metered(reply([series("grid", (1.5, 0.25)), series("pv", (10.1234, 0), (1, 0))]))
        async with house.running():
            assert house.evcc.asked == [ASKED]
            assert house.mirror.topics == {
                "history/today/grid": b"1.5",
                "history/today/grid/returnEnergy": b"0.25",
                "history/today/pv": b"11.123",
                "history/today/pv/returnEnergy": b"0",
            }

    in_virtual_time(main())


def test_it_is_read_a_minute_after_each_quarter_of_an_hour() -> None:
    async def main() -> None:
        house = Metered(reply([]))
        loop = asyncio.get_running_loop()
        async with house.running():
            asked: dict[int, float] = {}
            for _ in range(3600):
                await asyncio.sleep(1)
                asked.setdefault(len(house.evcc.asked), (START + loop.time()) % 900)
            assert asked.keys() == {1, 2, 3, 4, 5}
            assert all(60 <= asked[count] < 63 for count in (2, 3, 4, 5))

    in_virtual_time(main())


def test_after_midnight_a_group_without_energy_is_0() -> None:
    async def main() -> None:
        house = Metered(reply([series("pv", (10, 0))]))
        async with house.running():
            house.evcc.answers[ROUTE] = reply(None)
            jump(14 * 3600)
            await asyncio.sleep(30)
            assert house.evcc.asked[-1].startswith(f"{ROUTE}?from=2026-11-26T00%3A00")
            assert house.mirror.topics["history/today/pv"] == b"0"

    in_virtual_time(main())


@pytest.mark.parametrize("answer", [NO_ROUTE, reply({"error": "database offline"}, 400)])
def test_an_evcc_without_history_has_no_topics(answer: Answer) -> None:
    async def main() -> None:
        house = Metered(answer)
        async with house.running():
            assert house.mirror.topics == {}
            assert house.mirror.unread == set()
            await asyncio.sleep(3000)
            assert len([path for path in house.evcc.asked if path == ASKED]) == (1 if answer is NO_ROUTE else 5)

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (None, {}),
        ({"a": 1}, {}),
        ([1, None, [], {"group": 5, "data": []}, {"group": "", "data": []}, {"group": "pv", "data": None}], {}),
        ([{"name": "grid", "data": [{"import": 1}]}], {}),  # 0.305 has no groups
        ([{"group": "pv", "data": [1, None, {"energy": "x"}, {"energy": True}]}], {"pv": (0, 0)}),
        ([{"group": "pv", "data": [{"energy": 2}]}] * 2, {"pv": (4, 0)}),
    ],
)
def test_what_is_no_history_is_left_out(answer: Any, found: dict[str, tuple[float, float]]) -> None:
    assert totals(answer) == {
        group: {"energy": energy, "returnEnergy": back} for group, (energy, back) in found.items()
    }


def test_groups_are_bounded() -> None:
    found = totals([{"group": f"{number:0500}", "data": []} for number in range(1000)])
    assert len(found) <= 50
    assert max(map(len, found)) < 70
