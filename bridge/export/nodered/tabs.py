"""The flows of a house: a tab for each device with its values and its controls."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from bridge.entities.entity import VALUE, Clock, Control, Entity, Options, Press, Range, Toggle
from bridge.entities.language import Language
from bridge.export.nodered.flow import Flow, Node, broker, stacked
from bridge.export.nodered.subflows import setting, subflows, value
from bridge.settings.urls import Address
from bridge.state.reading import Rank
from bridge.state.state import Scope

_LEFT, _RIGHT, _TOP = 34, 714, 39
_COLUMNS = 2
_INFO = "Made by `evcc-bridge export nodered`. Importing it again replaces this tab."
_OFFLINE = (
    'const online = msg.payload === "online";\n'
    'node.status({ fill: online ? "green" : "red", shape: "dot", text: msg.payload });\n'
    'if (!online) node.warn("evcc or its bridge is offline: values are old, commands are lost");'
)


def tabs(entities: Sequence[Entity], root: str, address: Address, language: Language) -> list[Node]:
    """The nodes of all tabs, with the subflows and the configuration of the broker."""
    nodes = [*broker(root, address), *subflows(Flow(root, ""))]
    for device, found in groupby(entities, key=lambda entity: entity.device):
        everyday = [entity for entity in found if entity.reading.rank is Rank.EVERYDAY]
        if everyday:
            flow = Flow(root, device.id, language=language)
            nodes += [flow.tab(f"{root}: {device.title}", _INFO), *_tab(flow, everyday)]
    return nodes


def offline(flow: Flow) -> list[Node]:
    """A row that warns when there is nobody to talk to."""
    watch = flow.reads("status", "Status", "status", "is offline", datatype="utf8")
    return [watch, flow.node("function", "is offline", "Offline?", func=_OFFLINE, outputs=0)]


def _tab(flow: Flow, entities: Sequence[Entity]) -> Iterator[Node]:
    values = [value(flow, entity) for entity in entities if entity.topic]
    shown = [values[start : start + _COLUMNS] for start in range(0, len(values), _COLUMNS)]
    controls = [(entity.title, rows) for entity in entities if (rows := list(_rows(flow, entity)))]
    bridge = [("Bridge", [offline(flow)])] if entities[0].device.scope is Scope.SITE else []
    yield from stacked(flow, [(flow.text("Values"), shown)], _LEFT, _TOP)
    yield from stacked(flow, [*bridge, *controls], _RIGHT, _TOP)


def _rows(flow: Flow, entity: Entity) -> Iterator[list[Node]]:
    """Buttons for the usual values, the first with the node that sends."""
    control = entity.control
    sends = f"{entity.key} set"
    for number, (label, payload) in enumerate(_choices(flow, entity, control) if control else ()):
        button = flow.button(f"{entity.key} {payload}", label, payload, sends)
        if control and number == 0:
            name = flow.language.filled("Set {}", entity.title)
            yield [button, setting(flow, sends, name, control.topic)]
        else:
            yield [button]


def _choices(flow: Flow, entity: Entity, control: Control) -> list[tuple[str, str]]:
    """Labels and payloads of the buttons of a control; values without true limits have none to offer."""
    match control.widget:
        case Options(labels):
            return [(label, value) for value, label in labels.items()]
        case Range(low, high, _, checked) if checked and control.payload == VALUE:
            presets = [f"{low + (high - low) * part:.0f}" for part in (0.5, 0.8, 1)]
            return [(f"{value} {entity.quantity.unit}".strip(), value) for value in presets]
        case Toggle():
            return [(flow.text("On"), "true"), (flow.text("Off"), "false")]
        case Clock():
            return [(flow.text("By 07:00"), control.payload.replace(VALUE, "07:00"))]
        case Press():
            return [(entity.title, control.payload)]
        case _:
            return []
