"""evcc's document: what is one, and what of it is taken."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Invalid
from bridge.state.document import fatal, parse
from bridge.state.state import changes
from tests.contract.recordings import ERAS, state_body
from tests.state.documents import DOCUMENTS, VALUES
from tests.state.whole import state, whole


@pytest.mark.parametrize("era", ERAS)
def test_recorded_states(era: str) -> None:
    found = parse(state_body(era))
    assert found.version == era
    assert found.lists_loadpoints
    assert found.lists_vehicles
    assert not found.left_out


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"siteTitle":"","x":null}', {"siteTitle": "", "x": None}),
        (b'{"result":{"siteTitle":""}}', {"siteTitle": ""}),
        (b'{"loadpoints":[]}', {"loadpoints": []}),
        (b'{"fatal":"x","version":"1"}', {"fatal": "x", "version": "1"}),
        (b'{"siteTitle":"","loadpoints":null,"vehicles":null}', {"siteTitle": ""}),
        (b'{"loadpoints":[],"vehicles":[5]}', {"loadpoints": []}),
        (b'{"loadpoints":[5,{"a":1}],"vehicles":{"a":5,"":{}}}', {"loadpoints": [{}, {"a": 1}], "vehicles": {"a": {}}}),
        (b'{"loadpoints":[],"":1,"a":2}', {"loadpoints": [], "a": 2}),
        (b'{"siteTitle":"1","siteTitle":"2"}', {"siteTitle": "2"}),
    ],
)
def test_states(body: bytes, document: dict[str, Any]) -> None:
    assert parse(body).document() == document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"true",
        b"5",
        b'"state"',
        b"[]",
        b"{}",
        b'{"result":null}',
        b'{"result":[]}',
        b'{"result":{}}',
        b'{"loadpoints":null}',
        b'{"error":"no"}',
        b'{"loadpoints":{}}',
        b'{"siteTitle":"1","loadpoints":5}',
        b'{"siteTitle":"1","loadpoints":"x"}',
        b'{"name":"openHAB","version":"4"}',  # a stranger
        b'{"version":"2026.11.1","state":"RUNNING","currency":"EUR","interval":10,"vehicles":{}}',
        b"<html></html>",
        b'{"siteTitle":"1"',
        b'{"siteTitle":"1"} x',
        b'{"siteTitle":"\xff"}',
        b'{"siteTitle":"1","x":NaN}',
        b'{"siteTitle":"1","x":Infinity}',
        b'{"siteTitle":"1","x":1e400}',
        b'{"siteTitle":"\\ud800"}',
        b'{"siteTitle":"1","x":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"siteTitle":"1","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b"\0" * 100,
    ],
)
def test_what_is_no_state(body: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        parse(body)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.one_of(st.binary(), DOCUMENTS.map(orjson.dumps), VALUES.map(orjson.dumps)))
def test_any_body_is_a_state_or_none(body: bytes) -> None:
    try:
        found = parse(body)
    except Invalid:
        return
    assert changes(found, parse(body)) == ()
    whole(found)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, None),
        ([], None),
        ("", None),
        ({}, None),
        ([{}], None),
        ("broken", "broken"),
        ({"class": "meter", "error": "x"}, "meter x"),
        ([{"class": "meter", "device": "grid", "error": "timeout"}, {"error": "b"}], "meter grid timeout; b"),
        (5, "5"),
        ([{"class": "mqtt", "error": "cannot connect tcp://me:pass@host"}], "mqtt cannot connect tcp://***@host"),
        ({"error": {"at": "http://me:pa/ss@host", "password": "pass"}}, '{"at":"http://***@host"}'),
    ],
)
def test_fatal(value: Any, reason: str | None) -> None:
    assert fatal(parse(orjson.dumps({"version": "1", "fatal": value}))) == reason


@given(VALUES)
def test_any_fatal_is_one_line_or_none(value: Any) -> None:
    reason = fatal(state({"fatal": value}))

    assert reason is None or (reason and "\n" not in reason)


@pytest.mark.parametrize("document", [{"x": [[]] * 600_000}, {"loadpoints": [{"x": {"y": [0] * 600_000}}]}])
def test_a_document_with_more_values_than_any_evcc_has_is_no_state(document: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="more values"):
        parse(orjson.dumps({"loadpoints": [], **document}))


@pytest.mark.parametrize(
    ("document", "parts", "named"),
    [
        ({"loadpoints": [{"mode": "pv"}] * 20_000}, {"loadpoints": 500}, "20000"),
        ({"loadpoints": [], "vehicles": {f"v{number}": {} for number in range(20_000)}}, {"vehicles": 500}, "20000"),
        ({"loadpoints": [], **{f"k{number}": 1 for number in range(100_000)}}, {"site": 5000}, "5000"),
        ({"loadpoints": [{f"k{number}": 1 for number in range(100_000)}]}, {"loadpoints/1": 5000}, "loadpoints/1"),
        ({"loadpoints": [], "vehicles": {"v" * 257: {}, "a": {}}}, {"vehicles": 1}, "256"),
        ({"loadpoints": [], "vehicles": {"ü" * 129: {}, "a": {}}}, {"vehicles": 1}, "256"),
        ({"loadpoints": [], "k" * 200_000: 1, "a": 1}, {"site": 1}, "256"),
    ],
)
def test_what_is_beyond_the_bounds_is_left_out_and_named(
    document: dict[str, Any], parts: dict[str, int], named: str
) -> None:
    found = parse(orjson.dumps(document))
    sizes = {
        "loadpoints": len(found.loadpoints),
        "vehicles": len(found.vehicles),
        **{part.target.topic: len(part.values) for part in found.targets()},
    }
    assert {name: sizes[name] for name in parts} == parts
    [reason] = found.left_out
    assert named in reason
    assert len(reason) < 200
