"""A payload, read as the kind of value that its setting takes."""

import re
from collections.abc import Callable
from typing import Any

from bridge.commands.numbers import read_choice, read_duration, read_number
from bridge.commands.plans import read_json, read_plan
from bridge.commands.text import shown, text_of, unquoted
from bridge.commands.units import unit_of
from bridge.commands.value import CLEAR, Clear, Context, Value, plain
from bridge.commands.vehicles import read_vehicle
from bridge.errors import Refused
from bridge.settable.kinds import Button, Choice, Duration, Json, Kind, Number, Plan, Switch, Vehicle, Word
from bridge.settable.setting import Setting

CLEAR_WORDS = frozenset({"-", "nil", "null", "none"})
_SWITCH = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}
_LONGEST_WORD = 60


def read(setting: Setting, payload: bytes, context: Context) -> Value | Clear:
    """What a payload asks of a setting; Refused, in a sentence that names the setting, when it makes no sense."""
    try:
        return _read(setting, payload, context)
    except Refused as error:
        raise Refused(f"{setting.leaf} {error}") from None


def _read(setting: Setting, payload: bytes, context: Context) -> Value | Clear:
    kind = setting.kind
    if isinstance(kind, Button):
        return Value(None)
    text = text_of(payload)
    if not isinstance(kind, Json):
        text = unquoted(text)
    if _clears(setting, text):
        return CLEAR
    return _READERS[type(kind)](kind, text, context)


def _clears(setting: Setting, text: str) -> bool:
    if text.lower() not in CLEAR_WORDS:
        return False
    if not setting.clear and not isinstance(setting.kind, Word):  # there it may be a word like any other
        raise Refused("cannot be cleared")
    return bool(setting.clear)


def _switch(kind: Switch, text: str) -> Value:
    on = _SWITCH.get(text.lower())
    if on is None:
        raise Refused(f"takes on or off (true or false, 1 or 0, yes or no), got {shown(text)}")
    return Value(on, {"value": kind.on if on else kind.off})


def _word(kind: Word, text: str) -> Value:
    word = text.lower()
    if len(word) > _LONGEST_WORD or not re.fullmatch(f"[{kind.letters}]+", word):
        raise Refused(f"takes a word, got {shown(text)}")
    return plain(word)


_READERS: dict[type[Kind], Callable[[Any, str, Context], Value]] = {
    Number: lambda kind, text, context: read_number(kind, text, unit_of(kind, context.state)),
    Choice: lambda kind, text, _: read_choice(kind, text),
    Switch: lambda kind, text, _: _switch(kind, text),
    Word: lambda kind, text, _: _word(kind, text),
    Duration: lambda kind, text, _: read_duration(kind, text),
    Plan: read_plan,
    Json: lambda kind, text, _: read_json(kind, text),
    Vehicle: lambda _, text, context: read_vehicle(text, context.state),
}
