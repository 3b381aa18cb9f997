"""Node-RED's flows: whole, harmless, and the same every time. Node-RED itself is asked in tests/clients."""

import json
from typing import Any

import pytest

from bridge.export.nodered.widgets import DEFAULTS
from bridge.state.state import State
from tests.entities.houses import HOUSES, house
from tests.export.exported import exported

Node = dict[str, Any]


def flows(name: str, url: str = "mqtt://broker.local") -> dict[str, list[Node]]:
    files = exported("nodered", house(name), url=url)
    return {path: json.loads(text) for path, text in files.items()}


@pytest.mark.parametrize("name", HOUSES)
def test_nodes_are_wired_to_nodes_that_there_are(name: str) -> None:
    for nodes in flows(name).values():
        ids = [node["id"] for node in nodes]
        assert len(ids) == len(set(ids))
        wired = {target for node in nodes for output in node.get("wires", []) for target in output}
        placed = {node[key] for node in nodes for key in ("z", "g", "broker", "group", "page", "ui", "theme")
                  if node.get(key) and node["type"] != "mqtt-broker"}  # fmt: skip
        placed |= {node["type"].partition(":")[2] for node in nodes if node["type"].startswith("subflow:")}
        assert wired | placed <= set(ids)


@pytest.mark.parametrize("name", HOUSES)
def test_no_command_is_retained_and_every_one_is_answered(name: str) -> None:
    for nodes in flows(name).values():
        for node in nodes:
            if node["type"] == "mqtt out":
                assert node["retain"] == "false"
                assert node["topic"].endswith("/set") or node["topic"] in {"", "${TOPIC}"}
                assert node["respTopic"].startswith("evcc-answers/nodered") or node["respTopic"] == "${ANSWERS}"
            if node["type"].startswith("subflow:") and len(node["env"]) == 2:
                topic, answers = (one["value"] for one in node["env"])
                assert topic.endswith("/set")
                assert answers == f"evcc-answers/nodered/{node['id']}"


def test_nothing_is_sent_by_itself() -> None:
    for nodes in flows("0.313.2").values():
        assert all(not node["once"] and not node["repeat"] for node in nodes if node["type"] == "inject")


def test_plain_flows_need_no_palette() -> None:
    own = {"tab", "group", "mqtt-broker", "mqtt in", "mqtt out", "debug", "inject", "function"}
    own |= {"switch", "template", "subflow"}
    for path, nodes in flows("0.313.2").items():
        if path != "dashboard.json":
            assert {node["type"].partition(":")[0] for node in nodes} <= own


def test_values_are_shown_by_one_subflow() -> None:
    nodes = flows("0.313.2")["flows.json"]
    assert not [node for node in nodes if node["type"] == "debug"]
    assert len([node for node in nodes if node["type"] == "subflow"]) == 2
    values = [node["env"][0]["value"] for node in nodes if node["type"].startswith("subflow:")]
    assert "evcc/loadpoints/1/chargePower" in values


@pytest.mark.parametrize("path", ["flows.json", "dashboard.json"])
def test_one_warning_is_enough(path: str) -> None:
    watches = [node for node in flows("0.313.2")[path] if node.get("topic") == "evcc/status"]
    assert len(watches) == 1


def test_examples_are_disabled() -> None:
    for path, nodes in flows("0.313.2").items():
        assert [node["disabled"] for node in nodes if node["type"] == "tab"] == [path.startswith("example")] * len(
            [node for node in nodes if node["type"] == "tab"]
        )


@pytest.mark.parametrize("name", HOUSES)
def test_a_widget_has_every_property_that_the_editor_gives_it(name: str) -> None:
    """One without `icon` is drawn as an empty box; the palette itself is asked in tests/clients."""
    for node in flows(name)["dashboard.json"]:
        if node["type"].startswith("ui-"):
            assert DEFAULTS[node["type"]].keys() <= node.keys()


def test_numbers_are_entered_with_their_unit_and_without_a_slider() -> None:
    nodes = flows("0.313.2")["dashboard.json"]
    assert not [node for node in nodes if node["type"] == "ui-slider"]
    fields = {node["label"] for node in nodes if node["type"] == "ui-number-input"}
    assert {"Limit (%)", "Maximum current (A)", "Smart cost limit (EUR/kWh)", "Priority"} <= fields


def test_a_limit_that_is_not_set_looks_so() -> None:
    nodes = flows("0.313.2")["dashboard.json"]
    reads = {node["id"]: node for node in nodes if node.get("topic") == "evcc/loadpoints/2/limitSoc"}
    functions = {node["id"]: node["func"] for node in nodes if node["type"] == "function"}
    assert reads
    for node in reads.values():
        assert 'payload === 0 ? ""' in functions[node["wires"][0][0]]


def test_a_loadpoint_has_a_card_and_a_heating_device_no_plan_of_a_vehicle() -> None:
    nodes = flows("0.313.2")["dashboard.json"]
    pages = {node["id"]: node["path"] for node in nodes if node["type"] == "ui-page"}
    assert set(pages.values()) == {"/evcc", "/evcc-settings"}
    cards = {node["name"]: node["id"] for node in nodes
             if node["type"] == "ui-group" and pages[node["page"]] == "/evcc"}  # fmt: skip
    labels = {
        name: {node.get("label") for node in nodes if node.get("group") == group} for name, group in cards.items()
    }
    assert {"Mode", "Limit (%)", "Plan", "Plan time", "Answer"} <= labels["Carport + Süd"]
    assert {"Mode", "Temperature limit (°C)", "Answer"} <= labels["Wärmepumpe"]
    assert "Plan time" not in labels["Wärmepumpe"]


def test_groups_hold_their_nodes() -> None:
    for node in (node for nodes in flows("0.313.2").values() for node in nodes if node["type"] == "group"):
        assert node["w"] > 0
        assert node["h"] > 0
        assert node["nodes"]


def test_importing_again_replaces() -> None:
    assert flows("0.313.2") == flows("0.313.2")
    old, today = (flows(name)["flows.json"] for name in ("0.131.4", "0.313.2"))
    mode = [{node["id"] for node in nodes if node.get("env", [{"value": ""}])[0]["value"] == "evcc/loadpoints/1/mode"}
            for nodes in (old, today)]  # fmt: skip
    assert mode[0] == mode[1] != set()


@pytest.mark.parametrize(
    ("url", "broker", "port", "tls"),
    [
        ("mqtt://10.0.0.1", "10.0.0.1", "1883", False),
        ("mqtts://broker.local", "broker.local", "8883", True),
        ("wss://broker.local/mqtt", "wss://broker.local:443/mqtt", "443", True),
    ],
)
def test_the_broker(url: str, broker: str, port: str, tls: bool) -> None:
    nodes = flows("0.313.2-demo", url)["flows.json"]
    found = next(node for node in nodes if node["type"] == "mqtt-broker")
    assert (found["broker"], found["port"], found["usetls"], found["protocolVersion"]) == (broker, port, tls, "5")
    assert [node["id"] for node in nodes if node["type"] == "tls-config"] == ([found["tls"]] if tls else [])


def test_an_unknown_target_is_none() -> None:
    with pytest.raises(KeyError):
        exported("iobroker", State())


def test_home_assistants_configurations_as_a_file() -> None:
    files = exported("homeassistant", house("0.313.2"))
    assert len(json.loads(files["homeassistant.json"])) > 400
