import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.commands.call import Target
from bridge.extras.by_title import ByTitle, copies, slug, targets
from bridge.settable.setting import Scope
from bridge.state.units import Topics
from tests.extras.recorded import state


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
    assert {name: target.path for name, target in targets(state("0.313.2")).items()} == {
        "carport-sued": "/api/loadpoints/1",
        "garage": "/api/loadpoints/2",
        "waermepumpe": "/api/loadpoints/3",
        "vanmoof": "/api/vehicles/bike",
        "blauer-e-golf": "/api/vehicles/my.car_2",
        "gruener-honda-e-zwei": "/api/vehicles/zoe:old",
    }


def test_the_same_title_twice_is_told_apart() -> None:
    house = {"loadpoints": [{"title": "Zoe"}, {"title": "zoe!"}], "vehicles": {"a": {"title": "Zoe"}}}
    assert targets(house) == {
        "zoe": Target(Scope.LOADPOINT, "1"),
        "zoe-2": Target(Scope.LOADPOINT, "2"),
        "zoe-3": Target(Scope.VEHICLE, "a"),
    }


@given(st.lists(st.sampled_from(["A", "A-2", "a", "B", "", "#"]), max_size=8))
def test_every_title_has_a_slug_of_its_own(titles: list[str]) -> None:
    found = targets({"loadpoints": [{"title": title} for title in titles]})
    assert len(found) == sum(1 for title in titles if slug(title))


@given(st.permutations(["Carport", "Garage", "Hof"]))
def test_slugs_stay_when_loadpoints_change_their_order(titles: list[str]) -> None:
    found = targets({"loadpoints": [{"title": title} for title in titles]})
    assert {titles[int(target.name) - 1]: name for name, target in found.items()} == {
        "Carport": "carport",
        "Garage": "garage",
        "Hof": "hof",
    }


@pytest.mark.parametrize("house", [{}, {"loadpoints": None, "vehicles": []}, {"loadpoints": [None, {"title": 3}]}])
def test_without_titles_there_is_nothing(house: dict[str, Any]) -> None:
    assert targets(house) == {}


def test_topics_are_copied_below_the_slug() -> None:
    house = {"loadpoints": [{"title": "Hof"}], "vehicles": {"a/b": {"title": "Zoe"}, "c": {}}}
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
    assert copies(targets(house), topics) == {
        "by-title/hof/mode": b"pv",
        "by-title/hof/plan/2/value": b"7",
        "by-title/zoe/minSoc": b"20",
    }


def test_copies_stand_beside_what_changed() -> None:
    by_title = ByTitle()
    house = {"loadpoints": [{"title": "Hof"}, {"title": "Garage"}]}
    by_title.beside(house, {}, {})
    mode = {"loadpoints/2/mode": Topics({"loadpoints/2/mode": b"pv"}, {"loadpoints/2/old": b"pv"})}
    assert by_title.beside(house, mode, {"loadpoints/1/mode": {"loadpoints/1/mode": b"off"}}) == {
        "by-title/loadpoints/2/mode": Topics({"by-title/garage/mode": b"pv", "by-title/garage/old": b"pv"}, {})
    }
    assert by_title.target("garage") == Target(Scope.LOADPOINT, "2")
    assert by_title.target("hof-2") is None


def test_when_loadpoints_change_their_order_everything_is_copied_again() -> None:
    by_title = ByTitle()
    known = {
        "loadpoints/1/mode": {"loadpoints/1/mode": b"off"},
        "by-title/loadpoints/1/mode": {"by-title/hof/mode": b"off"},
    }
    by_title.beside({"loadpoints": [{"title": "Hof"}, {"title": "Garage"}]}, {}, {})
    again = by_title.beside({"loadpoints": [{"title": "Garage"}, {"title": "Hof"}]}, {}, known)
    assert again == {"by-title/loadpoints/1/mode": Topics({"by-title/garage/mode": b"off"}, {})}
    assert by_title.target("hof") == Target(Scope.LOADPOINT, "2")
