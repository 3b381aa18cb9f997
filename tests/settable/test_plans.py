from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.settable import setting as kinds
from bridge.settable import table
from bridge.settable.read import read_item, read_json, read_plan
from bridge.settable.value import CLEAR, Context, Value
from bridge.state.document import from_document
from bridge.state.state import Scope, State, Target, Vehicle

ZOE = Target(Scope.VEHICLE, "zoe")
CONTEXT = Context(datetime(2026, 11, 25, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"), target=ZOE)
TIME = "2026-11-26T06:00:00Z"


def having(values: dict[str, Any]) -> State:
    """A state in which the vehicle has these values."""
    return State(vehicles={"zoe": Vehicle(ZOE, values)})


def running(version: str, values: dict[str, Any] | None = None) -> Context:
    """A context of a release of evcc."""
    document = {"version": version, "loadpoints": [], "vehicles": {"zoe": values or {}}}
    return replace(CONTEXT, state=from_document(document))


@pytest.mark.parametrize(
    "text",
    [
        '{"soc":80,"time":"2026-11-26T06:00:00Z"}',
        '{"value":80,"time":"2026-11-26T06:00:00Z"}',
        '{"time":"2026-11-26T07:00:00+0100","value":80.0}',
        '{"value":"80 %","time":"07:00"}',
        '{"value":" 80 ","time":" 07:00 "}',
        '{"soc":80,"time":1795672800}',
        '{"soc":80,"time":1795672800.0}',
        '{"soc":80,"time":1795672800000}',
        '{"soc":80,"time":"1795672800"}',
        '{\n  "soc": 80,\n  "time": "2026-11-26T07:00:00"\n}',
    ],
)
def test_a_plan_in_every_form(text: str) -> None:
    value = read_plan(table.SOC_PLAN, text, CONTEXT)
    assert value.shown == {"soc": 80, "time": "2026-11-26T06:00:00Z"}
    assert value.fields == {"soc": "80", "time": "2026-11-26T06:00:00Z"}


def test_an_energy_plan_takes_fractions() -> None:
    value = read_plan(table.ENERGY_PLAN, '{"energy":"12.50 kWh","time":"07:00"}', CONTEXT)
    assert value.fields == {"energy": "12.5", "time": "2026-11-26T06:00:00Z"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("80", 'takes {"soc":…,"time":…}'),
        ("[80]", 'takes {"soc":…,"time":…}'),
        ("null", 'takes {"soc":…,"time":…}'),
        ("{}", 'takes {"soc":…,"time":…}'),
        ('{"soc":80}', 'takes "time" too while there is no plan to change, got {"soc":80}'),
        ('{"time":"07:00"}', 'takes "soc" too while there is no plan to change'),
        ('{"time":"07:00","or":{"time":"08:00"}}', 'takes "soc" too while there is no plan to change'),
        ('{"soc":80,"value":80}', 'takes {"soc":…,"time":…}'),
        ('{"soc":80,"value":80,"time":"07:00"}', 'takes {"soc":…,"time":…}'),
        ('{"or":{"soc":80,"time":"07:00"}}', 'takes {"soc":…,"time":…}'),
        ('{"time":"07:00","or":80}', 'takes {"soc":…,"time":…}'),
        ('{"time":"07:00","or":{"soc":80,"or":{"soc":70}}}', 'takes {"soc":…,"time":…}'),
        ('{"time":"07:00","or":{"soc":101}}', "takes 0 to 100, got 101"),
        ('{"soc":80,"time":"07:00","precondition":-1}', "takes 0 to 31536000, got -1"),
        ('{"soc":80,"time":"07:00","precondition":null}', "takes numbers and texts in its JSON, got null"),
        ('{"soc":80,"time":"07:00","late":900}', 'takes {"soc":…,"time":…}'),
        ('{"precondition":900}', 'takes "soc" too while there is no plan to change'),
        ('{"energy":80,"time":"07:00"}', 'takes {"soc":…,"time":…}'),
        ("80 at 07:00", "takes JSON, got 80 at 07:00"),
        ("{soc:80}", "takes JSON, got {soc:80}"),
        ('{"soc":NaN,"time":"07:00"}', "takes JSON"),
        ('{"soc":101,"time":"07:00"}', "takes 0 to 100, got 101"),
        ('{"soc":1e400,"time":"07:00"}', "takes JSON"),
        ('{"soc":"80,5","time":"07:00"}', "takes a number with a decimal point"),
        ('{"soc":true,"time":"07:00"}', "takes numbers and texts in its JSON, got true"),
        ('{"soc":null,"time":"07:00"}', "takes numbers and texts in its JSON, got null"),
        ('{"soc":[80],"time":"07:00"}', "takes numbers and texts in its JSON, got [80]"),
        ('{"soc":80,"time":{"a":1}}', 'takes numbers and texts in its JSON, got {"a":1}'),
        ('{"soc":80,"time":"../../x"}', "takes a time like"),
        ('{"soc":80,"time":"2020-01-01T00:00:00Z"}', "takes a time to come"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        read_plan(table.SOC_PLAN, text, CONTEXT)
    assert str(refused.value).startswith(reason)


TODAY = {"plan": {"soc": 90, "time": "2026-11-26T06:30:00Z"}, "repeatingPlans": []}
OLD_ERA = {"plans": [{"soc": 90, "time": "2026-11-26T07:30:00+01:00"}]}
LOADPOINT = {"planEnergy": 12.5, "planTime": "2026-11-26T06:30:00Z"}


@pytest.mark.parametrize(
    ("kind", "part", "text", "expected"),
    [
        (table.SOC_PLAN, TODAY, '{"soc":80}', {"soc": "80", "time": "2026-11-26T06:30:00Z"}),
        (table.SOC_PLAN, TODAY, '{"value":"80 %"}', {"soc": "80", "time": "2026-11-26T06:30:00Z"}),
        (table.SOC_PLAN, TODAY, '{"time":"09:00"}', {"soc": "90", "time": "2026-11-26T08:00:00Z"}),
        (table.SOC_PLAN, OLD_ERA, '{"soc":80}', {"soc": "80", "time": "2026-11-26T06:30:00Z"}),
        (table.ENERGY_PLAN, LOADPOINT, '{"energy":20}', {"energy": "20", "time": "2026-11-26T06:30:00Z"}),
        (table.ENERGY_PLAN, LOADPOINT, '{"time":"09:00"}', {"energy": "12.5", "time": "2026-11-26T08:00:00Z"}),
        (table.SOC_PLAN, TODAY, '{"time":"09:00","or":{"soc":70}}', {"soc": "90", "time": "2026-11-26T08:00:00Z"}),
        (table.SOC_PLAN, {}, '{"time":"09:00","or":{"soc":70}}', {"soc": "70", "time": "2026-11-26T08:00:00Z"}),
        (table.SOC_PLAN, {}, '{"soc":80,"or":{"time":"09:00"}}', {"soc": "80", "time": "2026-11-26T08:00:00Z"}),
    ],
)
def test_half_a_plan_keeps_the_other_half(
    kind: kinds.Plan, part: dict[str, Any], text: str, expected: dict[str, str]
) -> None:
    assert read_plan(kind, text, replace(CONTEXT, state=having(part))).fields == expected


def test_a_half_that_evcc_is_just_being_told_counts_before_it_has_it() -> None:
    asked = read_plan(table.ENERGY_PLAN, '{"energy":20,"time":"08:00"}', CONTEXT)
    context = replace(CONTEXT, state=having(LOADPOINT), asked=asked)
    later = read_plan(table.ENERGY_PLAN, '{"time":"09:00","or":{"energy":5}}', context)
    assert later.fields == {"energy": "20", "time": "2026-11-26T08:00:00Z"}
    cleared = replace(context, asked=CLEAR)
    assert read_plan(table.ENERGY_PLAN, '{"time":"09:00","or":{"energy":5}}', cleared).fields["energy"] == "5"


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (table.SOC_PLAN, {"plan": None}),
        (table.SOC_PLAN, {"plans": []}),
        (table.SOC_PLAN, {"plan": {"soc": 90, "time": "2026-11-25T06:30:00Z"}}),
        (table.SOC_PLAN, {"plan": {"soc": "full", "time": None}}),
        (table.ENERGY_PLAN, {"planEnergy": 0, "planTime": None, "plan": [{"start": 1, "end": 2}]}),
        (table.ENERGY_PLAN, {"planEnergy": None, "planTime": "2026-11-26T06:30:00Z"}),
    ],
)
def test_a_plan_that_is_none_or_past_has_no_half_to_keep(kind: kinds.Plan, part: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="while there is no plan to change"):
        read_plan(kind, '{"time":"09:00"}', replace(CONTEXT, state=having(part)))


def test_json_is_handed_on_as_it_is() -> None:
    plans = [{"weekdays": [1, 2], "time": "07:00", "tz": "Europe/Berlin", "soc": 80, "active": True}]
    assert read_json(table.REPEATING, orjson.dumps(plans).decode(), CONTEXT).body == plans
    assert read_json(table.REPEATING, "[]", CONTEXT).body == []
    assert read_json(table.STRATEGY, ' {"continuous":true} ', CONTEXT).body == {"continuous": True}


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (table.REPEATING, "{}", "takes a JSON list like"),
        (table.REPEATING, "null", "takes a JSON list like"),
        (table.STRATEGY, "[]", "takes a JSON object like"),
        (table.STRATEGY, '"x"', "takes a JSON object like"),
        (table.STRATEGY, "continuous", "takes JSON, got continuous"),
        (table.STRATEGY, "[" * 60_000, "takes JSON, got [[["),
        (table.STRATEGY, '{"a":' * 10_000, 'takes JSON, got {"a":'),
        (table.REPEATING, "[" * 300 + "]" * 300, "takes JSON, got [[["),
        (table.STRATEGY, '{"a":' * 300 + "1" + "}" * 300, 'takes JSON, got {"a":'),
    ],
)
def test_json_of_another_shape_is_refused(kind: kinds.Json, text: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        read_json(kind, text, CONTEXT)
    assert str(refused.value).startswith(reason)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["soc", "value", "time", "x"]), inner),
    )
)
def test_any_json_is_a_plan_or_refused(value: Any) -> None:
    try:
        plan = read_plan(table.SOC_PLAN, orjson.dumps(value).decode(), CONTEXT)
    except Refused:
        return
    assert plan.fields.keys() == {"soc", "time"}


@pytest.mark.parametrize("kind", [table.SOC_PLAN, table.ENERGY_PLAN])
@pytest.mark.parametrize(
    ("version", "params"),
    [
        ("0.131.4", {}),
        ("0.203.3", {}),
        ("0.203.4", {"precondition": "900"}),
        ("0.205.0", {"precondition": "900"}),
        ("0.211.1", {"precondition": "900"}),
        ("0.300.0", {}),
        ("0.313.2", {}),
        ("0.314.0-dev", {}),
        ("0.0.0", {}),
        ("", {}),
    ],
)
def test_late_charging_goes_with_the_plan_where_evcc_has_it_there(
    kind: kinds.Plan, version: str, params: dict[str, str]
) -> None:
    plan = read_plan(kind, f'{{"value":80,"time":"{TIME}","precondition":900}}', running(version))
    assert plan.params == params
    assert plan.shown.get("precondition") == (900 if params else None)
    assert plan.fields == {kind.goal: "80", "time": TIME}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (table.SOC_PLAN, {"plan": {"soc": 50, "time": TIME, "precondition": 600}}),
        (table.ENERGY_PLAN, {"planEnergy": 50, "planTime": TIME, "planPrecondition": 600}),
    ],
)
def test_late_charging_that_is_not_named_stays(kind: kinds.Plan, values: dict[str, Any]) -> None:
    context = running("0.205.0", values)
    assert read_plan(kind, f'{{"value":80,"time":"{TIME}"}}', context).params == {"precondition": "600"}
    assert read_plan(kind, '{"value":80}', context).params == {"precondition": "600"}
    assert read_plan(kind, '{"precondition":0}', context).params == {"precondition": "0"}
    assert read_plan(kind, '{"precondition":0}', context).fields == {kind.goal: "50", "time": TIME}
    asked = read_plan(kind, '{"precondition":"5m"}', context)
    assert read_plan(kind, '{"value":80}', replace(context, asked=asked)).params == {"precondition": "300"}
    assert read_plan(kind, f'{{"value":80,"time":"{TIME}"}}', running("0.205.0")).params == {}


WEEK = [{"weekdays": [1], "time": "07:00", "tz": "Europe/Berlin", "soc": 80, "active": True}]


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("0.131.9", {"plans": WEEK}),
        ("0.205.0", {"plans": WEEK}),
        ("0.209.3", {"plans": WEEK}),
        ("0.209.4", WEEK),
        ("0.313.2", WEEK),
        ("", WEEK),
    ],
)
def test_repeating_plans_are_sent_as_the_release_takes_them(version: str, body: Any) -> None:
    context = running(version, {"repeatingPlans": WEEK})
    value = read_json(table.REPEATING, orjson.dumps(WEEK).decode(), context)
    assert (value.shown, value.body) == (WEEK, body)
    item = kinds.Item("repeatingPlans", "active", kinds.Switch(), table.REPEATING)
    assert read_item(item, Value(True), replace(context, entry=1)).body == body
    later = read_item(item, Value(True), replace(context, entry=1, asked=value))
    assert later.body == body


def test_what_is_no_entry_cannot_be_changed() -> None:
    item = kinds.Item("repeatingPlans", "active", kinds.Switch(), table.REPEATING)
    broken: list[dict[str, Any]] = [{}, {"repeatingPlans": None}, {"repeatingPlans": {}}, {"repeatingPlans": [5]}]
    for values in broken:
        with pytest.raises(Refused, match="does not exist"):
            read_item(item, Value(True), replace(CONTEXT, state=having(values), entry=1))
