from collections.abc import Mapping
from typing import Any

import jq
import orjson
import pytest

from bridge.errors import EvccError, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.expressions import guarded
from bridge.extras.jq import Jq
from bridge.extras.rest import Rest
from tests.extras.recorded import NO_ROUTE, FakeEvcc, Wanted, reply, state

HOUSE = orjson.dumps(state("0.313.2")).decode()


def evaluated(params: Mapping[str, str]) -> Reply:
    """As evcc answers `GET /api/state?jq=`."""
    try:
        return reply(jq.compile(params["jq"]).input_text(HOUSE).first())
    except ValueError as error:
        return reply({"error": str(error)}, 400)


class House:
    """Expressions, and a fake evcc that computes them."""

    def __init__(self, **expressions: str) -> None:
        self.evcc = FakeEvcc({"/api/state": evaluated})
        self.wanted = Wanted()
        self.problems: dict[str, str | None] = {}
        self.jq = Jq(expressions, Rest(self.evcc, lambda: 0.0), self.wanted, self.problem, lambda: 10.0)

    def problem(self, key: str, text: str | None) -> None:
        self.problems[key] = text

    async def poll(self) -> int:
        """Work once; how many questions it took."""
        self.evcc.asked.clear()
        assert await self.jq.work(False) == 10
        return len(self.evcc.asked)

    @property
    def topics(self) -> Mapping[str, bytes]:
        return self.wanted.sources["jq"]


async def test_fifty_expressions_take_one_question_a_poll() -> None:
    house = House(**{f"n{number}": f".interval + {number}" for number in range(50)})
    assert await house.poll() == 51
    assert await house.poll() == 1
    assert house.topics == {f"jq/n{number}": b"%d" % (4 + number) for number in range(50)}
    assert house.problems == {"jq": None}


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
    problem = house.problems["jq"] or ""
    assert "jq broken: " in problem
    assert "jq worse: " in problem
    assert "jq good" not in problem


async def test_one_that_fails_at_run_time_is_erased_and_named_as_long_as_it_fails() -> None:
    house = House(good=".interval", late='if .interval == 4 then error("not yet") else 1 end')
    await house.poll()
    assert house.topics == {"jq/good": b"4"}
    assert house.problems["jq"] == "jq late: not yet"
    house.evcc.answers["/api/state"] = lambda _: reply({"good": 5, "late": 1})
    await house.poll()
    assert house.topics == {"jq/good": b"5", "jq/late": b"1"}
    assert house.problems["jq"] is None


async def test_one_that_stops_evcc_from_answering_is_left_out() -> None:
    def endless(params: Mapping[str, str]) -> Reply:
        if "repeat" in params["jq"]:
            raise Unreachable("evcc did not answer within 5 s")
        return evaluated(params)

    house = House(endless="[repeat(1)] | length", good=".interval")
    house.evcc.answers["/api/state"] = endless
    await house.poll()
    assert house.topics == {"jq/good": b"4"}
    assert house.problems["jq"] == "jq endless: evcc does not come to an end with it"


async def test_when_all_are_refused_later_each_is_tried_again() -> None:
    house = House(good=".interval", other=".version")
    await house.poll()

    def other_version(params: Mapping[str, str]) -> Reply:
        return reply({"error": "no more"}, 400) if ".version" in params["jq"] else evaluated(params)

    house.evcc.answers["/api/state"] = other_version
    assert await house.poll() == 5
    assert house.topics == {"jq/good": b"4"}
    assert house.problems["jq"] == "jq other: no more"
    assert await house.poll() == 1
    house.evcc.answers["/api/state"] = evaluated
    house.jq.evcc_restarted()
    await house.poll()
    assert house.topics == {"jq/good": b"4", "jq/other": b"0.313.2"}


async def test_when_only_all_together_are_refused_the_reason_is_told() -> None:
    def short(params: Mapping[str, str]) -> Reply:
        return (
            evaluated(params)
            if len(params["jq"]) < len(guarded("")) + 200
            else Reply(414, "text/plain", b"URI too long")
        )

    house = House(one=".interval", two=".version")
    house.evcc.answers["/api/state"] = short
    await house.poll()
    assert (house.topics, house.problems["jq"]) == ({}, "jq all: URI too long")


@pytest.mark.parametrize(
    "answer",
    [Unreachable("gone"), Reply(200, "text/html", b"<html>"), NO_ROUTE, reply({"error": "who are you?"}, 401)],
)
async def test_while_evcc_does_not_answer_values_stay(answer: Any) -> None:
    house = House(good=".interval")
    await house.poll()
    house.evcc.answers["/api/state"] = answer
    with pytest.raises(EvccError):
        await house.jq.work(False)
    assert (house.topics, house.problems["jq"]) == ({"jq/good": b"4"}, None)
    house.evcc.answers["/api/state"] = evaluated
    assert await house.poll() == 1
    assert (house.topics, house.problems["jq"]) == ({"jq/good": b"4"}, None)
