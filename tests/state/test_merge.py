"""Answers of evcc merged with what is known."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.state.merge import (
    _filled,
    _leaves,
    _missing,
    filled,
    filled_frame,
    is_complete,
    lost,
    newest,
    shared,
)
from bridge.state.state import State, changes
from bridge.state.values import is_series
from tests.state.documents import DOCUMENTS, VALUES
from tests.state.whole import state

_LOADPOINT = {**{f"value{number}": number for number in range(12)}, "mode": "pv", "vehicleName": "zoe"}
_HOUSE: dict[str, Any] = {
    "version": "0.313.2",
    "pvPower": 1,
    "grid": {"power": 1, "x": 1},
    "loadpoints": [_LOADPOINT, _LOADPOINT],
    "vehicles": {"zoe": {"minSoc": 20, "plan": {"soc": 80}}},
}


def _house(**more: Any) -> State:
    return state(deepcopy({**_HOUSE, **more}))


@pytest.mark.parametrize(
    ("known", "new", "merged"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": {"b": 1}}, {"a": None}, {"a": {"b": 1}}),
        ({"a": [{"b": 1}]}, {"a": None}, {"a": [{"b": 1}]}),
        ({"a": [{"b": 1}]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"c": 3}]}, {"a": [{"b": 1, "c": 3}, {"b": 2}]}),
        ({"a": [{"b": 1}]}, {"a": [{"c": 3}, {"c": 4}]}, {"a": [{"b": 1, "c": 3}, {"c": 4}]}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [{"start": 1, "end": 2}]}, {"a": []}, {"a": []}),
        ({"vehicleName": "zoe"}, {"vehicleName": ""}, {"vehicleName": "zoe"}),
        ({"vehicleName": ""}, {"vehicleName": ""}, {"vehicleName": ""}),
        ({"vehicleName": 5}, {"vehicleName": ""}, {"vehicleName": ""}),
    ],
)
def test_what_is_not_there_yet_is_kept(known: Any, new: Any, merged: Any) -> None:
    assert _filled(known, new) == merged


@pytest.mark.parametrize(
    ("known", "new", "count"),
    [
        ({}, {}, 0),
        ({"a": 1}, {}, 1),
        ({"a": 1}, {"a": None}, 0),
        ({"a": None}, {}, 0),
        ({"a": {"b": 1}}, {"a": None}, 1),
        ({"a": [{"b": 1}]}, {"a": None}, 1),
        ({"a": {"b": 1, "c": None, "d": [1, 2]}}, {}, 2),
        ({"a": {"b": 1}}, {"a": 5}, 1),
        ({"a": [{"b": 1}, {"b": 1, "c": 2}]}, {"a": [{}]}, 3),
        ({"a": [1, 2, 3]}, {"a": []}, 0),
        ({"plan": [{"start": 1, "end": 2}]}, {"plan": []}, 0),
        ({"a": 1}, {"a": 2, "b": 3}, 0),
        ({"a": "x"}, {"a": ""}, 0),
    ],
)
def test_missing(known: Any, new: Any, count: int) -> None:
    assert _missing(known, new) == count


def test_an_emptied_text_keeps_evcc_incomplete_but_is_no_sign_of_a_restart() -> None:
    emptied = [{**_LOADPOINT, "vehicleName": ""}] * 2
    assert not is_complete(_house(), _house(loadpoints=emptied))
    assert lost(_house(), _house(loadpoints=emptied)) == 0
    assert is_complete(_house(), _house(pvPower=None, new=1))


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({"loadpoints": [{"mode": "pv"}, _LOADPOINT]}, 13),
        ({"loadpoints": [_LOADPOINT]}, 0),
        ({"loadpoints": []}, 28),
        ({"loadpoints": [None]}, 14),
        ({"vehicles": None}, 2),
        ({"vehicles": {}}, 0),
    ],
)
def test_values_that_are_lost_at_once(more: dict[str, Any], count: int) -> None:
    assert lost(_house(), _house(**more)) == count


def test_a_frame_of_an_evcc_that_starts_brings_nothing_empty() -> None:
    frame = {
        "loadpoints.0.vehicleName": "",
        "loadpoints.1": {"mode": "off"},
        "loadpoints.9.x": "",
        "vehicles": {"zoe": {"minSoc": 5}},
        "pvPower": 2,
        "new.key": "",
    }
    assert filled_frame(_house(), frame) == {
        "loadpoints.0.vehicleName": "zoe",
        "loadpoints.1": {**_LOADPOINT, "mode": "off"},
        "loadpoints.9.x": "",
        "vehicles": {"zoe": {"minSoc": 5, "plan": {"soc": 80}}},
        "pvPower": 2,
        "new.key": "",
    }


# sharing


def test_what_is_equal_is_shared() -> None:
    known = _house()
    assert shared(known, _house()) is known

    new = shared(known, _house(pvPower=2, loadpoints=[_LOADPOINT, {**_LOADPOINT, "mode": "off"}]))
    assert new.site.values["grid"] is known.site.values["grid"]
    assert new.loadpoints[0] is known.loadpoints[0]
    assert new.vehicles is known.vehicles
    assert new.document() == {**_HOUSE, "pvPower": 2, "loadpoints": [_LOADPOINT, {**_LOADPOINT, "mode": "off"}]}


@given(DOCUMENTS, DOCUMENTS)
def test_sharing_changes_no_value(known: dict[str, Any], new: dict[str, Any]) -> None:
    one, other = (state({**document, "loadpoints": []}) for document in (known, new))
    assert changes(other, shared(one, other)) == ()


# frames that overtake an answer


def _after(frame: dict[str, Any], answer: State, asked: State | None = None) -> dict[str, Any]:
    asked = asked or _house()
    return newest(asked, asked.merged(frame), answer).document()


def test_what_a_frame_has_brought_since_is_newer() -> None:
    assert _after({"pvPower": 2, "loadpoints.0.mode": "now", "grid.power": 5}, _house(pvPower=0, other=1)) == {
        **_HOUSE,
        "pvPower": 2,
        "other": 1,
        "grid": {"power": 5, "x": 1},
        "loadpoints": [{**_LOADPOINT, "mode": "now"}, _LOADPOINT],
    }


@pytest.mark.parametrize(
    "frame",
    [
        {"new": 1},
        {"grid.new": 1},
        {"loadpoints.0.new": 1},
        {"vehicles.zoe.new": 1},
        {"vehicles": {**_HOUSE["vehicles"], "bike": {"minSoc": 0}}},
        {"forecast.solar": [1]},
    ],
)
def test_a_key_that_a_frame_has_brought_since_stays(frame: dict[str, Any]) -> None:
    assert _after(frame, _house()) == _house().merged(frame).document()


@pytest.mark.parametrize(
    ("frame", "went"),
    [({"pvPower": 2}, "pvPower"), ({"grid.power": 2}, "grid"), ({"vehicles.zoe.minSoc": 2}, "vehicles")],
)
def test_what_the_answer_does_not_have_any_more_has_gone(frame: dict[str, Any], went: str) -> None:
    answer = state({key: value for key, value in _HOUSE.items() if key != went})
    assert _after(frame, answer) == answer.document()


def test_what_a_frame_has_taken_away_since_stays_away() -> None:
    assert _after({"vehicles": {}}, _house())["vehicles"] == {}
    assert _after({"grid": {"power": 1}}, _house())["grid"] == {"power": 1}


def test_loadpoints_that_an_answer_adds_or_lacks() -> None:
    frame = {"loadpoints.1.mode": "now"}
    assert _after(frame, _house(loadpoints=[_LOADPOINT] * 3))["loadpoints"][1:] == [
        {**_LOADPOINT, "mode": "now"},
        _LOADPOINT,
    ]
    assert _after(frame, _house(loadpoints=[_LOADPOINT]))["loadpoints"] == [_LOADPOINT]


# properties


@given(VALUES, st.randoms(use_true_random=False))
def test_every_hole_is_filled(known: Any, random: Random) -> None:
    holed = _holed(known, random)
    one, other = deepcopy(known), deepcopy(holed)

    assert _filled(known, holed) == known
    assert (known, holed) == (one, other)
    assert _missing(known, holed) == _leaves(known) - _leaves(holed)


def _holed(value: Any, random: Random) -> Any:
    """`value` as an evcc that starts has it: without some of its keys and devices."""
    if isinstance(value, dict):
        return {key: _holed(child, random) for key, child in value.items() if random.random() < 0.7}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value) and not is_series(value):
        return [_holed(item, random) for item in value[: random.randint(1, len(value))]]
    return value


@given(VALUES)
def test_a_value_lacks_nothing_of_itself(value: Any) -> None:
    assert _missing(value, deepcopy(value), emptied=True) == 0
    assert _filled(value, value) == value
    assert _missing({"a": value}, {}) == _leaves(value)


@given(DOCUMENTS, DOCUMENTS)
def test_a_filled_state_is_complete(known: dict[str, Any], new: dict[str, Any]) -> None:
    one, other = (state({**document, "loadpoints": []}) for document in (known, new))
    assert changes(filled(one, one), one) == ()
    assert all(key in filled(one, other).site for key in (*one.site.values, *other.site.values))
