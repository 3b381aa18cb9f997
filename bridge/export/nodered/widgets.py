"""Widgets of FlowFuse's dashboard (`@flowfuse/node-red-dashboard`), with every property that the editor gives them.

A property that is missing is no default there: a button without `icon` is an empty box.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.entities.entity import Control, Options, Press, Range, Toggle
from bridge.export.nodered.flow import Flow, Node

_ANY: Mapping[str, Any] = {"name": "", "order": 0, "width": 0, "height": 0, "className": ""}
_INPUT: Mapping[str, Any] = {"topic": "topic", "topicType": "msg", "passthru": False}
_FIELD: Mapping[str, Any] = {
    **_ANY, **_INPUT, "label": "", "tooltip": "", "delay": 300, "sendOnDelay": False, "sendOnBlur": True,
    "sendOnEnter": True, "clearable": False, "icon": "", "iconPosition": "left", "iconInnerPosition": "inside",
}  # fmt: skip
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "ui-base": {
        "name": "", "path": "/dashboard", "appIcon": "", "includeClientData": True,
        "acceptsClientConfig": ["ui-notification", "ui-control"], "showPathInSidebar": False, "headerContent": "page",
        "navigationStyle": "default", "titleBarStyle": "default", "showReconnectNotification": True,
        "notificationDisplayTime": 1, "showDisconnectNotification": True, "allowInstall": False,
    },
    "ui-theme": {"name": "", "colors": {}, "sizes": {}},
    "ui-page": {
        "name": "", "ui": "", "path": "", "icon": "home", "layout": "grid", "theme": "", "order": 1, "className": "",
        "visible": True, "disabled": False,
        "breakpoints": [
            {"name": "Default", "px": "0", "cols": "6"}, {"name": "Tablet", "px": "576", "cols": "6"},
            {"name": "Small Desktop", "px": "768", "cols": "12"}, {"name": "Desktop", "px": "1024", "cols": "12"},
        ],
    },
    "ui-group": {
        "name": "", "page": "", "width": 6, "height": 1, "order": 1, "showTitle": True, "className": "",
        "visible": True, "disabled": False, "groupType": "default",
    },
    "ui-text": {
        **_ANY, "label": "", "format": "{{msg.payload}}", "layout": "row-spread", "style": False, "font": "Helvetica",
        "fontSize": 16, "color": "#717171", "wrapText": True, "value": "payload", "valueType": "msg",
    },
    "ui-button": {
        **_ANY, "label": "", "emulateClick": False, "tooltip": "", "color": "", "bgcolor": "", "icon": "",
        "iconPosition": "left", "payload": "", "payloadType": "str", "topic": "topic", "topicType": "msg",
        "buttonColor": "", "textColor": "", "iconColor": "", "enableClick": True, "enablePointerdown": False,
        "pointerdownPayload": "", "pointerdownPayloadType": "str", "enablePointerup": False, "pointerupPayload": "",
        "pointerupPayloadType": "str",
    },
    "ui-button-group": {**_ANY, **_INPUT, "label": "", "rounded": True, "useThemeColors": True, "options": []},
    "ui-dropdown": {
        **_ANY, **_INPUT, "label": "", "tooltip": "", "multiple": False, "chips": False, "clearable": False,
        "options": [], "payload": "", "typeIsComboBox": False, "msgTrigger": "onChange",
    },
    "ui-switch": {
        **_ANY, **_INPUT, "label": "", "decouple": True, "style": "", "layout": "row-spread", "clickableArea": "switch",
        "onvalue": "true", "onvalueType": "str", "onicon": "", "oncolor": "", "offvalue": "false",
        "offvalueType": "str", "officon": "", "offcolor": "",
    },
    "ui-number-input": {**_FIELD, "min": 0, "max": 10, "step": 1, "spinner": "default"},
    "ui-text-input": {**_FIELD, "mode": "text", "sendOnClear": False},
    "ui-gauge": {
        **_ANY, "value": "payload", "valueType": "msg", "width": 3, "height": 3, "gtype": "gauge-half",
        "gstyle": "rounded", "title": "", "alwaysShowTitle": True, "floatingTitlePosition": "top-left", "units": "",
        "icon": "", "prefix": "", "suffix": "", "segments": [], "min": 0, "max": 100, "sizeThickness": 16,
        "sizeGap": 4, "sizeKeyThickness": 8, "styleRounded": True, "styleGlow": False,
    },
    "ui-chart": {
        **_ANY, "label": "", "chartType": "line", "category": "topic", "categoryType": "msg", "xAxisLabel": "",
        "xAxisProperty": "", "xAxisPropertyType": "timestamp", "xAxisType": "time", "xAxisFormat": "",
        "xAxisFormatType": "HH:mm", "xmin": "", "xmax": "", "yAxisLabel": "", "yAxisProperty": "payload",
        "yAxisPropertyType": "msg", "ymin": "", "ymax": "", "bins": 10, "action": "append", "stackSeries": False,
        "pointShape": "circle", "pointRadius": 0, "showLegend": True, "removeOlder": "24", "removeOlderUnit": "3600",
        "removeOlderPoints": "", "colors": [], "textColor": ["#666666"], "textColorDefault": True,
        "gridColor": ["#e5e5e5"], "gridColorDefault": True, "interpolation": "linear",
    },
    "ui-notification": {
        "name": "", "ui": "", "position": "top right", "colorDefault": True, "color": None, "displayTime": "5",
        "showCountdown": False, "outputs": 1, "allowDismiss": True, "dismissText": "Close", "allowConfirm": False,
        "confirmText": "Confirm", "raw": False, "className": "",
    },
    "ui-template": {
        **_ANY, "page": "", "ui": "", "head": "", "format": "", "storeOutMessages": True, "passthru": False,
        "resendOnRefresh": True, "templateScope": "local",
    },
}  # fmt: skip
_BUTTONS = 4  # more of them are not readable on a phone


def widget(flow: Flow, kind: str, key: str, group: str, outputs: Sequence[str] = (), **more: Any) -> Node:
    """A widget in a group, wired to the nodes with the keys `outputs`."""
    properties = {**DEFAULTS[kind], "name": more.get("label", ""), **more}
    name = properties.pop("name")
    return flow.node(kind, key, name, outputs, group=group, **properties)


def configuration(kind: str, node_id: str, **more: Any) -> Node:
    """A page, a group or a theme."""
    return {"id": node_id, "type": kind, **DEFAULTS[kind], **more}


def of_control(control: Control, label: str, unit: str) -> tuple[str, dict[str, Any]]:
    """The widget of a control, with the properties that are its own."""
    match control.widget:
        case Options(labels):
            options = [{"value": value, "label": label, "valueType": "str"} for value, label in labels.items()]
            kind = "ui-button-group" if len(labels) <= _BUTTONS else "ui-dropdown"
            return kind, {"label": label, "options": options}
        case Range(low, high, step, _):
            named = f"{label} ({unit})" if unit else label
            return "ui-number-input", {"label": named, "min": low, "max": high, "step": step}
        case Toggle():
            return "ui-switch", {"label": label}
        case Press():
            return "ui-button", {"label": label, "payload": control.payload}
        case _:
            return "ui-text-input", {"label": label, "mode": "time"}
