from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.commands.queue import call_for
from bridge.evcc.client import Call, Reply
from bridge.settable.lookup import Found
from bridge.settable.table import SETTINGS
from bridge.settable.value import CLEAR, Value
from bridge.state.state import Target
from tests.commands.fakes import NO_ROUTE, reply, running, virtual

ROWS = {f"{row.scope}/{row.leaf}": row for row in SETTINGS}
MODE = "loadpoints/1/mode"


def found(topic: str, name: str = "") -> Found:
    row = ROWS[topic]
    return Found(row, Target(row.scope, name))


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (reply(200, 80), "ok", None),
        (reply(200, {"result": 80}, "application/json; charset=UTF-8"), "ok", None),
        (Reply(204, "", b""), "ok", None),
        (reply(400, {"error": "bad\nvalue"}), "refused", "bad value"),
        (reply(401, b"Unauthorized\n", "text/plain"), "refused", "Unauthorized"),
        (NO_ROUTE, "refused", "this evcc has no such setting: mode"),
        (reply(200, b"<html>login</html>", "text/html"), "failed", "no answer of evcc: HTTP 200 with text/html"),
        (reply(200, b"hello", ""), "failed", "no answer of evcc: HTTP 200 with no content type"),
        (reply(301, b"", "application/json"), "failed", "evcc's address redirects (301), which is not followed"),
        (reply(403, b"<html>", "text/html"), "failed", "no answer of evcc: HTTP 403 with text/html"),
        (reply(101, b"", ""), "failed", "no answer of evcc: HTTP 101 with no content type"),
    ],
)
@virtual
async def test_what_evccs_answer_means_for_the_command(answer: Reply, status: str, error: str | None) -> None:
    async with running() as house:
        house.evcc.otherwise = answer
        given = await house.answered(MODE, "pv")
        assert (given["status"], given["error"], given["http"]) == (status, error, answer.status)


@pytest.mark.parametrize(
    ("topic", "payload", "value"),
    [
        (MODE, '"PV"', "pv"),
        ("loadpoints/1/limitSoc", "80.0", 80),
        ("vehicles/bike/planStrategy", '{"continuous":true}', {"continuous": True}),
        ("vehicles/bike/repeatingPlans", "[" + ",".join(["1"] * 1000) + "]", None),
        ("loadpoints/1/smartCostLimit", "-", None),
        ("loadpoints/1/limitSoc", "abc\n", "abc\\n"),
        ("loadpoints/1/limitSoc", b"\xff" * 1000, "\ufffd" * 60 + "…"),
    ],
)
@virtual
async def test_the_value_of_an_answer(topic: str, payload: str | bytes, value: Any) -> None:
    async with running() as house:
        assert (await house.answered(topic, payload))["value"] == value


def test_a_value_stands_in_the_path() -> None:
    call = call_for(found("loadpoints/limitSoc", "2"), Value(80, {"value": "80"}))
    assert call == Call("POST", "/api/loadpoints/2/limitsoc/80")
    assert str(call) == "POST /api/loadpoints/2/limitsoc/80"


def test_clearing_is_a_delete() -> None:
    assert str(call_for(found("site/batteryMode"), CLEAR)) == "DELETE /api/batterymode"


def test_json_is_the_body() -> None:
    call = call_for(found("vehicles/planStrategy", "zoe:old"), Value({}, body={"continuous": True}))
    assert call == Call("POST", "/api/vehicles/zoe:old/plan/strategy", None, {"continuous": True})


def test_parameters_stand_in_the_query() -> None:
    plan = Value({}, {"soc": "80", "time": "2026-11-27T06:00:00Z"}, params={"precondition": "900"})
    call = call_for(found("vehicles/planSoc", "bike"), plan)
    assert call.params == {"precondition": "900"}
    assert str(call) == "POST /api/vehicles/bike/plan/soc/80/2026-11-27T06:00:00Z?precondition=900"


@pytest.mark.parametrize(
    ("name", "segment"),
    [("a/b", "a%2Fb"), ("a#b?c", "a%23b%3Fc"), ("a b", "a%20b"), ("%2e%2e", "%252e%252e"), ("ä", "%C3%A4")],
)
def test_names_stay_within_their_segment(name: str, segment: str) -> None:
    assert call_for(found("vehicles/mode", name), CLEAR).path == f"/api/vehicles/{segment}/mode"


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_any_text_is_one_segment_that_reads_back(text: str) -> None:
    text = text.encode(errors="replace").decode()
    call = call_for(found("loadpoints/vehicle", "1"), Value(text, {"value": text}))
    *prefix, last = call.path.split("/")
    assert "/".join(prefix) == "/api/loadpoints/1/vehicle"
    assert unquote(last) == text
    assert not set(last) & set("?#\\ \n\r\0")
