"""The recorded house, as evcc's state of both eras has it."""

import json
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parents[1] / "recordings"


def recorded(era: str) -> dict[str, Any]:
    """A state document, without the `result` around it."""
    document: dict[str, Any] = json.loads((RECORDINGS / era / "state.json").read_text())
    state: dict[str, Any] = document.get("result", document)
    return state


OLD = recorded("0.131.4")
TODAY = recorded("0.313.2")
