"""The `.sitemap` file: the everyday points of each device, and the others one tap away."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from bridge.entities.entity import Clock, Control, Options, Press, Range, Toggle
from bridge.export.openhab.points import Point, number, quoted
from bridge.state.reading import Rank

# more buttons in a row are not readable on a phone
_BUTTONS = 5


def sitemap(points: Sequence[Point]) -> str:
    """The text of the file."""
    title = quoted(points[0].entity.device.title)
    lines = [f"sitemap {points[0].house} label={title} {{"]
    for _, of_device in groupby(points, key=lambda point: point.thing):
        lines += _frame(list(of_device))
    return "\n".join([*lines, "}", ""])


def _frame(points: Sequence[Point]) -> Iterator[str]:
    everyday = [point for point in points if point.entity.reading.rank is Rank.EVERYDAY]
    details = [point for point in points if point.entity.reading.rank is Rank.DETAIL]
    if not everyday and not details:
        return
    yield f"    Frame label={quoted(points[0].entity.device.title)} {{"
    yield from (f"        {_widget(point)}" for point in everyday)
    if details:
        yield '        Text label="More" icon="settings" {'
        yield from (f"            {_widget(point)}" for point in details)
        yield "        }"
    yield "    }"


def _widget(point: Point) -> str:
    control = point.entity.control
    return _control(point, control) if control else f"Text item={point.item}"


def _control(point: Point, control: Control) -> str:
    match control.widget:
        case Range(low, high, step, checked):
            span = f"minValue={number(low)} maxValue={number(high)} step={number(step)}"
            return f"{'Slider' if checked else 'Setpoint'} item={point.item} {span}"
        case Toggle():
            return f"Switch item={point.item}"
        case Options(labels):
            mappings = ", ".join(f"{quoted(value)}={quoted(label)}" for value, label in labels.items())
            return f"{'Switch' if len(labels) <= _BUTTONS else 'Selection'} item={point.item} mappings=[{mappings}]"
        case Press():
            return f"Switch item={point.item} mappings=[{quoted(control.payload)}={quoted('Go')}]"
        case Clock():
            return f'Input item={point.item} inputHint="datetime"'
