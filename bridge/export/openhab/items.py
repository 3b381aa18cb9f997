"""The `.items` file: a group for each device, and an item for each point that is not rare."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from bridge.entities.entity import Options as Choice
from bridge.entities.entity import Press, Range
from bridge.entities.language import Language
from bridge.export.openhab.points import DIMENSIONS, Point, bare, number, quoted
from bridge.export.openhab.semantics import Part, equipment, part_of, tags
from bridge.export.options import Options
from bridge.state.reading import Quantity, Rank
from bridge.state.state import Scope

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


def items(points: Sequence[Point], wanted: Options, language: Language) -> str:
    """The text of the file."""
    lines = ["// Made by `evcc-bridge export openhab`.", ""]
    above = [name for name in (wanted.parent, wanted.location) if name]
    for _, of_device in groupby(points, key=lambda point: point.thing):
        shown = [point for point in of_device if point.entity.reading.rank is not Rank.RARE]
        if shown:
            groups = _groups(shown, above, wanted.semantics, language)
            lines += [*groups, *(_item(point, wanted.semantics) for point in shown), ""]
    return "\n".join(lines)


def _groups(points: Sequence[Point], above: Sequence[str], semantics: int, language: Language) -> Iterator[str]:
    """The group of a device, and those of its parts."""
    device, group = points[0].entity.device, points[0].group
    tag, icon = equipment(device, semantics), _GROUP_ICONS[device.scope]
    inside = f" ({', '.join(above)})" if above else ""
    yield f"Group {group} {quoted(bare(device.title))} <{icon}>{inside} [{quoted(tag)}]"
    for part in dict.fromkeys(map(part_of, points)):
        if part:
            tag, label = part.new_tag if part.new_tag and semantics >= 5 else part.tag, language.text(part.label)
            yield f"Group {_part(group, part)} {quoted(label)} <{part.icon}> ({group}) [{quoted(tag)}]"


def _part(group: str, part: Part) -> str:
    """The group of a part; no item has two underscores in its name."""
    return f"{group}__{part.name}"


def _item(point: Point, semantics: int) -> str:
    quantity, part = point.entity.quantity, part_of(point)
    icon = f" <{_ICONS[quantity.device_class]}>" if quantity.device_class in _ICONS else ""
    label = quoted(f"{point.label}{_pattern(point)}")
    labels = ", ".join(map(quoted, tags(point, semantics)))
    meta = ", ".join([f"channel={quoted(point.uid)}", *_metadata(point)])
    group = _part(point.group, part) if part else point.group
    return f"{point.item_type} {point.item} {label}{icon} ({group}) [{labels}] {{ {meta} }}"


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
        case Choice(labels):
            return f"options={quoted(_options(labels))}"
        case Press() if control:
            return f"options={quoted(_options({control.payload: point.label}))}"
        case None:
            return 'readOnly="true"'
        case _:
            return ""


def _options(labels: Mapping[str, str]) -> str:
    return ",".join(f"{value}={label.replace(',', ' ').replace('=', ' ')}" for value, label in labels.items())
