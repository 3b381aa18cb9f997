"""Entities that can be set: one or a few for each setting that this evcc has."""

from collections.abc import Iterator
from dataclasses import replace

from bridge.commands.listing import CLEAR_WORD, exists
from bridge.commands.units import unit_of
from bridge.discovery.controls import (
    VALUE,
    Clock,
    Control,
    Press,
    Range,
    Widget,
    number_range,
    widget,
)
from bridge.discovery.devices import Device
from bridge.discovery.entity import Entity, House
from bridge.discovery.meanings import canonical, meaning
from bridge.discovery.readable import heated
from bridge.settable.kinds import Number, Plan
from bridge.settable.setting import Setting
from bridge.settable.table import SETTINGS
from bridge.state.quantities import TEXT
from bridge.state.reading import Reading


def settable(house: House, device: Device) -> Iterator[Entity]:
    """The entities of all settings of a device that may be set; what takes JSON only has none."""
    for setting in SETTINGS:
        allowed = house.permission.allows(f"{device.prefix}/{setting.leaf}")
        if setting.scope is device.scope and exists(setting, device.part) and allowed:
            yield from _of_setting(house, device, setting)


def _of_setting(house: House, device: Device, setting: Setting) -> Iterator[Entity]:
    if isinstance(setting.kind, Plan):
        yield from _of_plan(house, device, setting, setting.kind)
    else:
        topic = _state_topic(house, device, setting)
        shown = widget(setting, house.payload(topic), device.part, house.state)
        if shown:
            yield _entity(house, device, setting, topic, shown)
    if setting.clear and isinstance(setting.kind, Number | Plan):
        yield _clear_button(device, setting)


def _entity(house: House, device: Device, setting: Setting, topic: str, shown: Widget) -> Entity:
    row = _row(device, setting)
    title, reading = heated(device, setting.leaf, row.title, row)
    if isinstance(shown, Range) and reading is row:
        reading = replace(row, quantity=replace(row.quantity, unit=unit_of(setting.kind, house.state)))
    control = Control(f"{device.prefix}/{setting.leaf}/set", shown, "press" if isinstance(shown, Press) else VALUE)
    return Entity(device, setting.leaf, title, topic, house.filled(reading), control)


def _row(device: Device, setting: Setting) -> Reading:
    """The catalogue's row for a setting's value, with the setting's own meaning."""
    found = meaning(device.scope, setting.leaf, b"0" if isinstance(setting.kind, Number) else b"")
    row = found.reading if found else Reading(setting.title, TEXT, "tune", "")
    return replace(row, meaning=setting.meaning)


def _state_topic(house: House, device: Device, setting: Setting) -> str:
    """Where the value in force stands; "" where evcc does not say."""
    keys = (setting.leaf, *setting.keys)
    return next((topic for key in keys if house.has(topic := f"{device.prefix}/{key}")), "")


def _of_plan(house: House, device: Device, setting: Setting, kind: Plan) -> Iterator[Entity]:
    """A plan's amount and its time; where there is no plan yet, the other is what most people want: full, by seven."""
    amount, moment = (f"{device.prefix}/{key}" for key in _plan_keys(device, kind))
    command = f"{device.prefix}/{setting.leaf}/set"
    full = "100" if kind.amount.unit == "%" else "10"
    size = number_range(kind.amount, house.payload(amount))
    controls = {
        amount: Control(command, size, f'{{"{kind.goal}":{VALUE},"or":{{"time":"07:00"}}}}'),
        moment: Control(command, Clock(), f'{{"time":"{VALUE}","or":{{"{kind.goal}":{full}}}}}'),
    }
    for topic, control in controls.items():
        key = canonical(device.scope, topic.removeprefix(f"{device.prefix}/"))
        found = meaning(device.scope, key, b"")
        if found:
            yield Entity(device, key, found.titled(), topic, house.filled(found.reading), control)


def _plan_keys(device: Device, kind: Plan) -> tuple[str, str]:
    """Where a plan's amount and time stand below its device: of loadpoints, of vehicles today and before."""
    if kind.goal == "energy":
        return "planEnergy", "planTime"
    today = "plans" not in device.part and device.part.keys() & {"plan", "planStrategy", "repeatingPlans"}
    plan = "plan" if today else "plans/1"
    return f"{plan}/soc", f"{plan}/time"


def _clear_button(device: Device, setting: Setting) -> Entity:
    title = f"Clear {setting.title[0].lower()}{setting.title[1:]}"
    reading = Reading(title, TEXT, "backspace-outline", f"{setting.meaning.rstrip('.')}: not any more.")
    control = Control(f"{device.prefix}/{setting.leaf}/set", Press(), CLEAR_WORD)
    return Entity(device, f"{setting.leaf}/clear", title, "", reading, control)
