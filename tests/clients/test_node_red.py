"""The exported flows in a real Node-RED: values, commands, answers, and nothing stale."""

import json
import re
from typing import Any

import pytest

from bridge.export.nodered.flow import Flow
from bridge.export.nodered.flow import broker as broker_node
from bridge.settings.urls import Address
from bridge.state.document import from_document
from tests.clients.house import House
from tests.clients.node_red import NodeRed
from tests.export.exported import exported
from tests.patience import PATIENCE

pytestmark = [pytest.mark.client, pytest.mark.timeout(15 * PATIENCE)]

LOADPOINT = Flow("evcc", "loadpoint_1")


def flows(house: House) -> dict[str, list[dict[str, Any]]]:
    files = exported("nodered", from_document(house.evcc.state), url=house.broker.url)
    return {name: json.loads(text) for name, text in files.items()}


async def test_values_arrive_and_a_command_is_answered(house: House, node_red: NodeRed) -> None:
    await node_red.deploy(flows(house)["flows.json"])
    house.evcc.set("loadpoints.0.chargePower", 7360)
    await node_red.until(lambda: node_red.status(LOADPOINT.id("chargePower shown")) == "7360")

    house.evcc.requests.clear()
    await node_red.press(LOADPOINT.id("mode now"))
    await house.called("/api/loadpoints/1/mode/now")
    await node_red.until(lambda: node_red.status(LOADPOINT.id("answered")) == "POST /api/loadpoints/1/mode/now")
    await node_red.until(lambda: node_red.status(LOADPOINT.id("mode shown")) == "now")

    await node_red.press(LOADPOINT.id("limitSoc 80"))
    await house.called("/api/loadpoints/1/limitsoc/80")


async def test_a_plan_is_made_and_taken_back(house: House, node_red: NodeRed) -> None:
    await node_red.deploy(flows(house)["flows.json"])
    vehicle = Flow("evcc", "vehicle_bike")
    plans = {node["z"]: node["id"] for node in await node_red.flows() if node.get("name") == "By 07:00"}
    await node_red.press(plans[vehicle.id("tab")])
    await house.called("/api/vehicles/bike/plan/soc/100/.+T.+Z")
    await node_red.press(vehicle.id("planSoc/clear -"))
    await house.called("/api/vehicles/bike/plan/soc", "DELETE")


async def test_it_warns_when_the_bridge_is_gone(house: House, node_red: NodeRed) -> None:
    await node_red.deploy(flows(house)["flows.json"])
    await node_red.until(lambda: node_red.status(LOADPOINT.id("is offline")) == "online")
    await house.bridge.stop()
    await node_red.until(lambda: node_red.status(LOADPOINT.id("is offline")) == "offline")
    await node_red.until(lambda: any("offline" in str(text) for text in node_red.shown()))


async def test_the_dashboard_starts(house: House, node_red: NodeRed) -> None:
    nodes = flows(house)["dashboard.json"]
    await node_red.deploy(nodes)
    assert "<title>" in await node_red.page("/dashboard")
    assert {node["type"] for node in nodes} >= {"ui-slider", "ui-button-group", "ui-switch", "ui-text"}


async def test_cheap_power_charges_fast(house: House, node_red: NodeRed) -> None:
    await node_red.deploy(flows(house)["example-charge-when-cheap.json"])
    house.evcc.set("tariffGrid", 0.15)
    await house.called("/api/loadpoints/1/mode/now")
    house.evcc.set("tariffGrid", 0.31)
    await house.called("/api/loadpoints/1/mode/pv")


async def test_the_end_of_a_session_is_told(house: House, node_red: NodeRed) -> None:
    await node_red.deploy(flows(house)["example-notify-on-session-end.json"])
    house.evcc.finish_session(0)
    await node_red.until(node_red.shown)
    told = r"Blauer e-Golf at Carport \+ Süd: [\d.]+ kWh for [\d.]* in \d+ seconds\."
    assert re.fullmatch(told, node_red.shown()[-1])


async def test_wiring_in_to_out_with_retain_leaves_no_stale_command(house: House, node_red: NodeRed) -> None:
    """What people build: a value of one loadpoint wired straight to another, retain flag and all."""
    flow = Flow("evcc", "wired")
    out = flow.sends("out", "To 2", "loadpoints/2/limitSoc/set") | {"retain": ""}
    wired = [flow.tab("wired", ""), flow.reads("in", "Of 1", "loadpoints/1/limitSoc", "out"), out]
    await node_red.deploy([*broker_node("evcc", Address.of(house.broker.url)), *wired])
    house.evcc.set("loadpoints.0.limitSoc", 70)
    await house.called("/api/loadpoints/2/limitsoc/70")
    await house.recorder.until(lambda: "evcc/loadpoints/2/limitSoc/set" not in house.recorder.tree())

    await node_red.deploy([])
    await house.bridge.stop()
    house.evcc.requests.clear()
    await house.start()
    assert not house.evcc.requests.matching("POST", ".*limitsoc.*")
