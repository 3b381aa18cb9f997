"""evcc's state: its parts, push frames merged into it, and what differs between two versions."""

import time
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.state.part import ABSENT, Loadpoint, Scope, Target, Vehicle
from bridge.state.state import MOST_KEYS, State, changes, same
from tests.state.documents import DOCUMENTS, KEYS, VALUES
from tests.state.whole import state, whole

_SITE = Target(Scope.SITE)
_HOUSE: dict[str, Any] = {
    "version": "0.313.2",
    "interval": 10,
    "currency": "EUR",
    "pvPower": 4500.4,
    "forecast": {"solar": {"today": 1}, "grid": []},
    "loadpoints": [{"mode": "pv", "title": "Garage", "soc": 40.5}, {"mode": "off"}],
    "vehicles": {"zoe:old": {"minSoc": 20, "plan": {"soc": 80}}, "a/b": {"title": "Bike"}},
}


def _house(**more: Any) -> State:
    return state({**deepcopy(_HOUSE), **more})


def _found(old: State, new: State) -> dict[tuple[str, str, str], tuple[Any, Any]]:
    return {(change.target.topic, change.key, change.child): (change.old, change.new) for change in changes(old, new)}


# parts


def test_an_empty_state_is_false() -> None:
    assert not State()
    assert _house()
    assert (State().version, State().currency, State().interval) == ("", "", 30.0)


def test_the_parts_of_a_state() -> None:
    house = _house()
    assert [part.target.topic for part in house.targets()] == [
        "site", "loadpoints/1", "loadpoints/2", "vehicles/zoe:old", "vehicles/a%2Fb",
    ]  # fmt: skip
    assert all(house.find(part.target) is part for part in house.targets())
    assert (house.version, house.currency) == ("0.313.2", "EUR")
    assert (house.loadpoints[1].position, house.vehicles["a/b"].name) == (2, "a/b")
    assert (house.loadpoints[0].title, house.loadpoints[1].title) == ("Garage", "")


@pytest.mark.parametrize("name", ["0", "3", "01", "-1", "x", "", "²", "9" * 5000])
def test_no_such_loadpoint(name: str) -> None:
    assert _house().find(Target(Scope.LOADPOINT, name)) is None


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [(4, 4.0), (0.5, 0.5), (None, 30.0), (0, 30.0), (-5, 30.0), (True, 30.0), ("4", 30.0), (1e300, 30.0), ([], 30.0)],
)
def test_evccs_interval(interval: Any, seconds: float) -> None:
    assert _house(interval=interval).interval == seconds


def test_values_that_evcc_leaves_out_have_their_defaults() -> None:
    loadpoint, vehicle = Loadpoint(Target(Scope.LOADPOINT, "1")), Vehicle(Target(Scope.VEHICLE, "a"), {"minSoc": None})
    assert (loadpoint.get("limitSoc"), loadpoint.number("limitEnergy"), "limitSoc" in loadpoint) == (0, 0, True)
    assert (loadpoint.get("minSoc"), loadpoint.get("minSoc", 5), "minSoc" in loadpoint) == (None, 5, False)
    assert (vehicle.get("minSoc"), vehicle.get("repeatingPlans")) == (None, 0)
    assert loadpoint.values == {}


@pytest.mark.parametrize(
    ("value", "text", "number", "flag"),
    [
        ("pv", "pv", None, None),
        (5, "", 5, None),
        (2.5, "", 2.5, None),
        (True, "", None, True),
        (None, "", None, None),
        ([1], "", None, None),
        (float("inf"), "", None, None),
    ],
)
def test_values_of_a_kind(value: Any, text: str, number: float | None, flag: bool | None) -> None:
    site = state({"x": value}).site
    assert (site.text("x"), site.number("x"), site.flag("x")) == (text, number, flag)


def test_the_document_comes_back() -> None:
    assert _house().document() == _HOUSE
    assert state({"x": 1}).document() == {"x": 1}


@pytest.mark.parametrize(
    ("topic", "lacks"),
    [
        ("loadpoints/1/mode", False),
        ("loadpoints/2/mode", False),
        ("loadpoints/3/mode", True),
        ("loadpoints/0/mode", True),
        ("loadpoints/01/mode", True),
        ("loadpoints/x/mode", False),
        ("loadpoints", False),
        ("vehicles/zoe:old/minSoc", False),
        ("vehicles/a%2Fb/minSoc", False),
        ("vehicles/b/minSoc", True),
        ("vehicles", False),
        ("site/x", False),
    ],
)
def test_topics_below_what_evcc_does_not_list(topic: str, *, lacks: bool) -> None:
    assert _house().lacks(topic) is lacks
    assert not State().lacks(topic)


# changes


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (True, 1, False),
        (0, False, False),
        ([1, True], [1, 1], False),
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": [1]}, {"a": [1.0]}, False),
        ([1], {"a": 1}, False),
        (None, "", False),
        ("1", 1, False),
        (0.0, -0.0, True),
        (ABSENT, ABSENT, True),
        (ABSENT, None, False),
    ],
)
def test_same_as_json(one: Any, other: Any, *, equal: bool) -> None:
    assert same(one, other) is equal


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"pvPower": 2}, {("site", "pvPower", ""): (4500.4, 2)}),
        ({"x": None}, {("site", "x", ""): (ABSENT, None)}),
        ({"interval": True}, {("site", "interval", ""): (10, True)}),
        (
            {"forecast": {"solar": {"today": 2}, "grid": []}},
            {("site", "forecast", "solar"): ({"today": 1}, {"today": 2})},
        ),
        ({"forecast": {"grid": []}}, {("site", "forecast", "solar"): ({"today": 1}, ABSENT)}),
        (
            {"forecast": None},
            {
                ("site", "forecast", "solar"): ({"today": 1}, ABSENT),
                ("site", "forecast", "grid"): ([], ABSENT),
                ("site", "forecast", ""): (ABSENT, None),
            },
        ),
        (
            {"loadpoints": [{"mode": "pv", "title": "Garage", "soc": 41}, {"mode": "off"}]},
            {("loadpoints/1", "soc", ""): (40.5, 41)},
        ),
        (
            {"vehicles": {"zoe:old": {"minSoc": 20, "plan": {"soc": 80}}}},
            {
                ("vehicles", "", ""): (2, 1),
                ("vehicles/a%2Fb", "title", ""): ("Bike", ABSENT),
                **{
                    ("vehicles/a%2Fb", key, ""): (0, ABSENT)
                    for key in ("features", "repeatingPlans", "minSoc", "limitSoc")
                },
            },
        ),
        (
            {"vehicles": {"zoe:old": {"plan": {"soc": 80}}, "a/b": {"title": "Bike"}}},
            {("vehicles/zoe:old", "minSoc", ""): (20, 0)},
        ),
        ({}, {}),
    ],
)
def test_what_differs(more: dict[str, Any], found: dict[tuple[str, str, str], tuple[Any, Any]]) -> None:
    assert _found(_house(), _house(**more)) == found


def test_what_is_gone() -> None:
    assert _found(_house(), State()).keys() == _found(State(), _house()).keys()
    assert all(new is ABSENT for _, new in _found(_house(), State()).values())


def test_each_value_has_a_source_of_its_own() -> None:
    two = {"a/b": 1, "a%2Fb": 2, "b": 3}
    found = changes(
        State(), state({**two, "loadpoints": [two, two], "vehicles": {"a/b": two, "a%2Fb": two}, "forecast": two})
    )
    assert len({change.source for change in found}) == len(found)


@given(DOCUMENTS)
def test_nothing_has_changed_in_the_same_state(document: dict[str, Any]) -> None:
    one, other = (state({**deepcopy(document), "loadpoints": []}) for _ in range(2))
    assert changes(one, one) == changes(one, other) == ()


# push frames


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        ({"pvPower": 1}, {("site", "pvPower", ""): (4500.4, 1)}),
        ({"loadpoints.1.mode": "now"}, {("loadpoints/2", "mode", ""): ("off", "now")}),
        ({"loadpoints.0": {"mode": "now"}}, {
            ("loadpoints/1", "mode", ""): ("pv", "now"), ("loadpoints/1", "title", ""): ("Garage", ABSENT),
            ("loadpoints/1", "soc", ""): (40.5, ABSENT),
        }),
        ({"forecast.solar": {"a": 1}}, {("site", "forecast", "solar"): ({"today": 1}, {"a": 1})}),
        ({"a.b.c": 1, "a.b.d": 2}, {("site", "a", ""): (ABSENT, {"b": {"c": 1, "d": 2}})}),
        ({"a": {"b": 1}, "a.c": 2}, {("site", "a", ""): (ABSENT, {"b": 1, "c": 2})}),
        ({"a.c": 2, "a": {"b": 1}}, {("site", "a", ""): (ABSENT, {"b": 1})}),
        ({"loadpoints.0.plan.x": 1}, {("loadpoints/1", "plan", ""): (ABSENT, {"x": 1})}),
        ({"vehicles.zoe:old.minSoc": 5}, {("vehicles/zoe:old", "minSoc", ""): (20, 5)}),
        ({"pvPower": 4500.4, "loadpoints.0.soc": 40.5}, {}),
        ({}, {}),
        ({"loadpoints.2.mode": "pv"}, {}),
        ({"loadpoints.x.mode": "pv", "loadpoints.-1.mode": "pv", "loadpoints.²": {}}, {}),
        ({"loadpoints": [], "loadpoints.0": 5, "vehicles": None, "vehicles.new.minSoc": 5}, {}),
        ({"": 1, ".": 2, "k" * 257: 1, "pvPower.x": 1}, {}),
        ({".".join("a" * 20): 1}, {}),
        ({"new.": 1, "interval.x": 1}, {}),
        ({"interval": True}, {("site", "interval", ""): (10, True)}),
    ],
)  # fmt: skip
def test_a_frame_changes_its_own_values(frame: dict[str, Any], found: Any) -> None:
    house = _house()
    new = house.merged(frame)
    assert _found(house, new) == found
    assert house.document() == _HOUSE


def test_parts_that_a_frame_does_not_change_are_shared() -> None:
    house = _house()
    new = house.merged({"loadpoints.1.mode": "now"})
    assert new.site is house.site
    assert new.loadpoints[0] is house.loadpoints[0]
    assert new.vehicles is house.vehicles
    assert house.merged({"pvPower": 4500.4, "vehicles": deepcopy(_HOUSE["vehicles"])}) is house


def test_vehicles_come_whole() -> None:
    new = _house().merged({"vehicles": {"a/b": {"title": "Bike"}, "new": {}}})
    assert new.document()["vehicles"] == {"a/b": {"title": "Bike"}, "new": {}}
    assert new.vehicles["new"].target == Target(Scope.VEHICLE, "new")


def test_a_number_that_is_the_known_one_rounded_is_no_change() -> None:
    third = 4.333333333333333
    house = state(
        {
            "pvPower": 4500.4567,
            "grid": {"power": 1.00049, "currents": [third, 5]},
            "loadpoints": [{"chargeCurrents": [third] * 3}],
        }
    )
    frame = {
        "pvPower": 4500.457,
        "grid": {"power": 1, "currents": [4.333, 5]},
        "loadpoints.0.chargeCurrents": [4.333] * 3,
    }
    assert house.merged(frame) is house

    new = house.merged({"loadpoints.0.chargeCurrents": [4.333, 4.333, 4.4], "pvPower": 4500.458})
    assert new.loadpoints[0].get("chargeCurrents") == [third, third, 4.4]
    assert new.site.get("pvPower") == 4500.458


def test_sums_of_phases_do_not_alternate_between_frames_and_polls() -> None:
    house = state({"loadpoints": [{"chargeCurrents": [13 / 3] * 3}]})
    assert whole(house)["loadpoints/1/chargeCurrents"] == "13"
    pushed = state({"loadpoints": [{"chargeCurrents": [6, 6, 6]}]}).merged({"loadpoints.0.chargeCurrents": [4.333] * 3})
    assert whole(pushed)["loadpoints/1/chargeCurrents"] == "13"


_MANY = 40_000


@pytest.mark.parametrize(
    "frame",
    [
        {f"k{number}": number for number in range(_MANY)},
        {f"a.k{number}": number for number in range(_MANY)},
        {f"a{number}.b.c.d": number for number in range(_MANY)},
        {f"loadpoints.0.k{number}": number for number in range(_MANY)},
        {f"loadpoints.{number}.mode": "now" for number in range(_MANY)},
        {f"vehicles.v{number}.k": number for number in range(_MANY)},
        {"vehicles": {f"v{number}": {"k": 1} for number in range(_MANY)}},
    ],
    ids=["site", "one key", "deep", "loadpoint", "loadpoints", "vehicle", "vehicles"],
)
def test_a_frame_costs_in_proportion_to_its_size_and_is_bounded(frame: dict[str, Any]) -> None:
    house, began = _house(), time.process_time()
    new = house.merged(frame)
    found = changes(house, new)
    assert time.process_time() - began < 2  # a fifth of a second; quadratic, it was minutes
    assert len(found) <= 5 * MOST_KEYS
    assert max(len(part.values) for part in new.targets()) <= MOST_KEYS
    assert len(new.site.get("a") or ()) <= MOST_KEYS
    assert len(new.vehicles) <= 500


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ({f"k{number}": number for number in range(_MANY)}, "keys of site "),
        ({f"a.k{number}": number for number in range(_MANY)}, "keys of site "),
        ({f"a.b.k{number}": number for number in range(_MANY)}, "keys of site "),
        ({f"pv.0.k{number}": number for number in range(_MANY)}, "keys of site "),
        ({"k" * 300: 1}, "keys of site "),
        ({f"loadpoints.0.k{number}": number for number in range(_MANY)}, "keys of loadpoints/1 "),
        ({f"loadpoints.0.a.k{number}": number for number in range(_MANY)}, "keys of loadpoints/1 "),
        ({"loadpoints.1": {f"k{number}": number for number in range(_MANY)}}, "keys of loadpoints/2 "),
        ({f"loadpoints.{number}.mode": "pv" for number in range(_MANY)}, "loadpoints beyond 500"),
        ({"loadpoints.9999999.mode": "pv"}, "loadpoints beyond 500"),
        ({f"vehicles.zoe:old.k{number}": 1 for number in range(_MANY)}, "keys of vehicles/zoe:old "),
        ({"vehicles": {"zoe:old": {"k" * 300: 1}}}, "keys of vehicles/zoe:old "),
        ({"vehicles": {f"v{number}": {"k": 1} for number in range(_MANY)}}, "vehicles (at most 500"),
        ({"vehicles": {"v" * 300: {"k": 1}}}, "vehicles (at most 500"),
    ],
)
def test_what_is_left_out_of_a_frame_is_named(frame: dict[str, Any], named: str) -> None:
    [reason] = _house().merged(frame).left_out
    assert reason.startswith(named)


@pytest.mark.parametrize(
    "frame",
    [{"x": 1}, {"a.b": 1}, {"loadpoints.0.mode": "pv"}, {"loadpoints.7.mode": "pv"}, {"vehicles.none.soc": 1}],
)
def test_nothing_is_left_out_of_a_usual_frame(frame: dict[str, Any]) -> None:
    assert not _house().merged(frame).left_out


_PATHS = st.one_of(
    st.lists(st.one_of(KEYS, st.sampled_from(["loadpoints", "0", "1", "2", "vehicles", "zoe:old"])), max_size=4).map(
        ".".join
    ),
    st.sampled_from(["loadpoints.0.mode", "loadpoints.0.soc", "loadpoints.1", "vehicles", "loadpoints", "pvPower"]),
)
_FRAMES = st.dictionaries(_PATHS, VALUES, max_size=3)


@given(st.lists(_FRAMES, max_size=4))
@settings(max_examples=60)
def test_any_frames_change_nothing_in_place_and_nothing_when_repeated(frames: list[dict[str, Any]]) -> None:
    house = _house()
    for frame in frames:
        before = deepcopy(house.document())
        new = house.merged(frame)
        assert house.document() == before
        assert changes(new, new.merged(frame)) == ()
        assert new.merged({}) is new
        assert bool(changes(house, new)) == (new is not house) or new.left_out != house.left_out
        house = new


@given(st.lists(_FRAMES, max_size=3))
@settings(max_examples=40)
def test_frames_nested_as_deeply_as_they_are_read_are_survived(frames: list[dict[str, Any]]) -> None:
    house = _house()
    deep: Any = 1
    for _ in range(250):
        deep = [deep]
    for path in (path for frame in frames for path in frame):
        house = house.merged({f"{path}.a.b.c": deep}).merged({f"{path}.a.b.c": [deep]})
    changes(_house(), house)
