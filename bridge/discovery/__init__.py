"""What other programs show and set, generated from the catalogue and the state of a running evcc."""

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.commands.permission import FREE, Permission
from bridge.discovery.entities import EVERYTHING, entities
from bridge.discovery.homeassistant import HomeAssistant
from bridge.settings.urls import Address
from bridge.state.names import Selection

__all__ = ["HomeAssistant", "entities", "export"]


def export(  # noqa: PLR0913  what is published and what may be set are the user's options
    target: str,
    *,
    root: str,
    broker_url: str,
    state: Mapping[str, Any],
    selection: Selection = EVERYTHING,
    permission: Permission = FREE,
) -> dict[str, str]:
    """The files that set a program up (`openhab`, `nodered`, `homeassistant`): texts by path.

    The broker's address is written into them without a login; a broker behind a Unix socket is taken to be on
    this machine's usual port too. KeyError: no such target.
    """
    if target == "homeassistant":
        maker = HomeAssistant(root, selection=selection, permission=permission)
        configs = {topic: orjson.loads(config) for topic, config in maker.configs(state).items()}
        return {"homeassistant.json": orjson.dumps(configs, option=orjson.OPT_INDENT_2).decode() + "\n"}
    from bridge.export import nodered, openhab  # noqa: PLC0415 - a running bridge has no use for them

    files = {"openhab": openhab.files, "nodered": nodered.files}[target]
    return files(entities(state, selection, permission=permission), root, Address.of(broker_url))
