"""The recordings of real evcc that the simulated one is held to."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

RECORDINGS = Path(__file__).parent.parent / "recordings"
ERAS = ("0.131.4", "0.313.2")
NIGHT = 1795567500.0
"""2026-11-25T00:45:00Z: within the tariff slot in which all was recorded."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request and its answer."""

    method: str
    target: str
    json: Any
    status: int
    content_type: str
    body: str


def document(era: str, name: str) -> Any:
    return json.loads((RECORDINGS / era / name).read_text("utf-8"))


def state(era: str) -> dict[str, Any]:
    return unwrapped(document(era, "state.json"))


def unwrapped(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = document.get("result", document)
    return found


def lines(era: str, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDINGS / era / name).read_text("utf-8").splitlines()]


def exchanges(era: str) -> list[Exchange]:
    return [_exchange(row) for row in lines(era, "routes.jsonl")]


def _exchange(row: dict[str, Any]) -> Exchange:
    method, target = row["request"].split(" ", 1)
    path, separator, expression = target.partition("?jq=")
    if separator:
        target = f"{path}?jq={quote(expression)}"
    return Exchange(method, target, row.get("json"), row["status"], row["content_type"], row["body"])
