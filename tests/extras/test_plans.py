import asyncio
from typing import Any

import orjson
import pytest

from bridge.errors import EvccError, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.plans import Plans
from tests.extras.house import House
from tests.extras.recorded import ERAS, NO_ROUTE, FakeEvcc, reply, state
from tests.virtual import in_virtual_time

DETAILS = {"planTime": "2026-11-26T06:30:00Z", "duration": 52173, "plan": [], "power": 690}
PLAN = {"effectivePlanTime": "2026-11-26T06:30:00Z", "planProjectedStart": "2026-11-26T01:00:00Z"}


class Planned(House):
    """Plans of a fake evcc."""

    def __init__(self, *loadpoints: dict[str, Any]) -> None:
        evcc = FakeEvcc({f"/api/loadpoints/{n}/plan": reply(DETAILS) for n in (1, 2, 3)})
        super().__init__(evcc, {"loadpoints": list(loadpoints)})
        self.plans = Plans(self.access)

    async def reads(self, **changes: Any) -> list[str]:
        """The requests of one read, after a change of the first loadpoint."""
        self.plans.update(self.loadpoint(1, changes))
        self.evcc.asked.clear()
        await self.plans.read()
        return self.evcc.asked

    def details(self, number: int = 1) -> bytes:
        return self.mirror.sources["plans"].get(f"loadpoints/{number}/planDetails", b"")


@pytest.mark.parametrize("era", ERAS)
async def test_the_recorded_house_has_plans(era: str) -> None:
    house = Planned(*state(era)["loadpoints"])
    await house.plans.read()
    assert set(house.mirror.sources["plans"]) == {"loadpoints/1/planDetails", "loadpoints/2/planDetails"}
    assert orjson.loads(house.details(2)) == DETAILS


@pytest.mark.parametrize("time", [None, "", "0001-01-01T00:00:00Z", 5, "soon"])
async def test_a_loadpoint_without_a_plan_is_not_read(time: Any) -> None:
    house = Planned(PLAN | {"effectivePlanTime": time})
    assert await house.reads() == []
    assert house.mirror.sources == {"plans": {}}


async def test_a_plan_is_read_when_it_changes_and_not_else() -> None:
    house = Planned(PLAN, PLAN)
    assert await house.reads() == ["/api/loadpoints/1/plan", "/api/loadpoints/2/plan"]
    assert await house.reads(chargePower=3000) == []
    assert await house.reads(effectivePlanSoc=80) == ["/api/loadpoints/1/plan"]
    assert await house.reads(planProjectedStart="2026-11-26T01:01:00Z") == ["/api/loadpoints/1/plan"]


def test_another_goal_is_read_at_once_and_another_course_within_a_quarter_of_an_hour() -> None:
    async def main() -> None:
        house = Planned(PLAN, PLAN)
        house.rest.update(house.first())
        task = asyncio.create_task(house.plans.run())
        await asyncio.sleep(1000)
        house.evcc.asked.clear()
        house.plans.update(house.loadpoint(1, {"planEnergy": 10}))
        await asyncio.sleep(1)
        assert house.evcc.asked == ["/api/loadpoints/1/plan"]
        for minute in range(45):
            house.plans.update(house.loadpoint(2, {"planProjectedStart": f"2026-11-26T01:{minute:02}:00Z"}))
            await asyncio.sleep(60)
        assert house.evcc.asked[1:] == ["/api/loadpoints/2/plan"] * 3
        await asyncio.sleep(2000)
        house.evcc.asked.clear()
        await asyncio.sleep(86_400)
        assert house.evcc.asked == []
        task.cancel()

    in_virtual_time(main())


async def test_a_plan_that_is_gone_is_erased() -> None:
    house = Planned(PLAN)
    await house.plans.read()
    assert house.details()
    await house.reads(effectivePlanTime=None)
    assert house.mirror.sources == {"plans": {}}


async def test_the_plan_of_a_loadpoint_that_is_gone_is_erased() -> None:
    house = Planned(PLAN, PLAN)
    await house.plans.read()
    house.plans.update(house.new({"loadpoints": [PLAN]}))
    await house.plans.read()
    assert set(house.mirror.sources["plans"]) == {"loadpoints/1/planDetails"}


@pytest.mark.parametrize("answer", [reply({"error": "vehicle soc is above plan"}, 400), NO_ROUTE])
async def test_what_evcc_refuses_is_erased_and_not_read_again(answer: Any) -> None:
    house = Planned(PLAN)
    await house.plans.read()
    house.evcc.answers["/api/loadpoints/1/plan"] = answer
    assert (await house.reads(effectivePlanSoc=40))[:1] == ["/api/loadpoints/1/plan"]
    assert house.details() == b""
    assert await house.reads() == []


async def test_while_evcc_does_not_answer_details_of_the_same_goal_stay_and_are_read_later() -> None:
    house = Planned(PLAN)
    await house.plans.read()
    house.evcc.answers["/api/loadpoints/1/plan"] = Unreachable("gone")
    house.plans.refresh()
    with pytest.raises(EvccError):
        await house.reads(planProjectedStart="2026-11-26T01:01:00Z")
    assert orjson.loads(house.details()) == DETAILS
    house.evcc.answers["/api/loadpoints/1/plan"] = reply({"power": 7})
    assert await house.reads() == ["/api/loadpoints/1/plan"]
    assert house.details() == b'{"power":7}'


@pytest.mark.parametrize("number", [1, 2])
async def test_one_that_evcc_does_not_answer_is_erased_and_does_not_stop_the_others(number: int) -> None:
    house = Planned(PLAN, PLAN)
    await house.plans.read()
    house.evcc.answers |= {f"/api/loadpoints/{n}/plan": reply({"power": n}) for n in (1, 2)}
    house.evcc.answers[f"/api/loadpoints/{number}/plan"] = Reply(502, "text/html", b"<html>")
    house.plans.update(house.new({"loadpoints": [PLAN | {"effectivePlanSoc": 80}] * 2}))
    with pytest.raises(Unreachable):
        await house.plans.read()
    other = 3 - number
    assert house.details(number) == b""
    assert house.details(other) == b'{"power":%d}' % other
    house.evcc.answers[f"/api/loadpoints/{number}/plan"] = reply({"power": 7})
    assert await house.reads() == [f"/api/loadpoints/{number}/plan"]
    assert house.details(number) == b'{"power":7}'


async def test_a_change_elsewhere_looks_at_no_loadpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    house = Planned(*[PLAN] * 3)
    await house.plans.read()
    update = house.new(house.document | {"pvPower": 5})
    monkeypatch.setattr(house.reader, "state", None)
    house.plans.update(update)
    assert house.plans.due_in() == float("inf")
