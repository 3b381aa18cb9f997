"""Descriptions of topics, whichever release of evcc they are of."""

import pytest

from bridge.state.describe import describe, describe_extra, position, todays_name
from bridge.state.reading import FLAG, MOMENT, NUMBER, POWER, SERIES, SOC, TEXT, Quantity
from bridge.state.state import Scope


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
    assert todays_name(scope, old) == today
    assert todays_name(scope, today) == today


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
    found = describe(Scope.SITE, key, payload)
    assert found
    assert (found.title(), found.reading.quantity) == (title, quantity)


@pytest.mark.parametrize("key", ["pv", "aux", "battery/devices", "features/1", "pv/1/name", "circuits/main/title"])
def test_what_is_no_reading_has_no_description(key: str) -> None:
    assert describe(Scope.SITE, key, b"1") is None


def test_wildcards_are_named() -> None:
    found = describe(Scope.SITE, "statistics/thisYear/avgPrice", b"0.1")
    assert found
    assert found.title() == "Statistics this year: average price"
    phase = describe(Scope.LOADPOINT, "chargeCurrents/l3", b"6")
    assert phase
    assert phase.title() == "Charge current L3"
    assert phase.title("of the house") == "Charge current of the house"


def test_topics_that_are_not_of_the_state() -> None:
    assert describe_extra("tariffs/grid") is None
    own = describe_extra("jq/surplus", b"3000")
    assert own
    assert (own.title(), own.reading.quantity) == ("surplus", NUMBER)


def test_the_more_important_come_first() -> None:
    keys = ["title", "unknown", "chargePower", "mode"]
    assert sorted(keys, key=lambda key: position(Scope.LOADPOINT, key)) == ["mode", "chargePower", "title", "unknown"]
