"""Entities that can be set: one or a few for each setting that this evcc has."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from bridge.entities.entity import (
    VALUE,
    Clock,
    Control,
    Device,
    Entity,
    Options,
    Press,
    Range,
    Toggle,
    Widget,
)
from bridge.entities.heating import applies, heated
from bridge.entities.language import ENGLISH, Language
from bridge.entities.readings import Snapshot
from bridge.settable.lookup import Found
from bridge.settable.offered import CLEAR_WORD, exists, possible, words
from bridge.settable.setting import (
    Button,
    Choice,
    Duration,
    Kind,
    Number,
    Plan,
    Setting,
    Switch,
    Vehicle,
    Word,
    unit_of,
    usual,
)
from bridge.settable.table import SETTINGS
from bridge.state.describe import describe, todays_name
from bridge.state.reading import TEXT, Rank, Reading
from bridge.state.state import Part, State

_LABELS = {
    "off": "Off", "pv": "Solar", "minpv": "Min + solar", "now": "Fast", "smart": "Smart",
    "normal": "Normal", "hold": "Hold", "charge": "Charge", "none": "(none)", CLEAR_WORD: "(automatic)",
}  # fmt: skip
_PHASES = {"0": "(automatic)"}
_PLAIN: Mapping[type[Kind], Widget] = {Switch: Toggle(), Button: Press()}


def controls(snapshot: Snapshot, device: Device) -> Iterator[Entity]:
    """The entities of all settings of a device that may be set; a setting that takes JSON only has none."""
    for setting in SETTINGS:
        there = setting.scope is device.scope and exists(setting, device.part, snapshot.state.release)
        if there and applies(device, setting.leaf) and snapshot.permission.allows(Found(setting, device.target)):
            yield from _of_setting(snapshot, device, setting)


def _of_setting(snapshot: Snapshot, device: Device, setting: Setting) -> Iterator[Entity]:
    if isinstance(setting.kind, Plan):
        found = [*_of_plan(snapshot, device, setting, setting.kind)]
    else:
        topic = _state_topic(snapshot, device, setting)
        widget = _translated(_widget(setting, snapshot.payload(topic), device.part, snapshot.state), snapshot.language)
        found = [_entity(snapshot, device, setting, topic, widget)] if widget else []
    yield from found
    if setting.clear and found and isinstance(setting.kind, Number | Plan):
        yield _clear_button(snapshot.language, device, setting, found[0].reading.rank)


def _entity(snapshot: Snapshot, device: Device, setting: Setting, topic: str, widget: Widget) -> Entity:
    row = _row(device, setting)
    title, reading = heated(device, setting.leaf, row.title, row)
    if isinstance(widget, Range) and reading is row:
        reading = replace(row, quantity=replace(row.quantity, unit=unit_of(setting.kind, snapshot.state)))
    payload = "press" if isinstance(widget, Press) else VALUE
    control = Control(f"{device.target.topic}/{setting.leaf}/set", widget, payload)
    return Entity(device, setting.leaf, snapshot.language.text(title), topic, snapshot.filled(reading), control)


def _translated(widget: Widget | None, language: Language) -> Widget | None:
    """A widget with its labels in a language; names stay as they are."""
    if not isinstance(widget, Options):
        return widget
    labels = {
        value: label if widget.named and value != CLEAR_WORD else language.text(label)
        for value, label in widget.labels.items()
    }
    return replace(widget, labels=labels)


def _row(device: Device, setting: Setting) -> Reading:
    """The reading of a setting's value, with the setting's own meaning."""
    found = describe(device.scope, setting.leaf, b"0" if isinstance(setting.kind, Number) else b"")
    row = found.reading if found else Reading(setting.title, TEXT, "tune", "")
    return replace(row, meaning=setting.meaning)


def _state_topic(snapshot: Snapshot, device: Device, setting: Setting) -> str:
    """The topic that shows the value in force; "" where there is none."""
    keys = (setting.leaf, *setting.shown)
    return next((topic for key in keys if snapshot.has(topic := f"{device.target.topic}/{key}")), "")


def _widget(setting: Setting, now: bytes, part: Part, state: State) -> Widget | None:
    """The widget of a setting that has one; `now` is the value in force."""
    match setting.kind:
        case Number() as kind:
            return _range(usual(kind, state), now)
        case Duration() as kind:
            return _range(Number("s", 0, whole=True, offer=kind.offer), now)
        case Choice() as kind:
            return _choice(kind, now, part)
        case Word() as kind:
            return _words(kind, now, part, clears=bool(setting.clear))
        case Vehicle():
            return _vehicles(state)
        case kind:
            return _PLAIN.get(type(kind))


def _choice(kind: Choice, now: bytes, part: Part) -> Options:
    """The numbers that the device can do; the one in force is always among them."""
    current = [now.decode(errors="replace")] if now else []
    numbers = dict.fromkeys([*map(str, possible(kind, part)), *current])
    return Options({number: _PHASES.get(number, number) for number in numbers})


def _range(kind: Number, now: bytes) -> Range:
    """The range of a slider; the value in force is always in it."""
    offered = kind.offer or (0, 100)
    low = offered[0] if kind.low is None else kind.low
    high = offered[1] if kind.high is None else kind.high
    value = _number(now, low)
    return Range(min(low, value), max(high, value), kind.step, None not in {kind.low, kind.high})


def _number(payload: bytes, instead: float) -> float:
    try:
        return float(payload)
    except ValueError:
        return instead


def _words(kind: Word, now: bytes, part: Part, *, clears: bool) -> Options:
    offered = words(kind, now.decode(errors="replace"), part)
    return Options({word: _LABELS.get(word) or _spelt(word) for word in [*offered, *[CLEAR_WORD] * clears]})


def _spelt(word: str) -> str:
    return word.replace("_", " ").capitalize()


def _vehicles(state: State) -> Options:
    """evcc's vehicles by name, and none; a title that several have is not used."""
    known = {name: vehicle.title for name, vehicle in state.vehicles.items() if name}
    titles = Counter(known.values())
    labels = {name: title if title and titles[title] == 1 else name for name, title in known.items()}
    return Options(labels | {CLEAR_WORD: "(none)"}, named=True)


def _of_plan(snapshot: Snapshot, device: Device, setting: Setting, kind: Plan) -> Iterator[Entity]:
    """A plan's amount and its time; where there is no plan yet, the other is a usual one: full, by 07:00."""
    amount, moment = (f"{device.target.topic}/{key}" for key in _plan_keys(device.part, kind))
    command = f"{device.target.topic}/{setting.leaf}/set"
    full = "100" if kind.amount.unit == "%" else "10"
    size = _range(kind.amount, snapshot.payload(amount))
    found = {
        amount: Control(command, size, f'{{"{kind.goal}":{VALUE},"or":{{"time":"07:00"}}}}'),
        moment: Control(command, Clock(), f'{{"time":"{VALUE}","or":{{"{kind.goal}":{full}}}}}'),
    }
    for topic, control in found.items():
        key = todays_name(device.scope, topic.removeprefix(f"{device.target.topic}/"))
        description = describe(device.scope, key, b"")
        if description:
            reading = snapshot.filled(description.reading)
            yield Entity(device, key, snapshot.title(description), topic, reading, control)


def _plan_keys(part: Part, kind: Plan) -> tuple[str, str]:
    """The topics of a plan's amount and time below its device: of loadpoints, of vehicles today and before."""
    if kind.goal == "energy":
        return "planEnergy", "planTime"
    today = "plans" not in part.values and part.values.keys() & {"plan", "planStrategy", "repeatingPlans"}
    plan = "plan" if today else "plans/1"
    return f"{plan}/soc", f"{plan}/time"


def _clear_button(language: Language, device: Device, setting: Setting, rank: Rank) -> Entity:
    named = language.text(setting.title)
    title = language.filled("Clear {}", f"{named[0].lower()}{named[1:]}" if language == ENGLISH else named)
    reading = Reading(title, TEXT, "backspace-outline", f"{setting.meaning.rstrip('.')}: not any more.", rank)
    control = Control(f"{device.target.topic}/{setting.leaf}/set", Press(), CLEAR_WORD)
    return Entity(device, f"{setting.leaf}/clear", title, "", reading, control)
