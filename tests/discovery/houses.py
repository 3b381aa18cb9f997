"""The recorded houses, as everything here is generated from."""

from functools import cache
from typing import Any

import orjson

from tests.contract.recordings import state_body

HOUSES = ("0.131.4", "0.131.4-demo", "0.313.2", "0.313.2-demo", "0.314.0-dev")


@cache
def house(name: str) -> dict[str, Any]:
    """The state document of a recording; not to be changed."""
    body: dict[str, Any] = orjson.loads(state_body(name))
    state: dict[str, Any] = body.get("result", body)
    return state
