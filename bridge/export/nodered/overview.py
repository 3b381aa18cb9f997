"""The overview page: power flow, charge gauges, a day's chart, and a card for each loadpoint."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import orjson

from bridge.entities.entity import VALUE, Device, Entity
from bridge.export.nodered.fields import state
from bridge.export.nodered.flow import Flow, Node
from bridge.export.nodered.power import COLORS, POWER_FLOW
from bridge.export.nodered.widgets import configuration, of_control, widget
from bridge.state.reading import Nature, Rank
from bridge.state.state import Scope

Rows = list[list[Node]]
Group = tuple[str, Rows]

_SITE_POWERS = ("pvPower", "grid/power", "battery/power", "homePower")
_CARD = (
    "chargePower", "vehicleSoc", "mode", "vehicle", "limitSoc", "effectiveLimitSoc", "chargedEnergy",
    "sessionPrice", "sessionSolarPercentage", "chargeRemainingDuration",
)  # fmt: skip
_COLLECT = """\
const powers = context.get("powers") || {};
powers[msg.topic] = Number(msg.payload) || 0;
context.set("powers", powers);
return { payload: powers };"""
# a point a minute: a day of them is drawn at once
_SAMPLE = """\
const last = context.get(msg.topic) || 0, now = Date.now();
if (now - last < 60000 || typeof msg.payload !== "number") return null;
context.set(msg.topic, now);
return { payload: msg.payload, topic: NAMES[msg.topic] };"""
# JSONata, with the moment.js that Node-RED adds to it
_SHOWN: Mapping[Nature, str] = {
    Nature.NUMBER: "SHOWN",
    Nature.FLAG: "payload ? YES : NO",
    Nature.MOMENT: '$moment(payload * 1000).format("DD.MM. HH:mm")',
    Nature.TEXT: "payload",
    Nature.SERIES: "$count(payload)",
    Nature.JOURNAL: "$count(payload)",
}
_PLAN_SHOWN = """\
const plan = context.get("plan") || {};
plan[msg.topic.endsWith("Time") ? "time" : "soc"] = msg.payload;
context.set("plan", plan);
if (!plan.time) return { payload: "–" };
const day = new Date(plan.time * 1000).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" });
return { payload: plan.soc ? `${plan.soc} % BY ${day}` : day };"""
_PLAN_SET = """\
if (msg.topic.endsWith("/vehicleName")) {
    context.set("vehicle", msg.payload);
    return null;
}
const vehicle = context.get("vehicle"), value = msg.payload;
if (!vehicle) return [null, { payload: "NOBODY" }];
const plan = msg.topic === "soc" ? { soc: value, or: { time: "07:00" } } : { time: value, or: { soc: 100 } };
const payload = msg.topic === "clear" ? "-" : JSON.stringify(plan);
return [{ topic: `ROOT/vehicles/${vehicle}/planSoc/set`, payload }, null];"""
# the answer to a command as a text
ANSWER = """\
const { status, call, error } = msg.payload;
return { payload: status === "ok" ? `ok: ${call}` : `${status}: ${error}` };"""
_GREEN, _ORANGE, _RED = "#0a7d2c", "#e8a400", "#d62728"


def overview(flow: Flow, entities: Sequence[Entity]) -> tuple[list[Node], list[Group]]:
    """The groups of the page, and the rows of nodes of each."""
    devices = [(device, {entity.key: entity for entity in found}) for device, found in
               groupby(entities, key=lambda entity: entity.device)]  # fmt: skip
    page = _Page(flow)
    site = devices[0][1]
    loadpoints = [(device, found) for device, found in devices if device.scope is Scope.LOADPOINT]
    powers = [site[key] for key in _SITE_POWERS if key in site]
    charging = [found["chargePower"] for _, found in loadpoints if "chargePower" in found]
    page.add(flow.text("Power"), 12, _power(flow, page.next, powers, charging))
    socs = [site["battery/soc"]] if "battery/soc" in site else []
    socs += [found["vehicleSoc"] for _, found in loadpoints if "vehicleSoc" in found]
    socs = [entity for entity in socs if entity.quantity.unit == "%"]  # a heating device has a temperature
    page.add(flow.text("State of charge"), 6, list(_gauges(flow, page.next, socs)))
    page.add(flow.text("Last 24 hours"), 6, _chart(flow, page.next, [*powers, *charging]))
    for device, found in loadpoints:
        page.add(device.title, 6, list(_card(flow, page.next, device, found)))
    shown = [
        entity
        for entity in site.values()
        if entity.reading.rank is Rank.EVERYDAY and entity.control is None and entity not in powers
    ]
    page.add(
        flow.text("House"), 6, [_text(flow, page.next, entity, order) for order, entity in enumerate(shown, start=1)]
    )
    return page.groups, page.rows


class _Page:
    """The groups of the page so far, and the nodes of each."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self.groups: list[Node] = []
        self.rows: list[Group] = []

    @property
    def next(self) -> str:
        """The id of the group that is added next."""
        return self._flow.id("ui", str(len(self.groups)))

    def add(self, name: str, width: int, rows: Rows) -> None:
        """Add a group, unless nothing is in it."""
        if rows:
            page, order = self._flow.id("page"), len(self.groups) + 1
            self.groups.append(configuration("ui-group", self.next, name=name, page=page, width=width, order=order))
            self.rows.append((name, rows))


def _power(flow: Flow, group: str, site: Sequence[Entity], charging: Sequence[Entity]) -> Rows:
    """Where power comes from and where it goes, as two bars."""
    names = {f"{flow.root}/{entity.topic}": entity.key for entity in site}
    words = {word: flow.text(word) for word in ("In", "Out", "Solar", "Battery", "Grid", "Home")}
    parts = {
        "words": words,
        "names": names,
        "loadpoints": {f"{flow.root}/{one.topic}": one.device.title for one in charging},
    }
    template = POWER_FLOW.replace("PARTS", orjson.dumps(parts).decode().replace("<", "\\u003c"))
    rows = [
        [flow.reads(f"power {one.device.id} {one.key}", one.title, one.topic, "powers")] for one in [*site, *charging]
    ]
    if rows:
        rows[0] += [
            flow.node("function", "powers", "Powers", ["power flow"], func=_COLLECT, outputs=1),
            widget(flow, "ui-template", "power flow", group, order=1, format=template, name="Power flow"),
        ]
    return rows


def _gauges(flow: Flow, group: str, socs: Sequence[Entity]) -> Iterator[list[Node]]:
    for order, entity in enumerate(socs, start=1):
        key = f"gauge {entity.device.id}"
        title = entity.title if entity.device.scope is Scope.SITE else entity.device.title
        segments = [{"from": str(start), "color": color} for start, color in ((0, _RED), (20, _ORANGE), (50, _GREEN))]
        gauge = widget(
            flow, "ui-gauge", key, group, order=order, title=title, name=title, units=entity.quantity.unit,
            segments=segments, value="$round(payload)", valueType="jsonata",
        )  # fmt: skip
        yield [flow.reads(f"{key} read", title, entity.topic, key), gauge]


def _chart(flow: Flow, group: str, powers: Sequence[Entity]) -> Rows:
    """The powers of the last 24 hours."""
    names = {
        f"{flow.root}/{one.topic}": one.title if one.device.scope is Scope.SITE else one.device.title for one in powers
    }
    code = f"const NAMES = {orjson.dumps(names).decode()};\n{_SAMPLE}"
    rows = [[flow.reads(f"chart {one.device.id} {one.key}", one.title, one.topic, "sampled")] for one in powers]
    if rows:
        rows[0] += [
            flow.node("function", "sampled", "A point a minute", ["chart"], func=code, outputs=1),
            widget(flow, "ui-chart", "chart", group, order=1, label="", name="Power", width=6, height=6,
                   yAxisLabel="W", colors=COLORS),
        ]  # fmt: skip
    return rows


def _card(flow: Flow, group: str, device: Device, found: Mapping[str, Entity]) -> Iterator[list[Node]]:
    """The values and the usual settings of a loadpoint, its plan, and the answer to the last command."""
    answers = f"{flow.answers}/{device.id}"
    order = 0
    for order, key in enumerate((key for key in _CARD if key in found), start=1):
        entity = found[key]
        control = entity.control
        if control is None or control.payload != VALUE:
            yield _text(flow, group, entity, order)
        else:
            kind, properties = of_control(control, entity.title, entity.quantity.unit)
            name = f"{device.id} {key}"
            yield [
                *state(flow, entity, name, kind),
                widget(flow, kind, name, group, [f"{name} set"], order=order, **properties),
                flow.publishes(f"{name} set", entity.title, f"{flow.root}/{control.topic}", answers),
            ]
    if "vehicle" in found and "effectivePlanTime" in found:
        yield from _plan(flow, group, device, found, order + 1)
    shown = widget(flow, "ui-text", f"{device.id} answer", group, order=order + 5, label=flow.text("Answer"))
    decide = flow.node("function", f"{device.id} answered", "Answer", [f"{device.id} answer"], func=ANSWER, outputs=1)
    key = f"{device.id} answers"
    yield [flow.subscribes(key, "Answers", answers, f"{device.id} answered", datatype="json"), decide, shown]


def _plan(flow: Flow, group: str, device: Device, found: Mapping[str, Entity], order: int) -> Iterator[list[Node]]:
    """The plan in force, and fields that set the one of the connected vehicle."""
    name = f"{device.id} plan"
    code = _PLAN_SET.replace("ROOT", flow.root).replace("NOBODY", flow.text("no vehicle is connected"))
    sets = flow.node("function", f"{name} set", "Plan", [f"{name} send"], [f"{device.id} answer"], func=code, outputs=2)
    shown = flow.node(
        "function", f"{name} shown", "Plan", [name], func=_PLAN_SHOWN.replace("BY", flow.text("by")), outputs=1
    )
    vehicle = found["vehicle"]
    yield [
        flow.reads(f"{name} time", "Plan time", found["effectivePlanTime"].topic, f"{name} shown"),
        shown,
        widget(flow, "ui-text", name, group, order=order, label=flow.text("Plan")),
    ]
    if "effectivePlanSoc" in found:
        yield [flow.reads(f"{name} soc", "Plan charge", found["effectivePlanSoc"].topic, f"{name} shown")]
    yield [
        flow.reads(f"{name} vehicle", "Vehicle", vehicle.topic, f"{name} set", datatype="utf8"),
        sets,
        flow.publishes(f"{name} send", "Set plan", "", f"{flow.answers}/{device.id}"),
    ]
    fields: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("ui-number-input", "soc", {"label": f"{flow.text('Plan charge')} (%)", "min": 0, "max": 100, "width": 3}),
        ("ui-text-input", "time", {"label": flow.text("Plan time"), "mode": "time", "width": 3}),
        ("ui-button", "clear", {"label": flow.language.filled("Clear {}", flow.text("Plan")), "payload": "-"}),
    )
    for number, (kind, topic, properties) in enumerate(fields, start=1):
        key = f"{name} {topic} input"
        yield [widget(flow, kind, key, group, [f"{name} set"], order=order + number, topic=topic, topicType="str",
                      **properties)]  # fmt: skip


def _text(flow: Flow, group: str, entity: Entity, order: int) -> list[Node]:
    """A value as text: `value` is for the dashboard from 1.25 on, `format` for older ones."""
    quantity, key = entity.quantity, f"{entity.device.id} {entity.key}"
    unit = f" {quantity.label}" if quantity.label else ""
    number = f"$round(payload / {quantity.divisor:g}, {quantity.decimals})" if unit else "payload"
    shown = _SHOWN[quantity.nature].replace("SHOWN", f'{number} & "{unit}"')
    if quantity.nature is Nature.FLAG:
        shown = shown.replace("YES", f'"{flow.text("yes")}"').replace("NO", f'"{flow.text("no")}"')
    nothing = 'payload = ""' if quantity.zero else '(payload = "" or payload = 0)'
    text = widget(
        flow, "ui-text", key, group, order=order, label=entity.title, value=f'{nothing} ? "–" : ({shown})',
        valueType="jsonata", format="{{msg.payload}}" + ("" if quantity.divisor != 1 else unit),
    )  # fmt: skip
    return [flow.reads(f"{key} read", entity.title, entity.topic, key), text]
