"""Files that give another program every topic, for `evcc-bridge export`."""

from collections.abc import Callable, Mapping

import orjson

from bridge.entities.entities import entities
from bridge.entities.language import Language
from bridge.export import asyncapi, nodered, openhab
from bridge.export.homeassistant import HomeAssistant
from bridge.export.options import House, Options
from bridge.settable.permission import Permission
from bridge.settings import Settings
from bridge.state.names import Selection
from bridge.state.state import State


def export(target: str, state: State, settings: Settings, options: Options = Options()) -> dict[str, str]:  # noqa: B008 - frozen
    """The files that set a program up (`openhab`, `nodered`, `homeassistant`, `asyncapi`): texts by path.

    What is not published or may not be set is not in them. The broker's address is written into them without a
    login; a broker behind a Unix socket is taken to be on this machine's usual port too. KeyError: no such target.
    """
    selection = Selection.of(settings)
    language = Language.of(settings.discovery.language)
    found = entities(state, selection, permission=Permission.of(settings.commands), language=language)
    return _TARGETS[target](House(found, state, settings, options))


def _homeassistant(house: House) -> dict[str, str]:
    configs = HomeAssistant.of(house.settings).configs(house.entities)
    shown = {topic: orjson.loads(config) for topic, config in configs.items()}
    return {"homeassistant.json": orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n"}


_TARGETS: Mapping[str, Callable[[House], dict[str, str]]] = {
    "openhab": openhab.files,
    "nodered": nodered.files,
    "homeassistant": _homeassistant,
    "asyncapi": asyncapi.files,
}
NAMING_THE_BROKER = frozenset({"openhab", "nodered", "asyncapi"})
"""The targets whose files have the broker's address in them."""
