"""The recordings of real evcc, read."""

import json
from functools import cache
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).resolve().parent.parent / "recordings"
ERAS = ("0.131.4", "0.313.2")


def state_body(recording: str) -> bytes:
    """An answer of `GET /api/state`."""
    return (DIRECTORY / recording / "state.json").read_bytes()


@cache
def own_topics(recording: str) -> dict[str, str]:
    """The tree that evcc's own MQTT integration held at the moment of `state_body`."""
    found: dict[str, str] = json.loads((DIRECTORY / recording / "topics.json").read_text())
    return found


@cache
def frames(era: str) -> tuple[dict[str, Any], ...]:
    """The first frames of `/ws`."""
    lines = (DIRECTORY / era / "push.jsonl").read_text().splitlines()
    return tuple(json.loads(line)["frame"] for line in lines)


@cache
def startup(era: str) -> tuple[dict[str, Any], ...]:
    """What `GET /api/state` answered while evcc restarted: one row per change of shape."""
    return tuple(json.loads((DIRECTORY / era / "startup.json").read_text()))


def startup_bodies(era: str) -> list[bytes]:
    """The answers of a restart that held a state."""
    return [json.dumps(row["body"]).encode() for row in startup(era) if row.get("status") == 200]
