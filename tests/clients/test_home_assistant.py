"""Discovery in a real Home Assistant: entities, states, services, restarts, and nothing left behind."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.entities.entities import entities
from bridge.export.homeassistant import HomeAssistant as Discovery
from bridge.state.document import parse
from tests.broker.client import publish
from tests.clients.home_assistant import HomeAssistant
from tests.clients.house import House
from tests.contract.recordings import state_body
from tests.entities.houses import tree
from tests.patience import PATIENCE

pytestmark = [pytest.mark.client, pytest.mark.timeout(15 * PATIENCE)]

SERVICES: list[tuple[str, str, dict[str, Any], str]] = [
    ("number.set_value", "number.carport_sud_limit", {"value": 70}, "/api/loadpoints/1/limitsoc/70"),
    ("number.set_value", "number.carport_sud_smart_cost_limit", {"value": 0.123}, ".*smartcostlimit/0.123"),
    ("switch.turn_off", "switch.haus_sud_battery_discharge_control", {}, "/api/batterydischargecontrol/false"),
    ("select.select_option", "select.garage_vehicle", {"option": "VanMoof"}, "/api/loadpoints/2/vehicle/bike"),
]
CHECK = Path(__file__).with_name("check_configs.py")


@pytest.mark.parametrize("era", ["0.131.4", "0.313.2", "0.314.0-dev", "0.131.4-demo", "0.313.2-demo"])
def test_every_configuration_is_valid_and_every_template_works(
    era: str, home_assistant_python: Path, tmp_path: Path
) -> None:
    """By Home Assistant's own schema of its MQTT platforms, with the payloads that the tree has."""
    state = parse(state_body(era))
    configs = {topic: json.loads(config) for topic, config in Discovery().configs(entities(state)).items()}
    payloads = {f"evcc/{topic}": payload.decode() for topic, payload in tree(state).items()}
    checked = subprocess.run(
        [str(home_assistant_python), str(CHECK), str(tmp_path)],
        input=json.dumps({"configs": configs, "payloads": payloads}),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, Any]] = json.loads(checked.stdout)
    assert found.keys() == configs.keys()
    assert {topic: one["error"] for topic, one in found.items() if "error" in one} == {}
    # an erased topic is an unknown value, an empty list, or a setting that is not set
    assert {one["erased"] for one in found.values() if "erased" in one} <= {"None", "", "0", "(none)", "(automatic)"}
    _check_times(found)


def _check_times(found: dict[str, dict[str, Any]]) -> None:
    """Times that somebody types have the zone of Home Assistant, which is New York's here."""
    [typed, *_] = [one["sent"] for topic, one in found.items() if topic.startswith("homeassistant/text/")]
    times = {value: json.loads(payload)["time"] for value, payload in typed.items()}
    assert times["2030-01-15 07:00"] == "2030-01-15T07:00:00-05:00"
    assert times["2030-07-15T07:00:00"] == "2030-07-15T07:00:00-04:00"
    assert times["2030-01-15T07:00:00Z"] == "2030-01-15T02:00:00-05:00"
    assert (times["25:00"], times["tomorrow"]) == ("25:00", "tomorrow")
    [amount] = [one["sent"]["5"] for topic, one in found.items() if topic.endswith("loadpoint_1_planenergy/config")]
    for clock, text in (("07:05", times["07:05"]), ("07:00", json.loads(amount)["or"]["time"])):
        moment = datetime.fromisoformat(text)
        assert moment.astimezone(ZoneInfo("America/New_York")).strftime("%H:%M") == clock
        assert timedelta(-0.1) < moment - datetime.now(UTC) < timedelta(days=1.1)


def next_time(hour: int, minute: int) -> str:
    """The next such time in Home Assistant's zone, which is not the bridge's, as evcc gets it."""
    now = datetime.now(ZoneInfo("Europe/Berlin"))
    time = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return f"{(time if time > now else time + timedelta(days=1)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


async def test_entities_have_states_and_services_reach_evcc(house: House, home_assistant: HomeAssistant) -> None:
    await home_assistant.until("select.carport_sud_mode", lambda state: state == "pv")
    await home_assistant.until("sensor.haus_sud_charged_energy_total", lambda state: state == "52.9")
    states = await home_assistant.states()
    assert states["sensor.carport_sud_charge_power"]["attributes"]["device_class"] == "power"
    assert states["sensor.haus_sud_grid_import"]["attributes"]["state_class"] == "total_increasing"
    assert states["sensor.carport_sud_plan_start"]["attributes"]["device_class"] == "timestamp"
    assert states["sensor.carport_sud_time_remaining"]["attributes"]["unit_of_measurement"] == "min"
    assert states["sensor.garage_vehicle_charge"]["state"] == "unknown"  # no vehicle is no empty battery
    assert states["select.carport_sud_vehicle"]["state"] == "Blauer e-Golf"
    assert not home_assistant.complaints()

    house.evcc.requests.clear()
    await home_assistant.call("select.select_option", "select.carport_sud_mode", option="now")
    await house.called("/api/loadpoints/1/mode/now")
    await home_assistant.until("select.carport_sud_mode", lambda state: state == "now")

    for service, entity, data, path in SERVICES:
        await home_assistant.call(service, entity, **data)
        await house.called(path)
    await home_assistant.call("button.press", "button.carport_sud_clear_smart_cost_limit")
    await house.called("/api/loadpoints/1/smartcostlimit", "DELETE")
    await home_assistant.until("number.carport_sud_smart_cost_limit", lambda state: state == "unknown")
    await publish(house.broker, "evcc/loadpoints/1/limitSoc/set", "200")
    refused = "sensor.haus_sud_last_refused_command"
    await home_assistant.until(refused, lambda state: state and "100" in state)
    attributes = (await home_assistant.states())[refused]["attributes"]
    assert (attributes["topic"], attributes["payload"]) == ("loadpoints/1/limitSoc", "200")
    assert not home_assistant.complaints()


async def test_the_energy_dashboard_takes_its_meters_and_its_prices(
    house: House, home_assistant: HomeAssistant
) -> None:
    """By Home Assistant's own validation; the long-term statistics are only there after some minutes."""
    grid, solar, price = "sensor.haus_sud_grid_import", "sensor.haus_sud_solar_energy", "sensor.haus_sud_grid_price"
    chargers = ["sensor.carport_sud_meter_reading", "sensor.haus_sud_charged_energy_month"]
    for entity in (grid, solar, price, *chargers):
        await home_assistant.until(entity, lambda state: state not in {None, "unknown", "unavailable"})
    import_ = {"stat_energy_from": grid, "entity_energy_price": price, "stat_cost": None, "number_energy_price": None}
    sources = [
        {"type": "grid", "flow_from": [import_], "flow_to": [], "cost_adjustment_day": 0},
        {"type": "solar", "stat_energy_from": solar, "config_entry_solar_forecast": None},
    ]
    devices = [{"stat_consumption": entity} for entity in chargers]
    chosen = {"type": "energy/save_prefs", "energy_sources": sources, "device_consumption": devices}
    found = await home_assistant.ask(chosen, {"type": "energy/validate"})
    issues = [issue["type"] for groups in found.values() for group in groups for issue in group]
    assert set(issues) <= {"statistics_not_defined"}
    assert await home_assistant.ask({"type": "recorder/validate_statistics"}) == {}


async def test_a_value_that_was_no_option_is_shown_after_its_configuration(
    house: House, home_assistant: HomeAssistant
) -> None:
    await home_assistant.until("select.garage_mode", lambda state: state is not None)
    house.evcc.set("loadpoints.1.mode", "turbo")
    await home_assistant.until("select.garage_mode", lambda state: state == "turbo")
    house.evcc.set("loadpoints.1.maxCurrent", 163)
    await home_assistant.until("number.garage_maximum_current", lambda state: state == "163")


async def test_each_half_of_a_plan_keeps_the_other(house: House, home_assistant: HomeAssistant) -> None:
    time, charge, moment = "text.vanmoof_set_plan_time", "number.vanmoof_plan_charge", "sensor.vanmoof_plan_time"
    await home_assistant.until(charge, lambda state: state == "unknown")
    await home_assistant.call("text.set_value", time, value="06:30")
    await house.called(f"/api/vehicles/bike/plan/soc/100/{next_time(6, 30)}")
    await home_assistant.until(moment, lambda state: state and ":30:00" in state)
    await home_assistant.call("number.set_value", charge, value=90)
    await house.called("/api/vehicles/bike/plan/soc/90/.+:30:00Z")
    await home_assistant.until(charge, lambda state: state == "90")
    await home_assistant.call("text.set_value", time, value="2030-07-01 06:45")
    await house.called("/api/vehicles/bike/plan/soc/90/2030-07-01T04:45:00Z")
    await home_assistant.call("button.press", "button.vanmoof_clear_plan")
    await house.called("/api/vehicles/bike/plan/soc", "DELETE")
    await home_assistant.until(moment, lambda state: state == "unknown")
    assert not home_assistant.complaints()


async def test_it_shows_when_the_bridge_is_gone_and_forgets_what_evcc_no_longer_has(
    house: House, home_assistant: HomeAssistant
) -> None:
    await home_assistant.until("number.vanmoof_limit", lambda state: state == "80")
    await house.bridge.stop()
    await home_assistant.until("number.vanmoof_limit", lambda state: state == "unavailable")

    house.evcc.delete("vehicles.bike")
    await house.start()
    await home_assistant.until("select.carport_sud_mode", lambda state: state == "pv")
    await home_assistant.until("number.vanmoof_limit", lambda state: state is None)
    assert not home_assistant.complaints()


async def test_everything_is_sent_again_when_home_assistant_starts(house: House) -> None:
    await house.recorder.fresh()
    await publish(house.broker, "homeassistant/status", "online")
    wanted = {topic for topic in house.recorder.tree() if topic.endswith("/config")}
    await house.recorder.until(lambda: wanted <= {record.topic for record in house.recorder.records})
    assert len(wanted) > 400
