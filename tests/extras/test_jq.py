from collections.abc import Mapping
from typing import Any

import jq
import orjson
import pytest

from bridge.errors import EvccError, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.expressions import guarded
from bridge.extras.jq import Jq
from tests.extras.house import House as Base
from tests.extras.recorded import NO_ROUTE, FakeEvcc, reply, state

HOUSE = orjson.dumps(state("0.313.2")).decode()


def evaluated(params: Mapping[str, str]) -> Reply:
    """As evcc answers `GET /api/state?jq=`."""
    try:
        return reply(jq.compile(params["jq"]).input_text(HOUSE).first())
    except ValueError as error:
        return reply({"error": str(error)}, 400)


class House(Base):
    """Expressions, and a fake evcc that computes them."""

    def __init__(self, **expressions: str) -> None:
        super().__init__(FakeEvcc({"/api/state": evaluated}), topics={"jq": expressions}, evcc={"interval": 10})
        self.jq = Jq(self.access)

    async def poll(self) -> int:
        """Read once; how many requests it took."""
        self.evcc.asked.clear()
        await self.jq.read()
        assert 9 < self.jq.due_in() <= 10
        return len(self.evcc.asked)

    @property
    def topics(self) -> Mapping[str, bytes]:
        return self.mirror.sources["jq"]

    @property
    def problem(self) -> str:
        return self.diagnostics.text


async def test_fifty_expressions_take_one_request_a_poll() -> None:
    house = House(**{f"n{number}": f".interval + {number}" for number in range(50)})
    assert await house.poll() == 51
    assert await house.poll() == 1
    assert house.topics == {f"jq/n{number}": b"%d" % (4 + number) for number in range(50)}
    assert house.problem == ""


async def test_results_become_topics_as_the_state_does() -> None:
    house = House(house="{power: 1.23456, at: .loadpoints[1].planTime, none: null}", list="[1, true]")
    await house.poll()
    assert house.topics == {
        "jq/house/power": b"1.235",
        "jq/house/at": b"1795669200",
        "jq/house/none": b"",
        "jq/list": b"2",
        "jq/list/1": b"1",
        "jq/list/2": b"true",
    }


async def test_an_expression_may_be_called_as_evcc_once_wrapped_its_answers() -> None:
    house = House(result=".siteTitle")
    await house.poll()
    assert house.topics == {"jq/result": "Haus Süd".encode()}


async def test_no_result_stands_where_a_command_would() -> None:
    house = House(set="{set: 1}")
    await house.poll()
    assert house.topics == {"jq/%73et/%73et": b"1"}


async def test_a_broken_one_is_named_and_does_not_stop_the_others() -> None:
    house = House(good=".interval", broken=".[", worse="nofunction(1)")
    await house.poll()
    assert house.topics == {"jq/good": b"4"}
    problem = house.problem
    assert "jq broken: " in problem
    assert "jq worse: " in problem
    assert "jq good" not in problem


async def test_one_that_fails_at_run_time_is_erased_and_named_as_long_as_it_fails() -> None:
    house = House(good=".interval", late='if .interval == 4 then error("not yet") else 1 end')
    await house.poll()
    assert house.topics == {"jq/good": b"4"}
    assert house.problem == 'jq late: not yet (in if .interval == 4 then error("not yet") else 1 end)'
    house.evcc.answers["/api/state"] = lambda _: reply({"good": 5, "late": 1})
    await house.poll()
    assert house.topics == {"jq/good": b"5", "jq/late": b"1"}
    assert house.problem == ""


async def test_one_that_stops_evcc_from_answering_is_left_out() -> None:
    def endless(params: Mapping[str, str]) -> Reply:
        if "repeat" in params["jq"]:
            raise Unreachable("evcc did not answer within 5 s")
        return evaluated(params)

    house = House(endless="[repeat(1)] | length", good=".interval")
    house.evcc.answers["/api/state"] = endless
    await house.poll()
    assert house.topics == {"jq/good": b"4"}
    assert house.problem == "jq endless: evcc does not finish computing it (in [repeat(1)] | length)"


async def test_when_all_are_refused_later_each_is_tried_again() -> None:
    house = House(good=".interval", other=".version")
    await house.poll()

    def other_version(params: Mapping[str, str]) -> Reply:
        return reply({"error": "no more"}, 400) if ".version" in params["jq"] else evaluated(params)

    house.evcc.answers["/api/state"] = other_version
    assert await house.poll() == 5
    assert house.topics == {"jq/good": b"4"}
    assert house.problem == "jq other: no more (in .version)"
    assert await house.poll() == 1
    house.evcc.answers["/api/state"] = evaluated
    house.jq.update(house.idle(restarted=True))
    await house.poll()
    assert house.topics == {"jq/good": b"4", "jq/other": b"0.313.2"}


async def test_when_only_all_together_are_refused_the_reason_is_published() -> None:
    def short(params: Mapping[str, str]) -> Reply:
        return (
            evaluated(params)
            if len(params["jq"]) < len(guarded("")) + 200
            else Reply(414, "text/plain", b"URI too long")
        )

    house = House(one=".interval", two=".version")
    house.evcc.answers["/api/state"] = short
    await house.poll()
    assert (house.topics, house.problem) == ({}, "jq all: URI too long")


@pytest.mark.parametrize(
    "answer",
    [Unreachable("gone"), Reply(200, "text/html", b"<html>"), NO_ROUTE, reply({"error": "who are you?"}, 401)],
)
async def test_while_evcc_does_not_answer_values_stay(answer: Any) -> None:
    house = House(good=".interval")
    await house.poll()
    house.evcc.answers["/api/state"] = answer
    with pytest.raises(EvccError):
        await house.jq.read()
    assert (house.topics, house.problem) == ({"jq/good": b"4"}, "")
    house.evcc.answers["/api/state"] = evaluated
    assert await house.poll() == 1
    assert (house.topics, house.problem) == ({"jq/good": b"4"}, "")
