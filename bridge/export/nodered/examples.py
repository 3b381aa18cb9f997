"""Two small flows as examples, disabled: charge when power is cheap, and notify when a session ends."""

from bridge.export.nodered.flow import Flow, Node, broker, stacked
from bridge.export.nodered.subflows import setting, subflows
from bridge.settings.urls import Address

_LEFT, _TOP = 34, 39
# a crossing of the limit acts, the first value does not: a deploy must not take over the charger
_CHEAP = """\
const LIMIT = 0.20; // charge fast at or below this price

if (msg.topic.endsWith("/mode")) {
    context.set("mode", msg.payload);
    return null;
}
if (typeof msg.payload !== "number") return null;
const cheap = msg.payload <= LIMIT, before = context.get("cheap"), mode = context.get("mode");
context.set("cheap", cheap);
if (before === undefined || cheap === before || !mode || mode === "off") return null;
if (cheap) {
    context.set("before", mode);
    return mode === "now" ? null : { payload: "now" };
}
const remembered = context.get("before");
context.set("before", undefined);
// another mode that was chosen meanwhile stays
return mode === "now" && remembered && remembered !== "now" ? { payload: remembered } : null;
"""
_CHEAP_INFO = (
    "Set the limit in “Cheap?” and enable this tab. When the price falls to the limit, loadpoint 1 charges fast; when"
    " it rises above it, the mode from before comes back. `off` is never touched, nor is a mode chosen meanwhile."
)
# three braces: two would write a quotation mark in a title as &quot;
_TEXT = (
    "{{{payload.vehicle}}} at {{{payload.title}}}: {{{payload.energy}}} kWh for {{{payload.cost}}}"
    " in {{{payload.duration}}} seconds."
)
_END_INFO = "Replace the last node by one that sends messages, and enable this tab."


def cheap_power(root: str, address: Address) -> list[Node]:
    """Loadpoint 1 charges fast while power from the grid is cheap; then it goes on as before."""
    flow = Flow(root, "cheap power")
    rows = [
        [
            flow.reads("price", "Grid price", "site/tariffGrid", "decide"),
            flow.node("function", "decide", "Cheap?", ["mode"], func=_CHEAP, outputs=1),
            setting(flow, "mode", "Mode of loadpoint 1", "loadpoints/1/mode/set"),
        ],
        [flow.reads("current", "Mode of loadpoint 1", "loadpoints/1/mode", "decide", datatype="utf8")],
    ]
    tab = flow.tab("evcc: charge when cheap", _CHEAP_INFO, disabled=True)
    groups = [("Charge now while power is cheap", rows)]
    return [*broker(root, address), *subflows(flow), tab, *stacked(flow, groups, _LEFT, _TOP)]


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
        flow.shows("shown", "Put your messenger here"),
    ]  # fmt: skip
    tab = flow.tab("evcc: notify on session end", _END_INFO, disabled=True)
    return [*broker(root, address), tab, *stacked(flow, [("When a session ends", [row])], _LEFT, _TOP)]
