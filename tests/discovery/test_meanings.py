"""What a topic means, whichever release of evcc it is of."""

import pytest

from bridge.discovery.meanings import beside, canonical, meaning, order
from bridge.settable.setting import Scope
from bridge.state.quantities import FLAG, MOMENT, NUMBER, POWER, SERIES, SOC, TEXT
from bridge.state.reading import Quantity


@pytest.mark.parametrize(
    ("scope", "old", "today"),
    [
        (Scope.SITE, "gridPower", "grid/power"),
        (Scope.SITE, "gridPowers/l2", "grid/powers/2"),
        (Scope.SITE, "battery/1/soc", "battery/devices/1/soc"),
        (Scope.SITE, "battery/soc", "battery/soc"),
        (Scope.SITE, "batterySoc", "battery/soc"),
        (Scope.LOADPOINT, "chargeCurrent", "offeredCurrent"),
        (Scope.LOADPOINT, "chargeCurrents/l1", "chargeCurrents/l1"),
        (Scope.VEHICLE, "plans/1/soc", "plan/soc"),
    ],
)
def test_old_names_are_todays(scope: Scope, old: str, today: str) -> None:
    assert canonical(scope, old) == today
    assert canonical(scope, today) == today


@pytest.mark.parametrize(
    ("key", "payload", "title", "quantity"),
    [
        ("someNewPower", b"12.5", "Some new power", POWER),
        ("heat/pumpSoc", b"12", "Heat pump soc", SOC),
        ("nextStart", b"1795568213", "Next start", MOMENT),
        ("leadTime", b"300", "Lead time", NUMBER),
        ("isNew", b"true", "Is new", FLAG),
        ("words", b"hello", "Words", TEXT),
        ("list", b'[{"a":1}]', "List", SERIES),
        ("unset", b"", "Unset", TEXT),
        ("---", b"1", "---", NUMBER),
    ],
)
def test_a_value_of_a_future_evcc_is_guessed(key: str, payload: bytes, title: str, quantity: Quantity) -> None:
    found = meaning(Scope.SITE, key, payload)
    assert found
    assert (found.titled(), found.reading.quantity) == (title, quantity)


@pytest.mark.parametrize("key", ["pv", "aux", "battery/devices", "features/1", "pv/1/name", "circuits/main/title"])
def test_what_is_no_reading_means_nothing(key: str) -> None:
    assert meaning(Scope.SITE, key, b"1") is None


def test_parts_are_named() -> None:
    found = meaning(Scope.SITE, "statistics/thisYear/avgPrice", b"0.1")
    assert found
    assert found.titled() == "Average price, this year"
    phase = meaning(Scope.LOADPOINT, "chargeCurrents/l3", b"6")
    assert phase
    assert phase.titled() == "Charge current L3"
    assert phase.titled("of the house") == "Charge current of the house"


def test_topics_beside_the_state() -> None:
    assert beside("tariffs/grid") is None
    own = beside("jq/surplus", b"3000")
    assert own
    assert (own.titled(), own.reading.quantity) == ("surplus", NUMBER)


def test_the_more_important_come_first() -> None:
    keys = ["title", "unknown", "chargePower", "mode"]
    assert sorted(keys, key=lambda key: order(Scope.LOADPOINT, key)) == ["mode", "chargePower", "title", "unknown"]
