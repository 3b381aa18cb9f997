"""Controls: what a setting looks like to somebody who turns, picks or presses it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.commands.listing import CLEAR_WORD, words
from bridge.commands.vehicles import titles
from bridge.settable.kinds import Button, Choice, Duration, Kind, Number, Switch, Vehicle, Word
from bridge.settable.setting import Setting

VALUE = "%s"
_LABELS = {
    "off": "Off", "pv": "Solar", "minpv": "Min + solar", "now": "Fast", "smart": "Smart",
    "normal": "Normal", "hold": "Hold", "charge": "Charge", "none": "(none)", CLEAR_WORD: "(automatic)",
}  # fmt: skip
_PHASES = {"0": "(automatic)"}


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two; `checked`: the bridge takes no others."""

    low: float
    high: float
    step: float
    checked: bool


@dataclass(frozen=True, slots=True)
class Options:
    """One of a few values, each with its label; `named`: the labels are names, and better known than the values."""

    labels: Mapping[str, str]
    named: bool = False


@dataclass(frozen=True, slots=True)
class Toggle:
    """`true` or `false`."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button; what it sends does not change."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment to come."""


Widget = Range | Options | Toggle | Press | Clock
_PLAIN: Mapping[type[Kind], Widget] = {Switch: Toggle(), Button: Press()}


@dataclass(frozen=True, slots=True)
class Control:
    """A widget, the set-topic below the root that it publishes to, and the payload with `%s` for its value."""

    topic: str
    widget: Widget
    payload: str = VALUE


def widget(setting: Setting, now: bytes, part: Mapping[str, Any], state: Mapping[str, Any]) -> Widget | None:
    """The widget of a setting that has one; `now` is the value in force, `part` its device's part of the state."""
    match setting.kind:
        case Number() | Duration() as kind:
            return number_range(kind, now)
        case Choice() as kind:
            return Options({str(number): _PHASES.get(str(number), str(number)) for number in kind.numbers})
        case Word() as kind:
            return _words(kind, now, part, clears=bool(setting.clear))
        case Vehicle():
            return _vehicles(state)
        case kind:
            return _PLAIN.get(type(kind))


def number_range(kind: Number | Duration, now: bytes) -> Range:
    """The range of a slider; the value in force is always in it."""
    if isinstance(kind, Duration):
        kind = Number("s", 0, whole=True, offer=kind.offer)
    offered = kind.offer or (0, 100)
    low = offered[0] if kind.low is None else kind.low
    high = offered[1] if kind.high is None else kind.high
    value = _number(now, low)
    return Range(min(low, value), max(high, value), kind.step, None not in {kind.low, kind.high})


def _words(kind: Word, now: bytes, part: Mapping[str, Any], *, clears: bool) -> Options:
    offered = words(kind, now.decode(errors="replace"), part)
    return Options({word: _LABELS.get(word) or _spelt(word) for word in [*offered, *[CLEAR_WORD] * clears]})


def _spelt(word: str) -> str:
    return word.replace("_", " ").capitalize()


def _vehicles(state: Mapping[str, Any]) -> Options:
    """evcc's vehicles by name, and none; titles that several have are not used."""
    known = titles(state) or {}
    shown = list(known.values())
    labels = {name: title if title and shown.count(title) == 1 else name for name, title in known.items()}
    return Options(labels | {CLEAR_WORD: "(none)"}, named=True)


def _number(payload: bytes, instead: float) -> float:
    try:
        return float(payload)
    except ValueError:
        return instead
