"""Node-RED: flows to be imported, as JSON files."""

from collections.abc import Sequence

import orjson

from bridge.export.nodered.dashboard import dashboard
from bridge.export.nodered.examples import cheap_power, session_end
from bridge.export.nodered.flow import Node
from bridge.export.nodered.tabs import tabs
from bridge.export.options import House
from bridge.state.reading import Nature

__all__ = ["files"]


def files(house: House) -> dict[str, str]:
    """The files by name: everything with Node-RED's own nodes, the same as a dashboard, and two examples."""
    root, address = house.root, house.address
    entities = [entity for entity in house.entities if entity.quantity.nature is not Nature.JOURNAL]
    flows = {
        "flows.json": tabs(entities, root, address, house.language),
        "dashboard.json": dashboard(entities, root, address, house.language),
        "example-charge-when-cheap.json": cheap_power(root, address),
        "example-notify-on-session-end.json": session_end(root, address),
    }
    return {name: _text(nodes) for name, nodes in flows.items()}


def _text(nodes: Sequence[Node]) -> str:
    return orjson.dumps(nodes, option=orjson.OPT_INDENT_2).decode() + "\n"
