"""The flows of a house: a tab for each device with its values and its controls."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from bridge.entities.entity import VALUE, Clock, Control, Entity, Options, Press, Range, Toggle
from bridge.export.nodered.flow import Flow, Node, broker, stacked
from bridge.settings.urls import Address
from bridge.state.reading import Rank

_LEFT, _RIGHT, _TOP = 34, 714, 39
_INFO = "Made by `evcc-bridge export nodered`. Importing it again replaces this tab."
_ANSWER = (
    "const { status, call, error } = msg.payload;\n"
    'node.status({ fill: status === "ok" ? "green" : "red", shape: "dot",'
    ' text: status === "ok" ? call : `${status}: ${error}` });\nreturn msg;'
)
_OFFLINE = (
    'const online = msg.payload === "online";\n'
    'node.status({ fill: online ? "green" : "red", shape: "dot", text: msg.payload });\n'
    'if (online) return null;\nnode.warn("evcc or its bridge is offline: values are old, commands are lost");\n'
    "return msg;"
)


def tabs(entities: Sequence[Entity], root: str, address: Address) -> list[Node]:
    """The nodes of all tabs, with the configuration of the broker."""
    nodes = list(broker(root, address))
    for device, found in groupby(entities, key=lambda entity: entity.device):
        everyday = [entity for entity in found if entity.reading.rank is Rank.EVERYDAY]
        if everyday:
            flow = Flow(root, device.id)
            nodes += [flow.tab(f"{root}: {device.title}", _INFO), *_tab(flow, everyday)]
    return nodes


def answers(flow: Flow) -> list[Node]:
    """A row that shows the answer of each command; the topic is one for all tabs of a root."""
    receives = flow.subscribes("answer", "Answers", flow.answers, "answered", datatype="json")
    reads = flow.node("function", "answered", "Answer", ["answer shown"], func=_ANSWER, outputs=1)
    return [receives, reads, flow.shows("answer shown", "Show", sidebar=True)]


def offline(flow: Flow) -> list[Node]:
    """A row that warns when there is nobody to talk to."""
    watch = flow.reads("status", "Status", "status", "is offline", datatype="utf8")
    judge = flow.node("function", "is offline", "Offline?", ["warned"], func=_OFFLINE, outputs=1)
    return [watch, judge, flow.shows("warned", "Warning", sidebar=True)]


def _tab(flow: Flow, entities: Sequence[Entity]) -> Iterator[Node]:
    values = [list(_value(flow, entity)) for entity in entities if entity.topic]
    controls = [(f"Set: {entity.title}", rows) for entity in entities if (rows := list(_rows(flow, entity)))]
    bridge = ("Bridge", [offline(flow), answers(flow)])
    yield from stacked(flow, [("Values", values)], _LEFT, _TOP)
    yield from stacked(flow, [bridge, *controls], _RIGHT, _TOP)


def _value(flow: Flow, entity: Entity) -> Iterator[Node]:
    unit = f" ({entity.quantity.unit})" if entity.quantity.unit and not entity.quantity.share else ""
    shown = f"{entity.key} shown"
    yield flow.reads(entity.key, f"{entity.title}{unit}", entity.topic, shown)
    yield flow.shows(shown, "Show")


def _rows(flow: Flow, entity: Entity) -> Iterator[list[Node]]:
    """Buttons for the usual values, the first with the node that sends."""
    control = entity.control
    sends = f"{entity.key} set"
    for number, (label, payload) in enumerate(_choices(entity, control) if control else ()):
        button = flow.button(f"{entity.key} {payload}", label, payload, sends)
        yield [button, flow.sends(sends, entity.title, control.topic)] if control and number == 0 else [button]


def _choices(entity: Entity, control: Control) -> list[tuple[str, str]]:
    """Labels and payloads of the buttons of a control; values without true limits have none to offer."""
    match control.widget:
        case Options(labels):
            return [(label, value) for value, label in labels.items()]
        case Range(low, high, _, checked) if checked and control.payload == VALUE:
            presets = [f"{low + (high - low) * part:.0f}" for part in (0.5, 0.8, 1)]
            return [(f"{value} {entity.quantity.unit}".strip(), value) for value in presets]
        case Toggle():
            return [("On", "true"), ("Off", "false")]
        case Clock():
            return [("By 07:00", control.payload.replace(VALUE, "07:00"))]
        case Press():
            return [(entity.title, control.payload)]
        case _:
            return []
