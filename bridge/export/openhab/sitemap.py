"""The `.sitemap` file: the everyday points of each device, and the others one tap away."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from bridge.entities.entity import Clock, Control, Options, Press, Range, Toggle
from bridge.entities.language import Language
from bridge.export.openhab.points import Point, number, quoted
from bridge.state.reading import Rank

# units of values that are entered, as they have no range that a button could step through: prices, powers
_ENTERED = ("/kWh", "W", "kWh")
# more buttons in a row are not readable on a phone
_BUTTONS = 5


def sitemap(points: Sequence[Point], language: Language) -> str:
    """The text of the file."""
    title = quoted(points[0].entity.device.title)
    lines = [f"sitemap {points[0].house} label={title} {{"]
    for _, of_device in groupby(points, key=lambda point: point.thing):
        lines += _frame(list(of_device), language)
    return "\n".join([*lines, "}", ""])


def _frame(points: Sequence[Point], language: Language) -> Iterator[str]:
    everyday = [point for point in points if point.entity.reading.rank is Rank.EVERYDAY]
    details = [point for point in points if point.entity.reading.rank is Rank.DETAIL]
    if not everyday and not details:
        return
    yield f"    Frame label={quoted(points[0].entity.device.title)} {{"
    yield from (f"        {_widget(point, language)}" for point in everyday)
    if details:
        yield f'        Text label={quoted(language.text("More"))} icon="settings" {{'
        yield from (f"            {_widget(point, language)}" for point in details)
        yield "        }"
    yield "    }"


def _widget(point: Point, language: Language) -> str:
    control = point.entity.control
    return _control(point, control, language) if control else f"Text item={point.item}"


def _control(point: Point, control: Control, language: Language) -> str:
    match control.widget:
        case Range(low, high, step, checked):
            if not checked and point.entity.quantity.unit.endswith(_ENTERED):
                return f'Input item={point.item} inputHint="number"'
            span = f"minValue={number(low)} maxValue={number(high)} step={number(step)}"
            return f"{'Slider' if checked else 'Setpoint'} item={point.item} {span}"
        case Toggle():
            return f"Switch item={point.item}"
        case Options(labels):
            mappings = ", ".join(f"{quoted(value)}={quoted(label)}" for value, label in labels.items())
            return f"{'Switch' if len(labels) <= _BUTTONS else 'Selection'} item={point.item} mappings=[{mappings}]"
        case Press():
            return f"Switch item={point.item} mappings=[{quoted(control.payload)}={quoted(language.text('Go'))}]"
        case Clock():
            return f'Input item={point.item} inputHint="datetime"'
