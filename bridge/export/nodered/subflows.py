"""Two subflows that the tabs are made of: a value, and a setting that shows the answer to what is sent."""

from collections.abc import Iterator
from typing import Any

from bridge.entities.entity import Entity
from bridge.export.nodered.flow import Flow, Node

_VALUE, _SETTING = "value", "setting"
_SHOW = (
    'const unit = env.get("UNIT"), divisor = Number(env.get("DIVISOR")) || 1, value = msg.payload;\n'
    'const shown = typeof value === "number" && divisor !== 1 ? Math.round(value / divisor * 1000) / 1000 : value;\n'
    'const text = value === "" ? "–" : `${shown} ${unit}`.trim();\n'
    'return [msg, { payload: { fill: value === "" ? "grey" : "green", shape: "dot", text } }];'
)
_ANSWER = (
    'const { status, call, error } = msg.payload, ok = status === "ok";\n'
    "const text = ok ? call : `${status}: ${error}`;\n"
    'return [msg, { payload: { fill: ok ? "green" : "red", shape: ok ? "dot" : "ring", text } }];'
)


def subflows(flow: Flow) -> Iterator[Node]:
    """The subflows themselves; their nodes are in them."""
    value, setting = _inner(flow, _VALUE), _inner(flow, _SETTING)
    env = _env({"TOPIC": "", "UNIT": "", "DIVISOR": "1"})
    info = "A value of evcc: the topic `TOPIC`, shown in `UNIT` after a division by `DIVISOR`."
    yield {**_subflow(flow, _VALUE, value.id("shown")), "info": info, "env": env}
    yield value.subscribes("in", "Value", "${TOPIC}", "shown", datatype="auto-detect") | {"x": 120, "y": 80}
    yield _function(value, _SHOW)
    entry = [{"x": 40, "y": 40, "wires": [{"id": setting.id("out")}]}]
    info = "Sends the payload to the topic `TOPIC`; the answer, which comes on the topic `ANSWERS`, is its output."
    env = _env({"TOPIC": "", "ANSWERS": ""})
    yield {**_subflow(flow, _SETTING, setting.id("shown")), "info": info, "env": env, "in": entry}
    yield setting.publishes("out", "Set", "${TOPIC}", "${ANSWERS}") | {"x": 120, "y": 40}
    yield setting.subscribes("in", "Answer", "${ANSWERS}", "shown", datatype="json") | {"x": 120, "y": 80}
    yield _function(setting, _ANSWER)


def value(flow: Flow, entity: Entity, *outputs: str) -> Node:
    """A value of evcc, shown below the node."""
    quantity = entity.quantity
    env = {"TOPIC": f"{flow.root}/{entity.topic}", "UNIT": quantity.label, "DIVISOR": f"{quantity.divisor:g}"}
    return flow.node(f"subflow:{_hash(flow, _VALUE)}", entity.key, entity.title, outputs, env=_env(env))


def setting(flow: Flow, key: str, name: str, topic: str, *outputs: str) -> Node:
    """What sends commands to a topic below the root, with the last answer below the node."""
    env = {"TOPIC": f"{flow.root}/{topic}", "ANSWERS": f"{flow.answers}/{flow.id(key)}"}
    return flow.node(f"subflow:{_hash(flow, _SETTING)}", key, name, outputs, env=_env(env))


def _hash(flow: Flow, name: str) -> str:
    """The id of a subflow, which all tabs of a root share."""
    return Flow(flow.root, "subflows").id(name)


def _inner(flow: Flow, name: str) -> Flow:
    """The inside of a subflow as a tab."""
    return Flow(flow.root, f"subflow {name}", place=_hash(flow, name))


def _subflow(flow: Flow, name: str, status: str) -> Node:
    """A subflow; what the node `status` has as its second output is shown below it."""
    return {
        "id": _hash(flow, name), "type": "subflow", "name": f"evcc {name}", "category": "evcc", "in": [],
        "out": [{"x": 460, "y": 60, "wires": [{"id": status, "port": 0}]}], "meta": {}, "color": "#B7E3C0",
        "icon": "font-awesome/fa-car", "status": {"x": 460, "y": 120, "wires": [{"id": status, "port": 1}]},
    }  # fmt: skip


def _function(inner: Flow, code: str) -> Node:
    return inner.node("function", "shown", "Show", [], [], func=code, outputs=2) | {"x": 300, "y": 80}


def _env(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "value": text, "type": "str"} for name, text in values.items()]
