"""The state document: paths, frames, encoding."""

import json
from typing import Any

import pytest

from evcc_simulator.house import ERAS, House, go_json, plain
from tests.simulator.recorded import NIGHT


def _house(era: str = "0.313.2") -> tuple[House, list[dict[str, Any]]]:
    frames: list[dict[str, Any]] = []
    return House(ERAS[era], ERAS[era].state(NIGHT), lambda frame: frames.append(dict(frame))), frames


@pytest.mark.parametrize(
    ("path", "value", "frame"),
    [
        ("pvPower", 12, {"pvPower": 12}),
        ("loadpoints.1.mode", "now", {"loadpoints.1.mode": "now"}),
        (
            "loadpoints.0.planStrategy.precondition",
            60,
            {"loadpoints.0.planStrategy": {"continuous": True, "precondition": 60}},
        ),
        ("aux.0.power", 99.0, {"aux": [{"name": "aux1", "power": 99}]}),
        ("forecast.solar", [], {"forecast.solar": []}),
        ("made.up", True, {"made": {"up": True}}),
    ],
)
def test_a_set_value_travels_in_the_frame_of_its_key(path: str, value: Any, frame: dict[str, Any]) -> None:
    house, frames = _house()
    house.set(path, value)
    assert frames == [frame]
    assert house.get(path) == value


def test_vehicles_travel_whole_and_their_dots_are_no_steps() -> None:
    house, frames = _house()
    house.set("vehicles.my.car_2.title", "Rot")
    house.set("vehicles.db:5", {"title": "Neu"})
    assert frames[0]["vehicles"]["my.car_2"]["title"] == "Rot"
    assert set(frames[1]["vehicles"]) == {"bike", "my.car_2", "zoe:old", "db:5"}


def test_a_new_loadpoint_travels_key_by_key() -> None:
    house, frames = _house()
    house.set("loadpoints.3", {"title": "Neu", "mode": "pv"})
    assert frames == [{"loadpoints.3.title": "Neu"}, {"loadpoints.3.mode": "pv"}]


def test_only_a_change_is_sent_by_change() -> None:
    house, frames = _house()
    assert not house.change(("prioritySoc",), 30)
    assert house.change(("prioritySoc",), 31)
    assert frames == [{"prioritySoc": 31}]


def test_what_is_hidden_shows_once_it_is_published() -> None:
    house, _ = _house()
    house.hidden = {("pvPower",), ("loadpoints", 1, "mode")}
    assert "pvPower" not in house.document()
    assert "mode" not in house.document()["loadpoints"][1]
    house.publish(("loadpoints", 1, "mode"))
    assert "mode" in house.document()["loadpoints"][1]
    assert "loadpoints.1.mode" in dict(house.flat())
    assert "pvPower" not in dict(house.flat())


@pytest.mark.parametrize("era", ERAS)
def test_is_encoded_once_until_it_changes(era: str) -> None:
    house, _ = _house(era)
    first = house.encoded()
    assert house.encoded() is first
    house.set("siteTitle", "<b>&")
    assert json.loads(house.encoded()) != json.loads(first)
    assert b"\\u003cb\\u003e\\u0026" in house.encoded()


def test_a_new_forecast_is_encoded_anew() -> None:
    house, _ = _house()
    house.encoded()
    house.set("forecast.grid", [1])
    assert json.loads(house.encoded())["forecast"]["grid"] == [1]


def test_writes_json_as_go_does() -> None:
    assert go_json({"a": plain([1.0, 2.5, {"b": -0.0}]), "ü": None}) == '{"a":[1,2.5,{"b":0}],"ü":null}\n'.encode()


def test_a_copy_does_not_follow() -> None:
    house, _ = _house()
    copy = house.copy()
    house.set("grid.power", 1)
    assert copy["grid"]["power"] == -1234.5
