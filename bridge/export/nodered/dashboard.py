"""The flows of a house as a page of FlowFuse's dashboard (`@flowfuse/node-red-dashboard`), with real widgets."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from bridge.entities.entity import VALUE, Control, Device, Entity, Options, Press, Range, Toggle
from bridge.export.nodered.flow import Flow, Node, broker, stacked
from bridge.export.nodered.tabs import answers, offline
from bridge.settings.urls import Address
from bridge.state.reading import Nature, Rank

_LEFT, _TOP = 34, 39
_WIDTH = 6
_INFO = "Made by `evcc-bridge export nodered`. Needs the palette `@flowfuse/node-red-dashboard`."
_BUTTONS = 4
_COLORS = {
    "surface": "#0fde41",
    "primary": "#0ba631",
    "bgPage": "#f3f3f7",
    "groupBg": "#ffffff",
    "groupOutline": "#e0e0e8",
}
_SIZES = {"pagePadding": "12px", "groupGap": "12px", "groupBorderRadius": "8px", "widgetGap": "8px"}
# JSONata, with the moment.js that Node-RED adds to it
_SHOWN = {
    Nature.NUMBER: 'ROUNDED & "UNIT"',
    Nature.FLAG: 'payload ? "yes" : "no"',
    Nature.MOMENT: '$moment(payload * 1000).format("DD.MM. HH:mm")',
    Nature.TEXT: "payload",
    Nature.SERIES: "$count(payload)",
}


def dashboard(entities: Sequence[Entity], root: str, address: Address) -> list[Node]:
    """The nodes of the dashboard and of its tab, with the configuration of the broker."""
    flow = Flow(root, "dashboard")
    title = entities[0].device.title
    everyday = [entity for entity in entities if entity.reading.rank is Rank.EVERYDAY]
    groups, places = [], []
    for number, (device, found) in enumerate(groupby(everyday, key=lambda entity: entity.device), start=1):
        places.append(_place(flow, device, number))
        rows = (list(_row(flow, entity, order)) for order, entity in enumerate(found, start=1))
        groups.append((device.title, [row for row in rows if row]))
    bridge = ("Bridge", [offline(flow), answers(flow)])
    tab = flow.tab(f"{root}: dashboard", _INFO)
    return [
        *broker(root, address),
        tab,
        *_page(flow, title),
        *places,
        *stacked(flow, [bridge, *groups], _LEFT, _TOP),
    ]


def _page(flow: Flow, title: str) -> Iterator[Node]:
    yield {"id": flow.id("ui"), "type": "ui-base", "name": "Dashboard", "path": "/dashboard", "includeClientData": True}
    yield {"id": flow.id("theme"), "type": "ui-theme", "name": "evcc", "colors": _COLORS, "sizes": _SIZES}
    yield {
        "id": flow.id("page"), "type": "ui-page", "name": title, "ui": flow.id("ui"), "path": f"/{flow.root}",
        "icon": "ev-station", "layout": "grid", "theme": flow.id("theme"), "order": 1, "className": "",
        "visible": True, "disabled": False,
    }  # fmt: skip


def _place(flow: Flow, device: Device, order: int) -> Node:
    """The widgets' group of a device."""
    shown = {"name": device.title, "page": flow.id("page"), "width": _WIDTH, "height": 1, "order": order}
    return {"id": flow.id("ui", device.id), "type": "ui-group", "showTitle": True, "visible": True} | shown


def _row(flow: Flow, entity: Entity, order: int) -> Iterator[Node]:
    """The node that receives, the widget, and the node that sends."""
    control = entity.control
    if control and control.payload != VALUE and not isinstance(control.widget, Press):
        return  # a plan is two values in one command
    key = f"{entity.device.id} {entity.key}"
    kind, properties = _control(control) if control else _reading(entity)
    widget = flow.node(
        kind, key, "", [f"{key} set"] if control else [], group=flow.id("ui", entity.device.id), order=order,
        width=0, height=0, label=entity.title, topic="topic", topicType="msg", passthru=False, **properties,
    )  # fmt: skip
    if entity.topic:
        yield flow.reads(f"{key} read", entity.title, entity.topic, key, datatype=_datatype(kind))
    yield widget
    if control:
        yield flow.sends(f"{key} set", entity.title, control.topic)


def _datatype(kind: str) -> str:
    """Words stay words where a widget compares them with its options."""
    return "utf8" if kind in {"ui-dropdown", "ui-button-group", "ui-switch"} else "auto-detect"


def _reading(entity: Entity) -> tuple[str, dict[str, Any]]:
    """A text: `value` is for the dashboard from 1.25 on, `format` for older ones."""
    unit = f" {entity.quantity.unit}" if entity.quantity.unit else ""
    part = "payload * 100" if entity.quantity.share else "payload"
    rounded = f"$round({part}, {entity.quantity.decimals})" if unit else "payload"
    shown = _SHOWN[entity.quantity.nature].replace("ROUNDED", rounded).replace("UNIT", unit)
    value = f'payload = "" ? "–" : ({shown})'
    plain = "{{msg.payload}}" + ("" if entity.quantity.share else unit)
    return "ui-text", {"value": value, "valueType": "jsonata", "format": plain, "layout": "row-spread"}


def _control(control: Control) -> tuple[str, dict[str, Any]]:
    match control.widget:
        case Options(labels):
            options = [{"value": value, "label": label, "valueType": "str"} for value, label in labels.items()]
            return "ui-button-group" if len(labels) <= _BUTTONS else "ui-dropdown", {"options": options}
        case Range(low, high, step, _):
            # `outs`: a command when the thumb is let go, not one for every step
            return "ui-slider", {"min": low, "max": high, "step": step, "outs": "end", "thumbLabel": "true"}
        case Toggle():
            words = {"onvalue": "true", "onvalueType": "str", "offvalue": "false", "offvalueType": "str"}
            return "ui-switch", words | {"decouple": True, "layout": "row-spread"}
        case _:
            return "ui-button", {"payload": control.payload, "payloadType": "str", "enableClick": True}
