from typing import Any

import orjson
import pytest

from bridge.errors import EvccError, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.plans import Plans
from bridge.extras.rest import Rest
from tests.extras.recorded import ERAS, NO_ROUTE, FakeEvcc, Wanted, reply, state

DETAILS = {"planTime": "2026-11-26T06:30:00Z", "duration": 52173, "plan": [], "power": 690}
PLAN = {"effectivePlanTime": "2026-11-26T06:30:00Z", "planProjectedStart": "2026-11-26T01:00:00Z"}


class House:
    """Plans of a fake evcc."""

    def __init__(self, *loadpoints: dict[str, Any]) -> None:
        self.loadpoints = list(loadpoints)
        self.evcc = FakeEvcc({f"/api/loadpoints/{n}/plan": reply(DETAILS) for n in (1, 2, 3)})
        self.wanted = Wanted()
        self.plans = Plans(Rest(self.evcc, lambda: 0.0), self.state, self.wanted)

    def state(self) -> dict[str, Any]:
        return {"loadpoints": self.loadpoints}

    async def asked(self, **changes: Any) -> list[str]:
        """The questions of one work, after a change of the first loadpoint."""
        self.loadpoints = [self.loadpoints[0] | changes, *self.loadpoints[1:]]
        self.evcc.asked.clear()
        await self.plans.work(False)
        return self.evcc.asked


@pytest.mark.parametrize("era", ERAS)
async def test_the_recorded_house_has_plans(era: str) -> None:
    house = House(*state(era)["loadpoints"])
    await house.plans.work(True)
    assert set(house.wanted.sources["plans"]) == {"loadpoints/1/planDetails", "loadpoints/2/planDetails"}
    assert orjson.loads(house.wanted["loadpoints/2/planDetails"]) == DETAILS


@pytest.mark.parametrize("time", [None, "", "0001-01-01T00:00:00Z", 5, "soon"])
async def test_a_loadpoint_without_a_plan_is_not_asked(time: Any) -> None:
    house = House(PLAN | {"effectivePlanTime": time})
    assert await house.asked() == []
    assert house.wanted.sources == {"plans": {}}


async def test_a_plan_is_asked_for_when_it_changes_and_not_else() -> None:
    house = House(PLAN, PLAN)
    assert house.plans.differ(house.state())
    assert await house.asked() == ["/api/loadpoints/1/plan", "/api/loadpoints/2/plan"]
    assert not house.plans.differ(house.state())
    assert await house.asked(chargePower=3000) == []
    assert await house.asked(effectivePlanSoc=80) == ["/api/loadpoints/1/plan"]
    assert await house.asked(planProjectedStart="2026-11-26T01:01:00Z") == ["/api/loadpoints/1/plan"]


async def test_the_course_of_a_plan_is_no_reason_to_ask_at_once_and_its_goal_is() -> None:
    house = House(PLAN)
    await house.plans.work(True)
    house.loadpoints = [PLAN | {"planProjectedStart": "2026-11-26T01:01:00Z"}]
    assert not house.plans.differ(house.state())
    house.loadpoints = [PLAN | {"planEnergy": 10}]
    assert house.plans.differ(house.state())
    house.loadpoints = [{}]
    assert house.plans.differ(house.state())


async def test_a_plan_that_is_gone_is_erased() -> None:
    house = House(PLAN)
    await house.plans.work(True)
    assert house.wanted["loadpoints/1/planDetails"]
    await house.asked(effectivePlanTime=None)
    assert house.wanted.sources == {"plans": {}}


@pytest.mark.parametrize("answer", [reply({"error": "vehicle soc is above plan"}, 400), NO_ROUTE])
async def test_what_evcc_refuses_is_erased_and_not_asked_again(answer: Any) -> None:
    house = House(PLAN)
    await house.plans.work(True)
    house.evcc.answers["/api/loadpoints/1/plan"] = answer
    assert (await house.asked(effectivePlanSoc=40))[:1] == ["/api/loadpoints/1/plan"]
    assert house.wanted["loadpoints/1/planDetails"] == b""
    assert await house.asked() == []


async def test_while_evcc_does_not_answer_details_stay_and_are_still_wanted() -> None:
    house = House(PLAN)
    await house.plans.work(True)
    house.evcc.answers["/api/loadpoints/1/plan"] = Unreachable("gone")
    house.plans.forget()
    with pytest.raises(EvccError):
        await house.asked(planProjectedStart="2026-11-26T01:01:00Z")
    assert orjson.loads(house.wanted["loadpoints/1/planDetails"]) == DETAILS
    house.evcc.answers["/api/loadpoints/1/plan"] = reply({"power": 7})
    assert await house.asked() == ["/api/loadpoints/1/plan"]
    assert house.wanted["loadpoints/1/planDetails"] == b'{"power":7}'


@pytest.mark.parametrize("number", [1, 2])
async def test_one_that_evcc_does_not_answer_is_erased_and_does_not_stop_the_others(number: int) -> None:
    house = House(PLAN, PLAN)
    await house.plans.work(True)
    house.evcc.answers |= {f"/api/loadpoints/{n}/plan": reply({"power": n}) for n in (1, 2)}
    house.evcc.answers[f"/api/loadpoints/{number}/plan"] = Reply(502, "text/html", b"<html>")
    house.loadpoints = [PLAN | {"effectivePlanSoc": 80}] * 2
    with pytest.raises(Unreachable):
        await house.plans.work(True)
    other = 3 - number
    assert house.wanted[f"loadpoints/{number}/planDetails"] == b""
    assert house.wanted[f"loadpoints/{other}/planDetails"] == b'{"power":%d}' % other
    house.evcc.answers[f"/api/loadpoints/{number}/plan"] = reply({"power": 7})
    assert await house.asked() == [f"/api/loadpoints/{number}/plan"]
    assert house.wanted[f"loadpoints/{number}/planDetails"] == b'{"power":7}'
