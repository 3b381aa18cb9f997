"""What stands between a topic and the widget of a setting: its state for the widget, and the payload of a value."""

from bridge.entities.entity import VALUE, Clock, Control, Entity
from bridge.export.nodered.flow import Flow, Node
from bridge.state.reading import Nature

# a plan's time is a moment in the state and a time of the day in the field
_TIME_OF_DAY = (
    'const time = new Date(msg.payload * 1000), two = (number) => String(number).padStart(2, "0");\n'
    'msg.payload = msg.payload === "" ? "" : `${two(time.getHours())}:${two(time.getMinutes())}`;\nreturn msg;'
)
_NONE = 'msg.payload = msg.payload === 0 ? "" : msg.payload;\nreturn msg;'
_WORDS = frozenset({"ui-dropdown", "ui-button-group", "ui-switch"})


def state(flow: Flow, entity: Entity, key: str, kind: str) -> list[Node]:
    """The nodes that bring the state to a widget; words stay words where it compares them with its options."""
    if entity.quantity.nature is Nature.MOMENT and entity.control and isinstance(entity.control.widget, Clock):
        return _changed(flow, entity, key, "Time of the day", _TIME_OF_DAY)
    if not entity.quantity.zero and kind == "ui-number-input":
        return _changed(flow, entity, key, "0 is none", _NONE)
    datatype = "utf8" if kind in _WORDS else "auto-detect"
    return [flow.reads(f"{key} read", entity.title, entity.topic, key, datatype=datatype)]


def payload(flow: Flow, key: str, control: Control, target: str) -> Node:
    """The node that makes a payload of a widget's value."""
    before, _, behind = control.payload.partition(VALUE)
    code = f"msg.payload = `{before}${{msg.payload}}{behind}`;\nreturn msg;"
    return flow.node("function", key, "Payload", [target], func=code, outputs=1)


def _changed(flow: Flow, entity: Entity, key: str, name: str, code: str) -> list[Node]:
    shown = flow.node("function", f"{key} shown", name, [key], func=code, outputs=1)
    return [flow.reads(f"{key} read", entity.title, entity.topic, f"{key} shown"), shown]
