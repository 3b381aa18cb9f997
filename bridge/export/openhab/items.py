"""The `.items` file: a group for each device, and an item for each point that is not rare."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from bridge.entities.entity import Options, Press, Range, Toggle
from bridge.export.openhab.points import DIMENSIONS, Point, bare, number, quoted
from bridge.state.reading import Nature, Quantity, Rank
from bridge.state.state import Scope

_EQUIPMENT = {Scope.SITE: "Equipment", Scope.LOADPOINT: "Equipment", Scope.VEHICLE: "Vehicle"}
_GROUP_ICONS = {Scope.SITE: "house", Scope.LOADPOINT: "poweroutlet", Scope.VEHICLE: "garagedoor"}
_ICONS: Mapping[str, str] = {
    "power": "energy",
    "energy": "energy",
    "current": "energy",
    "battery": "batterylevel",
    "duration": "time",
    "timestamp": "time",
    "monetary": "price",
    "temperature": "temperature",
}
_PROPERTIES: Mapping[str, str] = {
    "power": "Power",
    "energy": "Energy",
    "current": "Current",
    "voltage": "Voltage",
    "battery": "Level",
    "duration": "Duration",
    "timestamp": "Timestamp",
    "temperature": "Temperature",
}


def items(points: Sequence[Point]) -> str:
    """The text of the file."""
    lines = ["// Made by `evcc-bridge export openhab`.", ""]
    for _, of_device in groupby(points, key=lambda point: point.thing):
        wanted = [point for point in of_device if point.entity.reading.rank is not Rank.RARE]
        lines += [_group(wanted[0]), *map(_item, wanted), ""] if wanted else []
    return "\n".join(lines)


def _group(point: Point) -> str:
    device = point.entity.device
    icon, tag = _GROUP_ICONS[device.scope], _EQUIPMENT[device.scope]
    return f"Group {point.group} {quoted(bare(device.title))} <{icon}> [{quoted(tag)}]"


def _item(point: Point) -> str:
    quantity = point.entity.quantity
    icon = f" <{_ICONS[quantity.device_class]}>" if quantity.device_class in _ICONS else ""
    label = quoted(f"{point.label}{_pattern(point)}")
    tags = ", ".join(map(quoted, _tags(point)))
    meta = ", ".join([f"channel={quoted(point.uid)}", *_metadata(point)])
    return f"{point.item_type} {point.item} {label}{icon} ({point.group}) [{tags}] {{ {meta} }}"


def _pattern(point: Point) -> str:
    """How the state is shown, in the label."""
    quantity = point.entity.quantity
    match point.channel_type:
        case "number":
            return f" [{_number_pattern(quantity)}]"
        case "datetime":
            return " [%1$td.%1$tm. %1$tH:%1$tM]"
        case "string":
            return " [%s]"
        case _:
            return ""


def _number_pattern(quantity: Quantity) -> str:
    if quantity.unit in DIMENSIONS:
        return f"%.{quantity.decimals}f %unit%"
    unit = quantity.unit.replace("%", "%%")
    return f"%.{quantity.decimals}f {unit}".rstrip()


def _tags(point: Point) -> Iterator[str]:
    """openHAB's semantic tags: what kind of point it is, and of which property."""
    control, quantity = point.entity.control, point.entity.quantity
    match control.widget if control else None:
        case Range():
            yield "Setpoint"
        case Toggle():
            yield "Switch"
        case None:
            yield "Measurement" if quantity.nature is Nature.NUMBER else "Status"
        case _:
            yield "Control"
    if quantity.device_class in _PROPERTIES:
        yield _PROPERTIES[quantity.device_class]


def _metadata(point: Point) -> Iterator[str]:
    entity = point.entity
    if point.channel_type == "number" and entity.quantity.unit in DIMENSIONS:
        # without it, openHAB takes 0.9 for 90 %
        yield f"unit={quoted(_unit(point))}"
    if not entity.topic:
        # no state comes back that could show what was sent
        yield 'autoupdate="true"'
    described = _description(point)
    if described:
        yield f'stateDescription=" "[{described}]'


def _unit(point: Point) -> str:
    """The unit of an item's state; a channel's value is converted to it."""
    quantity = point.entity.quantity
    return quantity.unit if point.entity.control else quantity.label


def _description(point: Point) -> str:
    control = point.entity.control
    match control.widget if control else None:
        case Range(low, high, step, checked):
            limits = f"min={number(low)}, max={number(high)}, " if checked else ""
            return f"{limits}step={number(step)}"
        case Options(labels):
            return f"options={quoted(_options(labels))}"
        case Press() if control:
            return f"options={quoted(_options({control.payload: point.label}))}"
        case None:
            return 'readOnly="true"'
        case _:
            return ""


def _options(labels: Mapping[str, str]) -> str:
    return ",".join(f"{value}={label.replace(',', ' ').replace('=', ' ')}" for value, label in labels.items())
