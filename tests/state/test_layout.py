"""Which topics a value of evcc's state has, under its own name and under those of other releases."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.state.part import ABSENT, Scope, Target
from bridge.state.state import Change, State, changes
from tests.state.documents import DOCUMENTS
from tests.state.whole import Tree, state, whole

_SITE = Target(Scope.SITE)


def _part(topics: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    return {topic: payload for topic, payload in topics.items() if topic.startswith(prefixes)}


def test_the_three_scopes_and_their_counts() -> None:
    document = {
        "loadpoints": [{"mode": "pv"}, {"mode": "off"}],
        "vehicles": {"zoe:old": {"title": "Zoe"}, "db:5": {}},
        "pvPower": 1,
        "Süd": 2,
    }

    assert whole(document) == {
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
    ("document", "counts"),
    [
        ({"loadpoints": []}, {"loadpoints": "0"}),
        ({"vehicles": {}}, {"vehicles": "0"}),
        ({"loadpoints": None, "vehicles": None, "siteTitle": ""}, {}),
        ({"vehicles": "x"}, {}),
        ({"vehicles": [{"title": "Zoe"}]}, {}),
        ({"loadpoints": [None, 1, "x", []]}, {"loadpoints": "4"}),
        ({"vehicles": {"zoe": None, "bike": 5}}, {"vehicles": "2"}),
    ],
)
def test_houses_of_other_shapes(document: dict[str, Any], counts: dict[str, str]) -> None:
    ours = whole(document)
    assert {topic: payload for topic, payload in ours.items() if "/" not in topic} == counts


@pytest.mark.parametrize(
    ("name", "level"), [("a/b", "a%2Fb"), ("+", "%2B"), ("#", "%23"), ("\0", "%00"), ("a\nb", "a%0Ab")]
)
def test_names_are_one_level(name: str, level: str) -> None:
    document = {"vehicles": {name: {"title": "Zoe"}}, name: 1, "loadpoints": [{name: 2}], "forecast": {name: 3}}
    ours = whole(document)

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
    tree.bring(changes(State(), state({"gridPower": 1, "grid": {"power": 2}})))
    tree.bring([Change(_SITE, "gridPower", 1, ABSENT)])

    assert tree.topics["site/gridPower"] == "2"
    tree.bring([Change(_SITE, "grid", {"power": 2}, ABSENT)])
    assert not tree.topics


@pytest.mark.parametrize("key", ["password", "apiToken"])
def test_secrets_are_never_published(key: str) -> None:
    document = {key: 1, "mqtt": {key: 2}, "loadpoints": [{key: 3}], "vehicles": {"zoe": {key: 4}}, "forecast": {key: 5}}

    assert not [topic for topic in whole(document, Selection(include=("*",))) if key in topic]


def test_kept_back_unless_asked_for() -> None:
    document = {
        "mqtt": {"broker": "b"},
        "hems": {"config": {"type": "x"}, "dimmed": False},
        "tariffs": {"currency": "EUR"},
    }

    assert whole(document) == {"site/hems/dimmed": "false"}
    assert whole(document, Selection(include=("site/mqtt/*", "site/hems/config/*"))) == {
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
    for document in (two, {"loadpoints": [two]}, {"forecast": two}, {"circuits": two}, {"vehicles": {"bike": two}}):
        tree = Tree()
        tree.bring(changes(State(), state(document)))
        [topic] = tree.contested
        assert tree.topics[topic] == "1"


def test_the_first_of_two_vehicles_that_come_to_one_name_has_it() -> None:
    assert whole({"vehicles": {"a/b": {"title": "A"}, "a%2Fb": {"title": "B"}}})["vehicles/a%2Fb/title"] == "A"


def test_a_value_that_is_gone_has_no_topics() -> None:
    layout = Layout(Selection(), aliases=True)
    assert layout.topics(Change(_SITE, "gridPower", 1, ABSENT)) == ({}, {}, frozenset())


@pytest.mark.parametrize("value", [5, 2.5, True, "", "pv", "2026-11-25T12:00:00Z", None, [1, 2, 3], {"power": 1}])
def test_names_that_are_kept_change_nothing(value: Any) -> None:
    targets = (_SITE, Target(Scope.LOADPOINT, "1"), Target(Scope.VEHICLE, "zoe"))
    keys = ("grid", "gridPower", "phases", "battery", "plan", "features", "password", "a/b", "mqtt", "evopt")
    used = Layout(Selection(), aliases=True)
    for target in targets:
        for key in keys:
            used.topics(Change(target, key, ABSENT, 1))
            change = Change(target, key, 1, value)
            assert used.topics(change) == Layout(Selection(), aliases=True).topics(change)


def test_names_are_not_kept_without_end() -> None:
    layout = Layout(Selection(), aliases=True)
    for number in range(10_000):
        layout.topics(Change(_SITE, f"{number}".zfill(250), ABSENT, 1))
    assert sum(len(topic) for topics in layout._names.values() for topic in topics.own) < 2_001_000


@given(DOCUMENTS)
def test_a_document_of_any_shape_gives_topics_that_brokers_take(document: dict[str, Any]) -> None:
    for topic, payload in whole(_house(document)).items():
        assert payload
        assert topic.startswith(("site/", "loadpoints", "vehicles"))
        assert not any(char in topic for char in "+#\0")
        topic.encode()


@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_step_by_step_comes_to_the_same_as_from_scratch(documents: list[dict[str, Any]]) -> None:
    tree, before = Tree(), State()
    for document in map(_house, documents):
        after = state(document)
        tree.bring(changes(before, after))
        assert {topic for topic in tree.topics if topic.startswith("loadpoints/")} == {
            topic for topic in whole(after) if topic.startswith("loadpoints/")
        }
        before = after
    if not tree.contested:
        assert tree.topics == whole(before)


def _house(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with loadpoints that are a list, as in every state."""
    loadpoints = document.get("loadpoints")
    return {**document, "loadpoints": loadpoints if isinstance(loadpoints, list) else []}
