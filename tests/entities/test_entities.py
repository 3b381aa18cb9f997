"""Entities of recorded houses, and of documents that no house has."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from bridge.entities.entities import entities
from bridge.entities.entity import VALUE, Clock, Control, Entity, Options, Press, Range, Toggle
from bridge.settable.lookup import find
from bridge.settable.permission import Permission
from bridge.settable.read import read
from bridge.settable.value import Context
from bridge.settings import Commands
from bridge.state.names import Selection
from bridge.state.reading import TEMPERATURE
from bridge.state.state import State
from tests.entities.houses import HOUSES, document, house, state_of, tree
from tests.state.documents import DOCUMENTS

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
# what field tests and dashboards are known to read, by today's names
CONSUMED = {
    "site": {"grid/power", "pvPower", "homePower", "battery/power", "battery/soc"},
    "loadpoint_1": {"mode", "chargePower", "charging", "connected", "vehicleSoc", "limitSoc", "chargedEnergy"},
}


def by_id(state: State, **options: Any) -> dict[tuple[str, str], Entity]:
    return {(entity.device.id, entity.key): entity for entity in entities(state, **options)}


def samples(control: Control) -> list[str]:
    """Payloads that programs make of a control."""
    match control.widget:
        case Range(low, high, _, _):
            values = [f"{low:g}", f"{high:g}"]
        case Options(labels):
            values = list(labels)
        case Toggle():
            values = ["true", "false"]
        case Clock():
            values = ["07:00", "2026-11-27T06:00:00", "2026-11-27T07:00:00+0100", "2026-11-27 06:30"]
        case Press():
            values = [""]
    return [control.payload.replace(VALUE, value) for value in values]


@pytest.mark.parametrize("name", HOUSES)
def test_whatever_a_control_sends_is_taken(name: str) -> None:
    state = house(name)
    context = Context(NOW, UTC, state)
    controls = [entity.control for entity in entities(state) if entity.control]
    assert len(controls) > 60
    for control in controls:
        setting = find(control.topic, state).setting
        for payload in samples(control):
            read(setting, payload.encode(), context)


@pytest.mark.parametrize("name", HOUSES)
def test_what_known_consumers_read_is_there(name: str) -> None:
    found = by_id(house(name))
    wanted = {(device, key) for device, keys in CONSUMED.items() for key in keys}
    assert wanted <= found.keys()
    if "forecast" in house(name).site:
        assert ("site", "forecast/grid") in found


@pytest.mark.parametrize("name", HOUSES)
def test_ids_are_unique(name: str) -> None:
    ids = Counter((entity.device.id, entity.id) for entity in entities(house(name)))
    assert ids.most_common(1)[0][1] == 1


def test_ids_stay_over_renames_of_evcc() -> None:
    old, today = by_id(house("0.131.4")), by_id(house("0.313.2"))
    moved = {key for key in old if old[key].topic and key in today and old[key].topic != today[key].topic}
    assert {("site", "grid/power"), ("site", "battery/devices/1/soc"), ("loadpoint_1", "offeredCurrent")} <= moved
    gone = {key for device, key in old.keys() - today.keys() if device != "loadpoint_2"}
    assert gone <= {
        "battery/energy", "chargerPhysicalPhases", "phasesEnabled",
        "minCurrent", "maxCurrent", "phases", "priority",
    }  # fmt: skip


def test_titles_and_units_are_of_this_house() -> None:
    found = by_id(house("0.313.2"))
    assert found["loadpoint_1", "mode"].device.title == "Carport + Süd"
    assert found["site", "circuits/main/power"].title == "Circuit Hauptanschluss power"
    assert found["site", "tariffGrid"].quantity.unit == "EUR/kWh"


def test_a_heating_device_has_temperatures() -> None:
    heating, vehicle = (by_id(house("0.313.2"))[f"loadpoint_{number}", "limitSoc"] for number in (3, 1))
    assert (heating.title, heating.quantity) == ("Temperature limit", replace(TEMPERATURE, zero=False))
    assert (vehicle.title, vehicle.quantity.unit) == ("Limit", "%")


def test_a_value_in_force_is_within_its_range() -> None:
    changed = document("0.313.2")
    changed["loadpoints"][0]["maxCurrent"] = 163
    control = by_id(state_of(changed))["loadpoint_1", "maxCurrent"].control
    assert control
    assert isinstance(control.widget, Range)
    assert control.widget.high == 163


@pytest.mark.parametrize(
    ("values", "low", "high", "step"),
    [
        ({"currency": "EUR"}, -1, 2, 0.001),
        ({"currency": "SEK"}, -10, 20, 0.001),
        ({"currency": "JPY"}, -100, 200, 0.01),
        ({"currency": "XXX"}, -1000, 2000, 0.1),
        ({"smartCostType": "co2"}, 0, 1000, 1),
    ],
)
def test_what_is_offered_for_a_price_goes_by_its_unit(
    values: dict[str, Any], low: float, high: float, step: float
) -> None:
    control = by_id(state_of(document("0.313.2") | {"currency": "EUR"} | values))[
        "loadpoint_2", "smartCostLimit"
    ].control
    assert control
    assert control.widget == Range(low, high, step, checked=False)


def test_usual_limits_are_generous() -> None:
    found = by_id(house("0.313.2"))
    for key, needed in (("maxCurrent", 80), ("limitEnergy", 200), ("enableThreshold", 22_000), ("priority", 10)):
        control = found["loadpoint_1", key].control
        assert control
        assert isinstance(control.widget, Range)
        assert control.widget.high >= needed


@pytest.mark.parametrize(
    ("switches", "single", "current", "offered"),
    [
        (True, False, 0, ["0", "1", "3"]),
        (False, False, 3, ["1", "3"]),
        (False, True, 1, ["1"]),
        (False, False, 0, ["1", "3", "0"]),
    ],
)
def test_only_phases_that_the_charger_can_do_are_offered(
    switches: bool, single: bool, current: int, offered: list[str]
) -> None:
    changed = document("0.313.2")
    changed["loadpoints"][0] |= {
        "chargerPhases1p3p": switches, "chargerSinglePhase": single, "phasesConfigured": current
    }  # fmt: skip
    control = by_id(state_of(changed))["loadpoint_1", "phasesConfigured"].control
    assert control
    assert isinstance(control.widget, Options)
    assert list(control.widget.labels) == offered


@pytest.mark.parametrize("name", HOUSES)
def test_titles_are_unique_on_a_device(name: str) -> None:
    titles = Counter((entity.device.id, entity.title.lower()) for entity in entities(house(name)))
    assert titles.most_common(1)[0][1] == 1
    assert not [title for _, title in titles if title.endswith("(2)")]


def test_components_of_the_same_name_are_numbered() -> None:
    changed = document("0.313.2")
    for inverter in changed["pv"]:
        inverter["title"] = "Dach"
    found = by_id(state_of(changed))
    assert found["site", "pv/1/power"].title == "Solar power Dach"
    assert found["site", "pv/2/power"].title == "Solar power Dach (2)"


def test_a_heating_device_has_no_vehicle_and_a_charger_no_minimum_temperature() -> None:
    found = by_id(house("0.313.2")).keys()
    assert ("loadpoint_3", "minSoc") in found
    assert ("loadpoint_1", "minSoc") not in found
    vehicles = {"vehicle", "vehicleRange", "vehicleOdometer", "connected", "batteryBoost", "phasesConfigured"}
    assert {("loadpoint_1", key) for key in vehicles} <= found
    assert not {("loadpoint_3", key) for key in vehicles} & found
    assert {("loadpoint_3", key) for key in ("mode", "chargePower", "vehicleSoc", "limitSoc", "priority")} <= found


def test_words_are_evccs() -> None:
    changed = document("0.313.2")
    changed["loadpoints"][0] |= {"mode": "smart", "alwaysCharge": False}
    changed["loadpoints"][1]["mode"] = "turbo"
    found = by_id(state_of(changed))

    def options(device: str, key: str) -> list[str]:
        control = found[device, key].control
        assert control
        assert isinstance(control.widget, Options)
        return list(control.widget.labels)

    assert options("loadpoint_1", "mode") == ["off", "smart", "now"]
    assert options("loadpoint_2", "mode") == ["off", "pv", "minpv", "now", "turbo"]
    assert options("site", "optimizerChargingStrategy") == changed["optimizerChargingStrategies"]
    assert options("loadpoint_1", "vehicle") == ["bike", "my.car_2", "zoe:old", "-"]


def test_a_plan_keeps_its_other_half() -> None:
    found = by_id(house("0.313.2"))
    controls = {key: entity.control for key, entity in found.items() if entity.control}
    soc, time = controls["vehicle_bike", "plan/soc"], controls["vehicle_bike", "plan/time"]
    assert soc.payload == '{"soc":%s,"or":{"time":"07:00"}}'
    assert time.payload == '{"time":"%s","or":{"soc":100}}'


@pytest.mark.parametrize("name", HOUSES)
def test_what_may_not_be_set_is_a_reading(name: str) -> None:
    state = house(name)
    found = entities(state, permission=Permission(enabled=False))
    assert not [entity for entity in found if entity.control]
    shown = {entity.topic for entity in entities(state)} & tree(state).keys()
    assert shown <= {entity.topic for entity in found}


def test_a_denied_setting_alone_is_a_reading() -> None:
    denied = Permission.of(Commands(allow=(), deny=("loadpoints/1/mode", "vehicles/*/planSoc")))
    found = by_id(house("0.313.2"), permission=denied)
    assert found["loadpoint_1", "mode"].control is None
    assert found["loadpoint_1", "mode"].topic == "loadpoints/1/mode"
    assert found["vehicle_my_car_2_9513aa63", "plan/soc"].control is None
    assert found["loadpoint_2", "mode"].control


def test_what_is_excluded_makes_no_reading() -> None:
    found = by_id(house("0.313.2"), selection=Selection(exclude=("site/statistics/*", "loadpoints/*")))
    assert not [key for _, key in found if key.startswith("statistics")]
    assert not [key for device, key in found if device == "loadpoint_1" and not found[device, key].control]


def test_topics_that_are_not_of_the_state_are_the_callers() -> None:
    topics = {"jq/surplus": b"12", "tariffs/grid": b"[]", "bridge/info": b"{}", "history/today/pv": b"1"}
    found = by_id(house("0.313.2"), extra_topics=topics | {"vehicles/bike/soc": b"50"})
    assert ("site", "jq/surplus") in found
    assert found["site", "history/today/pv"].title == "Energy today, pv"
    assert found["vehicle_bike", "soc"].title == "State of charge"
    assert ("site", "bridge/evcc") not in found
    assert not [key for _, key in found if key.startswith(("tariffs", "bridge"))]


@given(DOCUMENTS)
@settings(max_examples=60)
def test_any_document_gives_entities_with_ids_of_their_own(changed: dict[str, Any]) -> None:
    ids = Counter((entity.device.id, entity.id) for entity in entities(state_of(changed)))
    assert max(ids.values()) == 1
