"""The flows of a house as pages of FlowFuse's dashboard: an overview, and all settings."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from bridge.entities.entity import VALUE, Control, Entity, Press
from bridge.entities.language import Language
from bridge.export.nodered.fields import payload, state
from bridge.export.nodered.flow import Flow, Node, broker, stacked
from bridge.export.nodered.overview import ANSWER, overview
from bridge.export.nodered.tabs import offline
from bridge.export.nodered.widgets import configuration, of_control, widget
from bridge.settable.offered import CLEAR_WORD
from bridge.settings.urls import Address
from bridge.state.reading import Rank

_LEFT, _TOP = 34, 39
_WIDTH, _BUTTON = 6, 2  # columns of a group, and of a small button
_INFO = "Made by `evcc-bridge export nodered`. Needs the palette `@flowfuse/node-red-dashboard`."
_COLORS = {
    "surface": "#ffffff",
    "primary": "#0a7d2c",
    "bgPage": "#f3f3f7",
    "groupBg": "#ffffff",
    "groupOutline": "#e0e0e8",
}
_SIZES = {
    "density": "default",
    "pagePadding": "12px",
    "groupGap": "12px",
    "groupBorderRadius": "8px",
    "widgetGap": "8px",
}
Rows = list[list[Node]]


def dashboard(entities: Sequence[Entity], root: str, address: Address, language: Language) -> list[Node]:
    """The nodes of the dashboard and of its tabs, with the configuration of the broker."""
    flow = Flow(root, "dashboard", language=language)
    title = entities[0].device.title
    groups, rows = overview(flow, entities)
    settings = Flow(root, "dashboard settings", language=language)
    places, controls = _settings(settings, flow, entities)
    bridge = ("Bridge", [offline(flow)])
    answers = ("Answers", [_answers(settings, flow)])
    return [
        *broker(root, address),
        *_pages(flow, title),
        *groups,
        *places,
        flow.tab(f"{root}: dashboard", _INFO),
        *stacked(flow, [bridge, *rows], _LEFT, _TOP),
        settings.tab(f"{root}: dashboard, settings", _INFO),
        *stacked(settings, [answers, *controls], _LEFT, _TOP),
    ]


def _pages(flow: Flow, title: str) -> Iterable[Node]:
    yield configuration("ui-base", flow.id("ui"), name="Dashboard")
    yield configuration("ui-theme", flow.id("theme"), name="evcc", colors=_COLORS, sizes=_SIZES)
    pages = (
        ("page", title, "", "ev-station"),
        ("settings page", f"{title}: {flow.text('settings')}", "-settings", "tune"),
    )
    for order, (key, name, path, icon) in enumerate(pages, start=1):
        yield configuration(
            "ui-page", flow.id(key), name=name, path=f"/{flow.root}{path}", icon=icon, order=order,
            ui=flow.id("ui"), theme=flow.id("theme"),
        )  # fmt: skip


def _settings(flow: Flow, pages: Flow, entities: Sequence[Entity]) -> tuple[list[Node], list[tuple[str, Rows]]]:
    """A group of widgets for each device that can be set, and the rows of nodes of each."""
    places: list[Node] = []
    groups: list[tuple[str, Rows]] = []
    for device, found in groupby(entities, key=lambda entity: entity.device):
        settable = [(one, one.control) for one in found if one.control and one.reading.rank is not Rank.RARE]
        if not settable:
            continue
        group = flow.id("ui", device.id)
        order = len(places) + 1
        places.append(configuration("ui-group", group, name=device.title, page=pages.id("settings page"), order=order))
        rows = [_row(flow, group, *one, order=number) for number, one in enumerate(settable, start=1)]
        for row, following in pairwise(rows):
            _stand_beside(flow, row, following)
        groups.append((device.title, rows))
    return places, groups


def _answers(flow: Flow, pages: Flow) -> list[Node]:
    """A row that shows the answer of each command for a moment."""
    popup = configuration("ui-notification", flow.id("popup"), name="Answer", ui=pages.id("ui"))
    popup |= {"z": flow.z, "wires": [[]]}
    decide = flow.node("function", "answered", "Answer", ["popup"], func=ANSWER, outputs=1)
    return [flow.subscribes("answers", "Answers", flow.answers, "answered", datatype="json"), decide, popup]


def _row(flow: Flow, group: str, entity: Entity, control: Control, *, order: int) -> list[Node]:
    """The node that receives, the widget, what makes a payload of its value, and the node that sends."""
    key = f"{entity.device.id} {entity.key}"
    kind, properties = of_control(control, entity.title, entity.quantity.unit)
    made = control.payload != VALUE and not isinstance(control.widget, Press)
    after = f"{key} made" if made else f"{key} set"
    tooltip = {"tooltip": flow.text(entity.reading.meaning)} if kind in {"ui-number-input", "ui-text-input"} else {}
    row = [widget(flow, kind, key, group, [after], order=order, **properties, **tooltip)]
    if entity.topic:
        row = [*state(flow, entity, key, kind), *row]
    if made:
        row.append(payload(flow, f"{key} made", control, f"{key} set"))
    return [*row, flow.sends(f"{key} set", entity.title, control.topic)]


def _stand_beside(flow: Flow, row: list[Node], following: list[Node]) -> None:
    """Let a button that clears stand beside what it clears."""
    (one,) = (node for node in row if "group" in node)
    (other,) = (node for node in following if "group" in node)
    if other.get("payload") == CLEAR_WORD and one["type"] != "ui-button":
        one["width"] = _WIDTH - _BUTTON
        other |= {"width": _BUTTON, "label": flow.text("Clear")}
