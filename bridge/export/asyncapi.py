"""AsyncAPI 3.0: every topic of a house with the JSON Schema of its payload, as one document.

In it the application is the bridge: it sends values and answers, and receives settings and requests.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from bridge import __version__
from bridge.entities.entities import USUAL_EXTRAS
from bridge.entities.entity import identifier
from bridge.export.options import House
from bridge.settable.offered import offered
from bridge.settable.permission import Permission
from bridge.settable.setting import filled
from bridge.settings.urls import PORTS, Address
from bridge.state.describe import Description, describe, describe_extra, todays_name
from bridge.state.flatten import Layout
from bridge.state.reading import Nature
from bridge.state.state import Scope, State

Json = dict[str, Any]

_TEXT, _JSON = "text/plain", "application/json"
_NATURES: Mapping[Nature, Json] = {
    Nature.NUMBER: {"type": "number"},
    Nature.FLAG: {"type": "boolean"},
    Nature.MOMENT: {"type": "integer", "description": "unix seconds"},
    Nature.TEXT: {"type": "string"},
    Nature.SERIES: {"type": ["array", "null"]},  # a loadpoint without a plan has null
    Nature.JOURNAL: {"type": "array", "items": {"$ref": "#/components/schemas/entry"}},
}
_STATUS = ["ok", "refused", "failed", "superseded", "stale"]
_SCHEMAS: Mapping[str, Json] = {
    "answer": {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"enum": _STATUS},
            "value": {},
            "call": {"type": ["string", "null"], "examples": ["POST /api/loadpoints/1/mode/pv"]},
            "http": {"type": ["integer", "null"]},
            "error": {"type": ["string", "null"]},
            "ms": {"type": "number"},
        },
    },
    "entry": {
        "type": "object",
        "required": ["time", "topic", "payload", "status"],
        "properties": {
            "time": {"type": "number", "description": "unix seconds"},
            "topic": {"type": "string"},
            "payload": {"type": "string"},
            "origin": {"type": "string"},
            "status": {"enum": _STATUS},
            "error": {"type": ["string", "null"]},
        },
    },
    "event": {
        "type": "object",
        "required": ["event", "time"],
        "properties": {
            "event": {"type": "string", "examples": ["connected", "charge_start", "session_end", "evcc_offline"]},
            "time": {"type": "integer", "description": "unix seconds"},
            "loadpoint": {"type": "integer"},
            "title": {"type": "string"},
            "vehicle": {"type": ["string", "null"]},
        },
    },
    "response": {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"enum": ["ok", "refused", "failed"]},
            "data": {},
            "error": {"type": ["string", "null"]},
        },
    },
}
# topics about the bridge: schema, content type, retained, meaning
_BRIDGE: Mapping[str, tuple[Json, str, bool, str]] = {
    "status": ({"enum": ["online", "offline"]}, _TEXT, True, "Whether the bridge is connected and values are current."),
    "bridge/info": ({"type": "object"}, _JSON, True, "Versions and effective options."),
    "bridge/health": ({"type": "object"}, _JSON, True, "Counters since the start."),
    "bridge/commands": ({"type": "array"}, _JSON, True, "Every topic that can be set, with its JSON Schema."),
    "bridge/command": ({"$ref": "#/components/schemas/answer"}, _JSON, True, "The last command with its answer."),
    "bridge/leases": ({}, _JSON, True, "Settings that are lent for a time."),
    "bridge/changes": ({"type": "object"}, _JSON, True, "What evcc's last change of version changed."),
    "events": ({"$ref": "#/components/schemas/event"}, _JSON, False, "What happened."),
}
_REQUESTS = (
    "state", "tariff", "sessions", "plan", "plan_preview", "history", "gridsessions", "health", "refresh",
)  # fmt: skip


def files(house: House) -> dict[str, str]:
    """The document as `asyncapi.json`."""
    return {"asyncapi.json": orjson.dumps(document(house), option=orjson.OPT_INDENT_2).decode() + "\n"}


def document(house: House) -> Json:
    """The document; channels are named by their topics below the root."""
    channels = _Channels(house.root, house.settings.mqtt.qos)
    for topic, (schema, content, retained, meaning) in _BRIDGE.items():
        channels.sends(topic, {"payload": schema, "contentType": content, "summary": meaning}, retain=retained)
    for topic, message in _values(house):
        channels.sends(topic, message, retain=True)
    for entry in offered(house.state, permission=Permission.of(house.settings.commands)):
        message = {"payload": entry["schema"], "contentType": _JSON, "summary": entry["meaning"]}
        channels.receives(entry["topic"], message, entry["topic"].removesuffix("/set") + "/result", "answer")
    for name in _REQUESTS:
        message = {"payload": {"type": "object"}, "contentType": _JSON, "summary": f"Asks for `{name}`."}
        channels.receives(f"bridge/request/{name}", message, f"bridge/response/{name}", "response")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"evcc over MQTT: {house.entities[0].device.title}",
            "version": __version__,
            "description": "Made by `evcc-bridge export asyncapi`. An empty retained payload is no value.",
        },
        "defaultContentType": _TEXT,
        "servers": {"broker": _server(house.address)},
        "channels": channels.channels,
        "operations": channels.operations,
        "components": {"schemas": dict(_SCHEMAS)},
    }


class _Channels:
    """The channels and the operations on them."""

    def __init__(self, root: str, qos: int) -> None:
        self._root = root
        self._qos = qos
        self._names: dict[str, str] = {}
        self.channels: Json = {}
        self.operations: Json = {}

    def sends(self, topic: str, message: Json, *, retain: bool) -> None:
        """Add a topic that the bridge publishes to; the first meaning of a topic stays."""
        if topic not in self._names:
            name = self._channel(topic, message)
            self.operations[f"send_{name}"] = self._operation("send", name, retain=retain)

    def receives(self, topic: str, message: Json, answers: str, schema: str) -> None:
        """Add a topic that the bridge listens to; its answers are on another, and on the message's response topic."""
        answer = {"payload": {"$ref": f"#/components/schemas/{schema}"}, "contentType": _JSON}
        reply = self._names.get(answers) or self._channel(answers, answer)
        name = self._channel(topic, message)
        operation = self._operation("receive", name, retain=False)
        self.operations[f"receive_{name}"] = operation | {"reply": {"channel": _to(f"channels/{reply}")}}

    def _channel(self, topic: str, message: Json) -> str:
        name = identifier(topic)
        while name in self.channels:
            name += "_"
        self._names[topic] = name
        self.channels[name] = {"address": f"{self._root}/{topic}", "messages": {"message": message}}
        return name

    def _operation(self, action: str, name: str, *, retain: bool) -> Json:
        bindings = {"mqtt": {"qos": self._qos, "retain": retain, "bindingVersion": "0.2.0"}}
        return {
            "action": action,
            "channel": _to(f"channels/{name}"),
            "messages": [_to(f"channels/{name}/messages/message")],
            "bindings": bindings,
        }


def _values(house: House) -> Iterator[tuple[str, Json]]:
    """Every topic with a value of evcc, also those that have none now, and of what comes beside its state."""
    layout = Layout.of(house.settings)
    found: dict[str, bytes] = {}
    sources = layout.everything(house.state).values()
    for part in (*(source.own for source in sources), *(source.alias for source in sources)):
        for topic, payload in part.items():
            found[topic] = found.get(topic) or payload
    for topic, payload in sorted(found.items()):
        yield topic, _message(_described(topic, payload), payload, house.state)
    for topic in USUAL_EXTRAS:
        yield topic, _message(describe_extra(topic), b"", house.state)


def _described(topic: str, payload: bytes) -> Description | None:
    level, _, rest = topic.partition("/")
    scope = Scope(level)
    below = rest if scope is Scope.SITE else rest.partition("/")[2]
    return describe(scope, todays_name(scope, below), payload) if below else None


def _message(found: Description | None, payload: bytes, state: State) -> Json:
    """The message of a value: by its description, else by its payload."""
    if found is None:
        schema = _by_payload(payload)
        return {"payload": schema, "contentType": _TEXT}
    quantity = found.reading.quantity
    schema = dict(_NATURES[quantity.nature])
    unit = filled(quantity.unit, state)
    if unit and not quantity.share:
        schema["x-unit"] = unit
    content = _JSON if quantity.nature in {Nature.SERIES, Nature.JOURNAL} else _TEXT
    return {"payload": schema, "contentType": content, "title": found.title(), "summary": found.reading.meaning}


def _by_payload(payload: bytes) -> Json:
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {"type": "string"}
    kinds: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    return {"type": kinds.get(type(value), "string")}


def _server(address: Address) -> Json:
    port = address.port or PORTS["mqtt"]
    path = {"pathname": address.path} if address.websockets and address.path else {}
    protocol = address.scheme if address.scheme in PORTS else "mqtt"
    return {"host": f"{address.host or 'localhost'}:{port}", "protocol": protocol, "protocolVersion": "5", **path}


def _to(pointer: str) -> Json:
    return {"$ref": f"#/{pointer}"}
