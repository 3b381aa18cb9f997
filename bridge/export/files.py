"""Files that give another program every topic, for `evcc-bridge export`."""

from collections.abc import Callable, Mapping, Sequence

import orjson

from bridge.entities.entities import entities
from bridge.entities.entity import Entity
from bridge.export import nodered, openhab
from bridge.export.homeassistant import HomeAssistant
from bridge.settable.permission import Permission
from bridge.settings import Settings
from bridge.settings.urls import Address
from bridge.state.names import Selection
from bridge.state.state import State

Files = Callable[[Sequence[Entity], str, Address], dict[str, str]]


def export(target: str, state: State, settings: Settings) -> dict[str, str]:
    """The files that set a program up (`openhab`, `nodered`, `homeassistant`): texts by path.

    What is not published or may not be set is not in them. The broker's address is written into them without a
    login; a broker behind a Unix socket is taken to be on this machine's usual port too. KeyError: no such target.
    """
    selection = Selection(settings.topics.include, settings.topics.exclude)
    found = entities(state, selection, permission=Permission.of(settings.commands))
    return _TARGETS[target](found, settings.mqtt.root, settings.mqtt.address)


def _homeassistant(entities: Sequence[Entity], root: str, _: Address) -> dict[str, str]:
    configs = {topic: orjson.loads(config) for topic, config in HomeAssistant(root).configs(entities).items()}
    return {"homeassistant.json": orjson.dumps(configs, option=orjson.OPT_INDENT_2).decode() + "\n"}


_TARGETS: Mapping[str, Files] = {"openhab": openhab.files, "nodered": nodered.files, "homeassistant": _homeassistant}
