"""The exported flows in a real Node-RED: values, commands, answers, and nothing stale."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bridge.export.nodered.flow import Flow
from bridge.export.nodered.flow import broker as broker_node
from bridge.export.nodered.widgets import DEFAULTS
from bridge.settings.urls import Address
from bridge.state.document import from_document
from tests.clients.browser import Browser
from tests.clients.house import House
from tests.clients.node_red import NodeRed
from tests.export.exported import exported
from tests.patience import PATIENCE

pytestmark = [pytest.mark.client, pytest.mark.timeout(15 * PATIENCE)]

LOADPOINT = Flow("evcc", "loadpoint_1")
_IS_VISIBLE = (
    "((one) => one && one.getBoundingClientRect().height > 10 && one.getBoundingClientRect().width > 20"
    " && (!one.querySelector('button.v-btn') || [...one.querySelectorAll('button.v-btn')].every("
    "(button) => button.innerText.trim() || button.querySelector('i,svg'))))"
    "(document.getElementById('nrdb-ui-widget-' + id))"
)


def flows(house: House) -> dict[str, list[dict[str, Any]]]:
    files = exported("nodered", from_document(house.evcc.state), url=house.broker.url)
    return {name: json.loads(text) for name, text in files.items()}


async def test_values_arrive_and_a_command_is_answered(house: House, node_red: NodeRed) -> None:
    await node_red.deploy(flows(house)["flows.json"])
    await node_red.until(lambda: node_red.status(LOADPOINT.id("chargePower")))
    house.evcc.set("loadpoints.0.chargePower", 7360)
    await node_red.until(lambda: node_red.status(LOADPOINT.id("chargePower")) == "7360 W")

    house.evcc.requests.clear()
    await node_red.press(LOADPOINT.id("mode now"))
    await house.called("/api/loadpoints/1/mode/now")
    await node_red.until(lambda: node_red.status(LOADPOINT.id("mode set")) == "POST /api/loadpoints/1/mode/now")
    await node_red.until(lambda: node_red.status(LOADPOINT.id("mode")) == "now")

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
    watch = Flow("evcc", "site").id("is offline")
    await node_red.until(lambda: node_red.status(watch) == "online")
    await house.bridge.stop()
    await node_red.until(lambda: node_red.status(watch) == "offline")
    await node_red.until(node_red.shown)
    (warning,) = node_red.shown()
    assert "offline" in warning


def test_widgets_have_the_properties_of_the_palette(node_modules: Path) -> None:
    """What the editor would give a widget that is dragged onto a flow."""
    directory = node_modules / "@flowfuse/node-red-dashboard/nodes"
    for kind, known in DEFAULTS.items():
        (page,) = directory.glob(f"*/{kind.replace('-', '_')}.html")
        _, _, defaults = page.read_text().partition("defaults: {\n")
        indent = re.match(" +", defaults)
        assert indent
        block = defaults.partition(f"\n{indent[0][:-4]}}}")[0]
        keys = set(re.findall(rf"^{indent[0]}(\w+):", block, re.MULTILINE))
        assert keys - {"group"} <= known.keys(), kind


@pytest.mark.parametrize("width", [400, 1400])
async def test_every_widget_of_the_dashboard_is_visible(
    house: House, node_red: NodeRed, tmp_path: Path, width: int
) -> None:
    nodes = flows(house)["dashboard.json"]
    await node_red.deploy(nodes)
    async with Browser(tmp_path, width) as browser:
        for page in (node for node in nodes if node["type"] == "ui-page"):
            groups = {node["id"] for node in nodes if node["type"] == "ui-group" and node["page"] == page["id"]}
            widgets = {node["id"] for node in nodes if node.get("group") in groups}
            assert len(widgets) > 20
            await browser.open(f"{node_red.url}/dashboard{page['path']}")
            shown = f"{json.dumps(sorted(widgets))}.filter((id) => {_IS_VISIBLE})"
            await browser.until(f"{shown}.length === {len(widgets)}")
            assert await browser.run("document.documentElement.scrollWidth <= window.innerWidth")


async def test_the_dashboard_sets_and_shows_the_answer(house: House, node_red: NodeRed, tmp_path: Path) -> None:
    await node_red.deploy(flows(house)["dashboard.json"])
    dashboard = Flow("evcc", "dashboard")
    mode, answer = (f"#nrdb-ui-widget-{dashboard.id(f'loadpoint_1 {key}')}" for key in ("mode", "answer"))
    async with Browser(tmp_path) as browser:
        await browser.open(f"{node_red.url}/dashboard/evcc")
        await browser.until(f"document.querySelector('{mode} .v-btn--active')")
        house.evcc.requests.clear()
        await browser.run(
            f"[...document.querySelectorAll('{mode} button')].find((one) => one.innerText === 'Fast').click()"
        )
        await house.called("/api/loadpoints/1/mode/now")
        await browser.until(
            f"document.querySelector('{answer}').innerText.includes('ok: POST /api/loadpoints/1/mode/now')"
        )


async def test_cheap_power_charges_fast_and_what_was_before_comes_back(house: House, node_red: NodeRed) -> None:
    house.evcc.set("tariffGrid", 0.15)
    await house.recorder.value("evcc/site/tariffGrid", "0.15")
    example = flows(house)["example-charge-when-cheap.json"]
    # as if the user had enabled the tab
    await node_red.deploy([node | ({"disabled": False} if node["type"] == "tab" else {}) for node in example])
    house.evcc.set("loadpoints.0.mode", "minpv")
    house.evcc.set("tariffGrid", 0.31)
    await house.recorder.value("evcc/site/tariffGrid", "0.31")
    assert not house.evcc.requests.matching("POST", ".*mode.*")  # neither at the deploy nor without a mode from before
    house.evcc.set("tariffGrid", 0.16)
    await house.called("/api/loadpoints/1/mode/now")
    await house.recorder.value("evcc/loadpoints/1/mode", "now")
    house.evcc.set("tariffGrid", 0.31)
    await house.called("/api/loadpoints/1/mode/minpv")
    await house.recorder.value("evcc/loadpoints/1/mode", "minpv")

    house.evcc.set("loadpoints.0.mode", "off")
    await house.recorder.value("evcc/loadpoints/1/mode", "off")
    house.evcc.set("tariffGrid", 0.1)
    await house.recorder.value("evcc/site/tariffGrid", "0.1")
    assert not house.evcc.requests.matching("POST", ".*mode.*")


async def test_the_end_of_a_session_is_told(house: House, node_red: NodeRed) -> None:
    example = flows(house)["example-notify-on-session-end.json"]
    await node_red.deploy([node | ({"disabled": False} if node["type"] == "tab" else {}) for node in example])
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
