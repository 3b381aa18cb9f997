"""Home Assistant's configurations: shape, names, and whose they are. Its real schema is asked in tests/clients."""

from collections import Counter
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from bridge.entities.entities import entities
from bridge.export.homeassistant import HomeAssistant
from bridge.mqtt.ownership import DiscoveryOwnership
from bridge.settable.permission import FREE, Permission
from bridge.settings import Evcc, Settings
from bridge.state.state import State
from tests.entities.houses import HOUSES, document, house, state_of
from tests.state.documents import DOCUMENTS


def configs(state: str | State, permission: Permission = FREE, **options: Any) -> dict[str, dict[str, Any]]:
    found = entities(house(state) if isinstance(state, str) else state, permission=permission)
    return {topic: orjson.loads(one) for topic, one in HomeAssistant(**options).configs(found).items()}


@pytest.mark.parametrize("name", HOUSES)
def test_every_configuration_has_its_origin_and_its_device(name: str) -> None:
    found = configs(name)
    assert len(found) > 200
    for topic, one in found.items():
        prefix, _, root, _, last = topic.split("/")
        assert (prefix, root, last) == ("homeassistant", "evcc", "config")
        assert one["origin"]["name"] == "evcc-mqtt-bridge"
        assert one["device"]["identifiers"]
        assert ("availability" in one) is not one.get("state_topic", "").startswith("evcc/bridge/")


@pytest.mark.parametrize("name", HOUSES)
def test_unique_ids_are_unique_for_each_component(name: str) -> None:
    ids = Counter((topic.split("/")[1], one["unique_id"]) for topic, one in configs(name).items())
    assert ids.most_common(1)[0][1] == 1


def test_there_is_one_device_per_site_loadpoint_and_vehicle() -> None:
    devices = {one["device"]["identifiers"][0]: one["device"] for one in configs("0.313.2").values()}
    names = {"evcc_loadpoint_1": "Carport + Süd", "evcc_loadpoint_2": "Garage", "evcc_loadpoint_3": "Wärmepumpe"}
    vehicles = {device["name"] for device in devices.values() if device["model"] == "Vehicle"}
    assert {key: device["name"] for key, device in devices.items() if device["model"] == "Loadpoint"} == names
    assert vehicles == {"VanMoof", "Blauer e-Golf", 'Grüner Honda "e" / Zwei'}
    site = {"name": "Haus Süd", "manufacturer": "evcc", "model": "Site", "sw_version": "0.313.2"}
    assert devices["evcc_site"] == {"identifiers": ["evcc_site"]} | site
    assert all(device.get("via_device") == "evcc_site" for key, device in devices.items() if key != "evcc_site")


def test_a_limit_is_a_slider() -> None:
    one = configs("0.313.2")["homeassistant/number/evcc/loadpoint_1_limitsoc/config"]
    assert one["state_topic"] == "evcc/loadpoints/1/limitSoc"
    assert one["command_topic"] == "evcc/loadpoints/1/limitSoc/set"
    assert (one["min"], one["max"], one["step"], one["mode"]) == (0, 100, 1, "slider")
    assert one["unit_of_measurement"] == "%"
    assert "entity_category" not in one


def test_a_meter_is_fit_for_the_energy_dashboard() -> None:
    one = configs("0.131.4")["homeassistant/sensor/evcc/site_grid_energy/config"]
    assert (one["device_class"], one["state_class"], one["unit_of_measurement"]) == (
        "energy",
        "total_increasing",
        "kWh",
    )
    assert one["state_topic"] == "evcc/site/gridEnergy"


def test_what_is_not_for_every_day_is_off() -> None:
    found = configs("0.313.2")
    detail = found["homeassistant/number/evcc/loadpoint_1_mincurrent/config"]
    rare = found["homeassistant/binary_sensor/evcc/loadpoint_1_chargerfeatureheating/config"]
    assert (detail["entity_category"], detail["enabled_by_default"]) == ("config", False)
    assert (rare["entity_category"], rare["enabled_by_default"]) == ("diagnostic", False)


@pytest.mark.parametrize("name", HOUSES)
def test_few_entities_are_enabled(name: str) -> None:
    enabled = Counter(
        one["device"]["identifiers"][0] for one in configs(name).values() if one.get("enabled_by_default", True)
    )
    assert enabled["evcc_site"] <= 30
    for device, number in enabled.items():
        assert number <= (10 if "vehicle" in device else 30 if device == "evcc_site" else 25), device


def test_energies_and_durations_have_the_units_that_people_read() -> None:
    found = configs("0.313.2")
    energy, duration = (
        found[f"homeassistant/sensor/evcc/loadpoint_1_{key}/config"]
        for key in ("chargedenergy", "chargeremainingduration")
    )
    assert (energy["unit_of_measurement"], energy["suggested_display_precision"]) == ("kWh", 2)
    assert "/ 1000" in energy["value_template"]
    assert (duration["unit_of_measurement"], duration["device_class"]) == ("min", "duration")
    assert "/ 60" in duration["value_template"]


def test_what_begins_again_is_no_total_without_a_reset() -> None:
    found = configs("0.313.2")
    classes = {topic.split("/")[3]: one.get("state_class") for topic, one in found.items()}
    assert classes["site_sessions_month_energy"] == classes["site_sessions_year_energy"] == "total_increasing"
    assert classes["site_sessions_total_energy"] == "total"
    assert classes["loadpoint_1_vehicleodometer"] is None  # of one vehicle after another


def test_the_last_refused_command_has_a_sensor() -> None:
    one = configs("0.313.2")["homeassistant/sensor/evcc/site_bridge_journal/config"]
    assert one["state_topic"] == "evcc/bridge/journal"
    assert one["entity_category"] == "diagnostic"
    assert "enabled_by_default" not in one


@pytest.mark.parametrize(
    ("url", "page"),
    [("http://evcc.local:7070", "http://evcc.local:7070"), ("http://localhost:7070", None), ("http://127.0.0.1", None)],
)
def test_the_device_page_leads_to_evcc_where_others_reach_it(url: str, page: str | None) -> None:
    settings = Settings(evcc=Evcc.model_validate({"url": url}))
    configs = HomeAssistant.of(settings).configs(entities(house("0.313.2")))
    devices = [orjson.loads(one)["device"] for one in configs.values()]
    assert {device.get("configuration_url") for device in devices} == {page}


def test_what_is_set_with_names_is_sent_with_values() -> None:
    one = configs("0.313.2")["homeassistant/select/evcc/loadpoint_1_vehicle/config"]
    assert one["options"] == ["VanMoof", "Blauer e-Golf", 'Grüner Honda "e" / Zwei', "(none)"]
    assert '"VanMoof": "bike"' in one["command_template"]
    assert '"(none)": "-"' in one["command_template"]


def test_half_a_plan_is_sent_alone() -> None:
    one = configs("0.313.2")["homeassistant/number/evcc/vehicle_bike_plan_soc/config"]
    amount, instead = one["command_template"].split(',"or":')
    assert amount == '{"soc":{{ value }}'
    assert instead.startswith("""{"time":"{% set at = today_at('07:00') %}""")


def test_what_may_not_be_set_is_announced_without_commands() -> None:
    found = configs("0.313.2", permission=Permission(enabled=False))
    assert {topic.split("/")[1] for topic in found} == {"sensor", "binary_sensor"}
    assert not [one for one in found.values() if "command_topic" in one]
    assert found["homeassistant/sensor/evcc/loadpoint_1_mode/config"]["state_topic"] == "evcc/loadpoints/1/mode"


def test_two_roots_do_not_meet() -> None:
    first, second = configs("0.313.2"), configs("0.313.2", root="home/evcc")
    assert not first.keys() & second.keys()
    assert not {one["unique_id"] for one in first.values()} & {one["unique_id"] for one in second.values()}


@pytest.mark.parametrize("root", ["evcc", "home/evcc"])
def test_the_mirror_recognizes_the_configurations_of_its_root(root: str) -> None:
    own, other = (DiscoveryOwnership(each, cast("Any", None)) for each in (root, "evcc2"))
    configs = HomeAssistant(root).configs(entities(house("0.313.2")))
    for topic, payload in configs.items():
        below = topic.removeprefix("homeassistant/")
        assert own.is_kept(below, payload)
        assert not other.is_kept(below, payload)


def test_what_evcc_no_longer_has_is_no_longer_announced() -> None:
    changed = document("0.313.2")
    del changed["vehicles"]["bike"], changed["loadpoints"][2]
    gone = configs("0.313.2").keys() - configs(state_of(changed)).keys()
    assert gone
    assert all("vehicle_bike" in topic or "loadpoint_3" in topic for topic in gone)


def test_the_prefix_is_home_assistants() -> None:
    assert all(topic.startswith("ha/") for topic in configs("0.313.2-demo", prefix="ha"))


@given(DOCUMENTS)
@hypothesis_settings(max_examples=40)
def test_any_document_gives_configurations_that_are_json(changed: dict[str, Any]) -> None:
    for topic, config in configs(state_of(changed)).items():
        assert not set("+#\0") & set(topic)
        assert isinstance(config, dict)
