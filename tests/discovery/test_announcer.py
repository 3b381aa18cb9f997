"""When Home Assistant is told again."""

from copy import deepcopy
from typing import Any

import pytest

from bridge.discovery import HomeAssistant
from bridge.discovery.announcer import Announcer
from bridge.discovery.entities import tree
from bridge.state.names import Selection
from tests.discovery.houses import house


class House:
    """A house whose state changes, and what was announced of it."""

    def __init__(self, name: str = "0.313.2") -> None:
        self.state: dict[str, Any] = deepcopy(house(name))
        self.others: dict[str, bytes] = {}
        self.told: list[Any] = []
        self.announcer = Announcer(HomeAssistant(), lambda: self.state, self.topics, self.told.append)

    def topics(self) -> dict[str, bytes]:
        return {topic: payload for topic, payload in tree(self.state, Selection()).items() if payload} | self.others


def test_it_tells_once_while_nothing_changes() -> None:
    house = House()
    for moment in (0, 100, 200):
        house.state["loadpoints"][0]["chargePower"] = moment
        house.announcer.tick(moment)
    assert len(house.told) == 1


def test_steps_of_a_slider_are_told_together() -> None:
    house = House()
    house.announcer.tick(0)
    for moment in range(1, 30):
        house.state["loadpoints"][0]["limitSoc"] = moment
        house.announcer.tick(moment)
    assert len(house.told) == 3


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("loadpoints", 0), "title", "Stellplatz"),
        (("vehicles", "bike"), "title", "Lastenrad"),
        (("loadpoints", 2), "chargerFeatureHeating", False),
        (("loadpoints", 0), "maxCurrent", 63),
        ((), "currency", "CHF"),
        ((), "newReading", 12),
    ],
)
def test_it_tells_again_when_a_configuration_changes(path: tuple[Any, ...], key: str, value: Any) -> None:
    house = House()
    house.announcer.tick(0)
    part: Any = house.state
    for level in path:
        part = part[level]
    part[key] = value
    house.announcer.tick(100)
    before, after = house.told
    assert before != after


def test_topics_beside_the_state_are_announced() -> None:
    house = House()
    house.others["jq/time"] = b"12"
    house.announcer.tick(0)
    assert "homeassistant/sensor/evcc/site_jq_time/config" in house.told[0]
