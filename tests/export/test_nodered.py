"""Node-RED's flows: whole, harmless, and the same every time. Node-RED itself is asked in tests/clients."""

import json
from typing import Any

import pytest

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
                  if key in node and node["type"] != "mqtt-broker"}  # fmt: skip
        assert wired | placed <= set(ids)


@pytest.mark.parametrize("name", HOUSES)
def test_no_command_is_retained_and_every_one_is_answered(name: str) -> None:
    for nodes in flows(name).values():
        for node in nodes:
            if node["type"] == "mqtt out":
                assert node["retain"] == "false"
                assert node["topic"].endswith("/set")
                assert node["respTopic"] == "evcc-answers/nodered"


def test_nothing_is_sent_by_itself() -> None:
    for nodes in flows("0.313.2").values():
        assert all(not node["once"] and not node["repeat"] for node in nodes if node["type"] == "inject")


def test_plain_flows_need_no_palette() -> None:
    own = {"tab", "group", "mqtt-broker", "mqtt in", "mqtt out", "debug", "inject", "function"}
    own |= {"switch", "template", "rbe"}
    for path, nodes in flows("0.313.2").items():
        if path != "dashboard.json":
            assert {node["type"] for node in nodes} <= own


def test_groups_hold_their_nodes() -> None:
    for node in (node for nodes in flows("0.313.2").values() for node in nodes if node["type"] == "group"):
        assert node["w"] > 0
        assert node["h"] > 0
        assert node["nodes"]


def test_importing_again_replaces() -> None:
    assert flows("0.313.2") == flows("0.313.2")
    old, today = (flows(name)["flows.json"] for name in ("0.131.4", "0.313.2"))
    mode = [{node["id"] for node in nodes if node.get("topic") == "evcc/loadpoints/1/mode"} for nodes in (old, today)]
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
