from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.commands.call import Call, Target, call_for
from bridge.commands.value import CLEAR, Value, plain
from bridge.settable.setting import Scope
from bridge.settable.table import SETTINGS

ROWS = {f"{row.scope}/{row.leaf}": row for row in SETTINGS}


def test_a_value_stands_in_the_path() -> None:
    call = call_for(ROWS["loadpoints/limitSoc"], Target(Scope.LOADPOINT, "2"), plain("80"))
    assert call == Call("POST", "/api/loadpoints/2/limitsoc/80")
    assert str(call) == "POST /api/loadpoints/2/limitsoc/80"


def test_clearing_is_a_delete() -> None:
    assert str(call_for(ROWS["site/batteryMode"], Target(Scope.SITE), CLEAR)) == "DELETE /api/batterymode"


def test_json_is_the_body() -> None:
    call = call_for(
        ROWS["vehicles/planStrategy"], Target(Scope.VEHICLE, "zoe:old"), Value({}, body={"continuous": True})
    )
    assert call == Call("POST", "/api/vehicles/zoe:old/plan/strategy", {"continuous": True})


@pytest.mark.parametrize(
    ("name", "segment"),
    [("a/b", "a%2Fb"), ("a#b?c", "a%23b%3Fc"), ("a b", "a%20b"), ("%2e%2e", "%252e%252e"), ("ä", "%C3%A4")],
)
def test_names_stay_within_their_segment(name: str, segment: str) -> None:
    assert Target(Scope.VEHICLE, name).path == f"/api/vehicles/{segment}"


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_any_text_is_one_segment_that_reads_back(text: str) -> None:
    text = text.encode(errors="replace").decode()
    call = call_for(ROWS["loadpoints/vehicle"], Target(Scope.LOADPOINT, "1"), plain(text))
    *prefix, last = call.path.split("/")
    assert "/".join(prefix) == "/api/loadpoints/1/vehicle"
    assert unquote(last) == text
    assert not set(last) & set("?#\\ \n\r\0")
