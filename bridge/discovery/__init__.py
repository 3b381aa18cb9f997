"""What other programs show and set, generated from the catalogue and the state of a running evcc."""

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.discovery.entities import entities
from bridge.discovery.homeassistant import HomeAssistant

__all__ = ["HomeAssistant", "entities", "export"]


def export(target: str, *, root: str, broker_url: str, state: Mapping[str, Any]) -> dict[str, str]:
    """The files that set a program up (`openhab`, `nodered`, `homeassistant`): texts by path.

    The broker's address is written into them without a login. KeyError: no such target.
    """
    if target == "homeassistant":
        configs = {topic: orjson.loads(config) for topic, config in HomeAssistant(root).configs(state).items()}
        return {"homeassistant.json": orjson.dumps(configs, option=orjson.OPT_INDENT_2).decode() + "\n"}
    from bridge.discovery import nodered, openhab  # noqa: PLC0415 - a running bridge has no use for them

    files = {"openhab": openhab.files, "nodered": nodered.files}[target]
    return files(entities(state), root, broker_url)
