import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.state.by_title import copies, slug, targets
from bridge.state.document import from_document
from bridge.state.part import Scope, Target
from bridge.state.state import State
from tests.extras.recorded import state


def house(*titles: str, vehicles: dict[str, Any] | None = None) -> State:
    return from_document({"loadpoints": [{"title": title} for title in titles], "vehicles": vehicles or {}})


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Carport + Süd", "carport-sued"),
        ("Wärmepumpe", "waermepumpe"),
        ("Wa\u0308rmepumpe", "waermepumpe"),
        ('Grüner Honda "e" / Zwei', "gruener-honda-e-zwei"),
        ("Straße #1", "strasse-1"),
        ("Été à Genève", "ete-a-geneve"),
        ("Гараж", "гараж"),
        ("车库 2", "车库-2"),
        ("#/+", ""),
        ("", ""),
    ],
)
def test_slugs_are_readable(title: str, expected: str) -> None:
    assert slug(title) == expected


@given(st.text())
def test_a_slug_is_one_level(title: str) -> None:
    assert re.fullmatch(r"([^\W_]+(-[^\W_]+)*)?", slug(title))


def test_the_recorded_house() -> None:
    assert {name: target.topic for name, target in targets(from_document(state("0.313.2"))).items()} == {
        "carport-sued": "loadpoints/1",
        "garage": "loadpoints/2",
        "waermepumpe": "loadpoints/3",
        "vanmoof": "vehicles/bike",
        "blauer-e-golf": "vehicles/my.car_2",
        "gruener-honda-e-zwei": "vehicles/zoe:old",
    }


def test_the_same_title_twice_is_told_apart() -> None:
    assert targets(house("Zoe", "zoe!", vehicles={"a": {"title": "Zoe"}})) == {
        "zoe": Target(Scope.LOADPOINT, "1"),
        "zoe-2": Target(Scope.LOADPOINT, "2"),
        "zoe-3": Target(Scope.VEHICLE, "a"),
    }


@given(st.lists(st.sampled_from(["A", "A-2", "a", "B", "", "#"]), max_size=8))
def test_every_title_has_a_slug_of_its_own(titles: list[str]) -> None:
    found = targets(house(*titles))
    assert len(found) == sum(1 for title in titles if slug(title))


@given(st.permutations(["Carport", "Garage", "Hof"]))
def test_slugs_stay_when_loadpoints_change_their_order(titles: list[str]) -> None:
    found = targets(house(*titles))
    assert {titles[int(target.name) - 1]: name for name, target in found.items()} == {
        "Carport": "carport",
        "Garage": "garage",
        "Hof": "hof",
    }


@pytest.mark.parametrize("loadpoints", [None, [], [None, {"title": 3}]])
def test_without_titles_there_is_nothing(loadpoints: Any) -> None:
    assert targets(State()) == {}
    assert targets(from_document({"siteTitle": "x", "version": "1", "loadpoints": loadpoints, "pvPower": 1})) == {}


def test_topics_are_copied_below_the_slug() -> None:
    topics = {
        "loadpoints": b"1",
        "loadpoints/1": b"x",
        "loadpoints/1/mode": b"pv",
        "loadpoints/1/plan/2/value": b"7",
        "loadpoints/10/mode": b"off",
        "vehicles/a%2Fb/minSoc": b"20",
        "vehicles/c/minSoc": b"30",
        "site/mode": b"no",
    }
    assert copies(targets(house("Hof", vehicles={"a/b": {"title": "Zoe"}, "c": {}})), topics) == {
        "by-title/hof/mode": b"pv",
        "by-title/hof/plan/2/value": b"7",
        "by-title/zoe/minSoc": b"20",
    }
