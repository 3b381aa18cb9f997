from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.state.names import Selection
from bridge.state.tree import Tree
from bridge.state.units import _KEY, changed, loadpoint_unit, same, topics, units
from tests.state.documents import DOCUMENTS, VALUES
from tests.state.whole import EVERYTHING, bring, whole


def _part(topics: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    return {topic: payload for topic, payload in topics.items() if topic.startswith(prefixes)}


def test_the_three_scopes_and_their_counts() -> None:
    state = {
        "loadpoints": [{"mode": "pv"}, {"mode": "off"}],
        "vehicles": {"zoe:old": {"title": "Zoe"}, "db:5": {}},
        "pvPower": 1,
        "Süd": 2,
    }

    assert whole(state) == {
        "loadpoints": "2",
        "loadpoints/1/mode": "pv",
        "loadpoints/1/limitSoc": "0",
        "loadpoints/1/limitEnergy": "0",
        "loadpoints/2/mode": "off",
        "loadpoints/2/limitSoc": "0",
        "loadpoints/2/limitEnergy": "0",
        "vehicles": "2",
        "vehicles/zoe:old/title": "Zoe",
        **{f"vehicles/{name}/{key}": "0" for name in ("zoe:old", "db:5") for key in _VEHICLE_ZEROS},
        "site/pvPower": "1",
        "site/Süd": "2",
    }


_VEHICLE_ZEROS = ("features", "repeatingPlans", "minSoc", "limitSoc")


def test_what_a_vehicle_has_replaces_the_zeros() -> None:
    vehicle = {"features": ["Offline"], "repeatingPlans": None, "minSoc": 20, "limitSoc": 80}

    assert _part(whole({"vehicles": {"zoe": vehicle}}), "vehicles/") == {
        "vehicles/zoe/features": "1",
        "vehicles/zoe/features/1": "Offline",
        "vehicles/zoe/repeatingPlans": "0",
        "vehicles/zoe/minSoc": "20",
        "vehicles/zoe/limitSoc": "80",
    }


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ({"loadpoints": []}, {"loadpoints": "0"}),
        ({"vehicles": {}}, {"vehicles": "0"}),
        ({"loadpoints": None, "vehicles": None}, {}),
        ({"loadpoints": 5, "vehicles": "x"}, {}),
        ({"loadpoints": {"0": {"mode": "pv"}}, "vehicles": [{"title": "Zoe"}]}, {}),
        ({"loadpoints": [None, 1, "x", []]}, {"loadpoints": "4"}),
        ({"vehicles": {"zoe": None, "bike": 5}}, {"vehicles": "2"}),
    ],
)
def test_houses_of_other_shapes(state: dict[str, Any], counts: dict[str, str]) -> None:
    assert whole(state) == counts


@pytest.mark.parametrize(
    ("name", "level"), [("a/b", "a%2Fb"), ("+", "%2B"), ("#", "%23"), ("\0", "%00"), ("a\nb", "a%0Ab"), ("", "")]
)
def test_names_are_one_level(name: str, level: str) -> None:
    state = {"vehicles": {name: {"title": "Zoe"}}, name: 1, "loadpoints": [{name: 2}], "forecast": {name: 3}}
    ours = whole(state)

    assert ours[f"vehicles/{level}/title"] == "Zoe"
    assert ours[f"site/{level}"] == "1"
    assert ours[f"loadpoints/1/{level}"] == "2"
    assert ours[f"site/forecast/{level}"] == "3"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gridPower", "grid/power"),
        ("gridEnergy", "grid/energy"),
        ("batteryPower", "battery/power"),
        ("batterySoc", "battery/soc"),
        ("batteryCapacity", "battery/capacity"),
        ("batteryEnergy", "battery/energy"),
    ],
)
def test_one_value_has_the_names_of_both_eras(old: str, new: str) -> None:
    parent, child = new.split("/")
    both = {f"site/{old}": "1.5", f"site/{new}": "1.5"}

    assert whole({old: 1.5}) == both
    assert whole({parent: {child: 1.5}}) == both
    assert whole({old: 1.5}, aliases=False) == {f"site/{old}": "1.5"}


@pytest.mark.parametrize(("old", "new"), [("chargeCurrent", "offeredCurrent"), ("phases", "phasesConfigured")])
def test_a_loadpoints_value_has_the_names_of_both_eras(old: str, new: str) -> None:
    both = {f"loadpoints/2/{old}": "3", f"loadpoints/2/{new}": "3"}

    for name in (old, new):
        ours = whole({"loadpoints": [{}, {name: 3}]})
        assert _part(ours, f"loadpoints/2/{old}", f"loadpoints/2/{new}") == both


@pytest.mark.parametrize(("old", "new"), [("gridCurrents", "currents"), ("gridPowers", "powers")])
def test_phases_of_the_grid_stand_on_the_old_name(old: str, new: str) -> None:
    expected = {
        **dict(zip([f"site/{old}", f"site/{old}/l1", f"site/{old}/l2", f"site/{old}/l3"], "6123", strict=True)),
        **dict(zip([f"site/grid/{new}", *(f"site/grid/{new}/{n}" for n in "123")], "3123", strict=True)),
    }

    assert whole({old: [1, 2, 3]}) == expected
    assert whole({"grid": {new: [1, 2, 3]}}) == expected


def test_batteries_have_the_names_of_both_eras() -> None:
    devices = [{"power": -800, "soc": 61}, {"power": 120}]
    old, today = whole({"battery": devices}), whole({"battery": {"devices": devices, "power": -680}})

    for ours in (old, today):
        assert ours["site/battery/devices"] == ours["site/battery"] == "2"
        assert ours["site/battery/1/soc"] == ours["site/battery/devices/1/soc"] == "61"
        assert ours["site/battery/2/power"] == ours["site/battery/devices/2/power"] == "120"
    assert today["site/batteryPower"] == "-680"


@pytest.mark.parametrize("order", [1, -1])
def test_a_name_of_evccs_own_wins_whatever_comes_first(order: int) -> None:
    both = {"gridPower": 1, "grid": {"power": 2}}
    ours = whole(dict(list(both.items())[::order]))

    assert ours == {"site/gridPower": "1", "site/grid/power": "2"}


def test_an_erased_name_of_evccs_own_wins_too() -> None:
    assert whole({"gridPower": None, "grid": {"power": 2}}) == {"site/grid/power": "2"}


def test_the_other_name_takes_over_when_evcc_stops_using_its_own() -> None:
    tree = Tree()
    bring(tree, units({"gridPower": 1, "grid": {"power": 2}}))
    bring(tree, [("site/gridPower", None)])

    assert tree.get("site/gridPower") == b"2"
    bring(tree, [("site/grid", None)])
    assert not tree.topics


@pytest.mark.parametrize("key", ["password", "apiToken"])
def test_secrets_are_never_published(key: str) -> None:
    state = {key: 1, "mqtt": {key: 2}, "loadpoints": [{key: 3}], "vehicles": {"zoe": {key: 4}}, "forecast": {key: 5}}

    assert not [topic for topic in whole(state, Selection(include=("*",))) if key in topic]


def test_kept_back_unless_asked_for() -> None:
    state = {
        "mqtt": {"broker": "b"},
        "hems": {"config": {"type": "x"}, "dimmed": False},
        "tariffs": {"currency": "EUR"},
    }

    assert whole(state) == {"site/hems/dimmed": "false"}
    assert whole(state, Selection(include=("site/mqtt/*", "site/hems/config/*"))) == {
        "site/hems/dimmed": "false",
        "site/hems/config/type": "x",
        "site/mqtt/broker": "b",
    }


def test_names_of_other_releases_are_selected_by_themselves() -> None:
    assert whole({"gridPower": 1}, Selection(exclude=("site/gridPower",))) == {"site/grid/power": "1"}


@pytest.mark.parametrize("keys", [("a/b", "a%2Fb"), ("a%2Fb", "a/b"), ("a/b%2F", "a%2Fb/")])
def test_the_first_of_two_keys_that_come_to_one_topic_has_it_and_the_second_is_known(keys: tuple[str, str]) -> None:
    first, second = keys
    two = {first: 1, second: 2}
    for state in (two, {"loadpoints": [two]}, {"forecast": two}, {"circuits": two}, {"vehicles": {"bike": two}}):
        tree = Tree()
        bring(tree, units(state))
        [topic] = tree.contested
        assert tree.get(topic) == b"1"
        assert list(changed(state, state)) == []


def test_the_first_of_two_vehicles_that_come_to_one_name_has_it() -> None:
    assert whole({"vehicles": {"a/b": {"title": "A"}, "a%2Fb": {"title": "B"}}})["vehicles/a%2Fb/title"] == "A"


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
    ],
)
def test_same_as_json(one: Any, other: Any, *, equal: bool) -> None:
    assert same(one, other) is equal


def test_a_loadpoints_unit_counts_from_one() -> None:
    assert loadpoint_unit(0, "mode", 5) == ("loadpoints/1/mode", {"mode": 5})


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ({}, {"pvPower": 1}, {"site/pvPower"}),
        ({"pvPower": 1, "x": 1}, {"pvPower": 2, "x": 1}, {"site/pvPower"}),
        ({"forecast": {"grid": 1, "solar": 2}}, {"forecast": {"grid": 1, "solar": 3}}, {"site/forecast/solar"}),
        ({"loadpoints": [{"a": 1, "b": 1}]}, {"loadpoints": [{"a": 1, "b": 2}]}, {"loadpoints/1/b"}),
        ({"vehicles": {"x": {"a": 1}, "y": {}}}, {"vehicles": {"x": {"a": 2}, "y": {}}}, {"vehicles/x"}),
        ({"x": 1}, {"x": True}, {"site/x"}),
    ],
)
def test_only_what_differs_is_changed(old: dict[str, Any], new: dict[str, Any], names: set[str]) -> None:
    assert {unit for unit, _ in changed(old, new)} == names


def test_what_is_gone_is_named_with_none() -> None:
    old = {"loadpoints": [{"a": 1}, {"a": 1}], "vehicles": {"x": {}}, "pvPower": 1}

    gone = {unit for unit, value in changed(old, {"loadpoints": [{"a": 1}]}) if value is None}
    assert gone == {
        "loadpoints/2/a",
        "loadpoints/2/limitSoc",
        "loadpoints/2/limitEnergy",
        "vehicles",
        "vehicles/x",
        "site/pvPower",
    }


@given(DOCUMENTS)
def test_a_document_of_any_shape_gives_topics_that_brokers_take(state: dict[str, Any]) -> None:
    for topic, payload in whole(state).items():
        assert payload
        assert topic.startswith(("site/", "loadpoints", "vehicles"))
        assert not any(char in topic for char in "+#\0")
        topic.encode()


@given(DOCUMENTS)
def test_nothing_has_changed_in_the_same_document(state: dict[str, Any]) -> None:
    assert list(changed(state, state)) == []


@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_step_by_step_comes_to_the_same_as_from_scratch(states: list[dict[str, Any]]) -> None:
    tree, before = Tree(), dict[str, Any]()
    for state in states:
        held = dict(tree.topics)
        touched = bring(tree, changed(before, state))
        assert touched == {
            topic for topic in held.keys() | tree.topics.keys() if held.get(topic) != tree.topics.get(topic)
        }
        before = state
    assert {topic: payload.decode() for topic, payload in tree.topics.items()} == whole(states[-1])


@given(DOCUMENTS, st.text(max_size=3), VALUES)
def test_topics_of_a_unit_lie_at_and_below_it(state: dict[str, Any], key: str, value: Any) -> None:
    for unit, child in units({**state, key: value}):
        for topic in topics(unit, child, EVERYTHING).own:
            assert f"{topic}/".lower().startswith(f"{unit.partition(_KEY)[0]}/".lower())
