"""The recorded houses, as everything here is generated from."""

from copy import deepcopy
from functools import cache
from typing import Any

import orjson

from bridge.state.document import from_document, parse
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.state.state import State
from tests.contract.recordings import state_body

HOUSES = ("0.131.4", "0.131.4-demo", "0.313.2", "0.313.2-demo", "0.314.0-dev")


@cache
def house(name: str) -> State:
    """The state of a recording."""
    return parse(state_body(name))


def tree(state: State) -> dict[str, bytes]:
    """Every topic of a state under its own name, also those that are erased now."""
    topics: dict[str, bytes] = {}
    for found in Layout(Selection(), aliases=False).everything(state).values():
        topics = {**found.own, **topics}
    return topics


def document(name: str) -> dict[str, Any]:
    """The document of a recording, to be changed."""
    body: dict[str, Any] = orjson.loads(state_body(name))
    found: dict[str, Any] = body.get("result", body)
    return found


def state_of(changed: dict[str, Any]) -> State:
    """The state of a document, which may be changed after that; without loadpoints where it has no list of them."""
    found = {"homePower": 0} | deepcopy(changed)
    return from_document(found if isinstance(found.get("loadpoints"), list) else found | {"loadpoints": []})
