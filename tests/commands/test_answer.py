from typing import Any

import pytest

from bridge.commands.answer import Outcome, Status, fields_of, judge
from bridge.commands.call import Call
from bridge.commands.value import CLEAR, Value
from bridge.evcc.client import Reply
from tests.commands.fakes import NO_ROUTE, reply

CALL = Call("POST", "/api/loadpoints/1/limitsoc/80")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (reply(200, 80), Outcome(Status.OK, None, 200)),
        (reply(200, {"result": 80}, "application/json; charset=UTF-8"), Outcome(Status.OK, None, 200)),
        (Reply(204, "", b""), Outcome(Status.OK, None, 204)),
        (reply(400, {"error": "bad\nvalue"}), Outcome(Status.REFUSED, "bad value", 400)),
        (NO_ROUTE, Outcome(Status.REFUSED, "404 page not found", 404)),
        (reply(401, b"Unauthorized\n", "text/plain"), Outcome(Status.REFUSED, "Unauthorized", 401)),
    ],
)
def test_what_evcc_answers(answer: Reply, outcome: Outcome) -> None:
    assert judge(answer) == outcome


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b"<html>login</html>", "text/html"),
        reply(200, b"ok", "text/plain"),
        reply(301, b"", "application/json"),
        reply(403, b"<html>forbidden</html>", "text/html"),
        reply(101, b"", ""),
    ],
)
def test_what_is_no_answer_of_evcc_has_failed(answer: Reply) -> None:
    assert judge(answer).status is Status.FAILED
    assert judge(answer).http == answer.status


def test_a_missing_route_is_plain_text_where_a_refusal_is_json() -> None:
    assert NO_ROUTE.lacks_route
    assert not reply(404, {"error": "tariff not available"}).lacks_route
    assert not reply(404, b"<html>", "text/html").lacks_route
    assert not reply(400, b"x", "text/plain").lacks_route


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Value(80), 80),
        (Value({"soc": 80}), {"soc": 80}),
        (Value([1] * 1000), None),
        (CLEAR, None),
        ("abc", "abc"),
        (None, None),
    ],
)
def test_the_value_of_an_answer(value: Any, shown: Any) -> None:
    assert fields_of(Outcome(Status.OK, None, 200), value, CALL, 3.14159) == {
        "status": "ok",
        "value": shown,
        "call": "POST /api/loadpoints/1/limitsoc/80",
        "http": 200,
        "error": None,
        "ms": 3.1,
    }
