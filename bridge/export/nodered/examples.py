"""Two small flows as examples: charge when power is cheap, and notify when a session ends."""

from bridge.export.nodered.flow import Flow, Node, broker, stacked
from bridge.export.nodered.tabs import answers
from bridge.settings.urls import Address

_LEFT, _TOP = 34, 39
_CHEAP = (
    "const limit = 0.20; // charge fast at or below this price\n"
    'msg.payload = msg.payload <= limit ? "now" : "pv";\n'
    "return msg;"
)
_CHANGES = {
    "func": "rbe", "gap": "", "start": "", "inout": "out", "septopics": False, "property": "payload", "topi": "topic",
}  # fmt: skip
# three braces: two would write a quotation mark in a title as &quot;
_TEXT = (
    "{{{payload.vehicle}}} at {{{payload.title}}}: {{{payload.energy}}} kWh for {{{payload.cost}}}"
    " in {{{payload.duration}}} seconds."
)


def cheap_power(root: str, address: Address) -> list[Node]:
    """Loadpoint 1 charges fast while power from the grid is cheap; else it waits for the sun."""
    flow = Flow(root, "cheap power")
    watch = [
        flow.reads("price", "Grid price", "site/tariffGrid", "decide"),
        flow.node("function", "decide", "Cheap?", ["changes"], func=_CHEAP, outputs=1),
        # only when the answer changes: another mode may have been chosen since
        flow.node("rbe", "changes", "When it changes", ["mode"], **_CHANGES),
        flow.sends("mode", "Mode of loadpoint 1", "loadpoints/1/mode/set"),
    ]
    groups = [("Charge now while power is cheap", [watch, answers(flow)])]
    tab = flow.tab("evcc: charge when cheap", "Set the limit in “Cheap?”.")
    return [*broker(root, address), tab, *stacked(flow, groups, _LEFT, _TOP)]


def session_end(root: str, address: Address) -> list[Node]:
    """A text for each charging session that ends, for a node that sends it to a phone."""
    flow = Flow(root, "session end")
    ended = [{"t": "eq", "v": "session_end", "vt": "str"}]
    row = [
        flow.reads("events", "Events", "events", "ended", datatype="json"),
        flow.node(
            "switch", "ended", "Session ended?", ["text"], property="payload.event", propertyType="msg", rules=ended,
            checkall="true", repair=False, outputs=1,
        ),
        flow.node(
            "template", "text", "Text", ["shown"], field="payload", fieldType="msg", format="handlebars",
            syntax="mustache", template=_TEXT, output="str",
        ),
        flow.shows("shown", "Put your messenger here", sidebar=True),
    ]  # fmt: skip
    tab = flow.tab("evcc: notify on session end", "Replace the last node by one that sends messages.")
    return [*broker(root, address), tab, *stacked(flow, [("Tell when a session ends", [row])], _LEFT, _TOP)]
