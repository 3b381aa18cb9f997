"""States of releases that could not be recorded, and what is compared of two releases: names and types of topics."""

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bridge.extras.changes import Shape
from bridge.state.contract import Contract
from bridge.state.document import from_document, parse
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.state.state import State
from tests.contract.recordings import state_body

RECORDINGS = ("0.131.4", "0.131.4-demo", "0.313.2", "0.313.2-demo", "0.314.0-dev")
RUNNING = (*RECORDINGS, "0.316.0")
_MODES = {"pv": ("smart", "off"), "minpv": ("smart", "on"), "off": ("off", "off"), "now": ("now", "off")}
_LAYOUT = Layout(Selection(), aliases=False)


def document(recording: str) -> dict[str, Any]:
    """A recorded state, without the `result` that evcc once had around it."""
    value = json.loads(state_body(recording))
    found: dict[str, Any] = value.get("result", value)
    return found


def of_0_316(recording: str = "0.313.2", always: str = "") -> dict[str, Any]:
    """A recorded state in the shape that evcc's documentation gives for 0.316; every mode is solar, if asked for."""
    made = copy.deepcopy(document(recording))
    made["version"] = "0.316.0"
    made["forecast"] = _listed({**document("0.313.2-demo")["forecast"], **made.get("forecast", {})})
    for loadpoint in made["loadpoints"]:
        loadpoint["mode"], loadpoint["alwaysCharge"] = _MODES[loadpoint["mode"]]
        loadpoint["solarShare"] = 1
        if always:
            loadpoint["mode"], loadpoint["alwaysCharge"] = "smart", always
    for number, vehicle in enumerate(made["vehicles"].values()):
        if number:  # the first one has no mode of its own
            vehicle["mode"], vehicle["alwaysCharge"] = "smart", always or "on"
    return made


def state(running: str) -> State:
    """The state of a recorded release, or of 0.316."""
    return from_document(of_0_316()) if running == "0.316.0" else parse(state_body(running))


def view(running: str, pinned: str) -> State:
    """The same for clients of a pinned release."""
    return Contract(pinned).view(state(running))


def types(found: State) -> dict[str, str]:
    """The topics of a state under its own names, with the types of their payloads; those without a value too."""
    return dict(Shape.of(found, _LAYOUT).topics)


def topics(found: State) -> dict[str, str]:
    """The topics of a state under its own names with their payloads."""
    return {
        topic: payload.decode()
        for one in _LAYOUT.everything(found).values()
        for topic, payload in one.own.items()
        if payload
    }


def modes(found: State) -> Iterator[tuple[str, Any]]:
    """The modes in a state, each with what stands beside it as `alwaysCharge`."""
    for part in (*found.loadpoints, *found.vehicles.values()):
        if part.text("mode"):
            yield part.text("mode"), part.get("alwaysCharge")


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        slot = next((keys for keys in (("start", "end", "value"), ("ts", "val")) if value.keys() == {*keys}), None)
        if slot:
            *moments, number = (value[key] for key in slot)
            return [*(int(datetime.fromisoformat(moment).timestamp()) for moment in moments), number]
        return {key: _listed(child) for key, child in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list) else value
