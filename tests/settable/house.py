"""The recorded house, as evcc's state of both eras has it."""

import json
from pathlib import Path
from typing import Any

from bridge.state.document import from_document
from bridge.state.state import State

RECORDINGS = Path(__file__).parents[1] / "recordings"


def recorded(era: str) -> dict[str, Any]:
    """A state document, without the `result` around it."""
    document: dict[str, Any] = json.loads((RECORDINGS / era / "state.json").read_text())
    state: dict[str, Any] = document.get("result", document)
    return state


def today(**changed: Any) -> State:
    """Today's house with other values at the top of its document."""
    return from_document({**recorded("0.313.2"), **changed})


OLD = from_document(recorded("0.131.4"))
TODAY = today()
NEXT = from_document(recorded("0.314.0-dev"))
