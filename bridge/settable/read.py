"""A payload, read as the kind of value that its setting takes: generously, and checked strictly."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from unicodedata import normalize

import orjson

from bridge.errors import Refused
from bridge.settable.lookup import OUTSIDE, choices
from bridge.settable.setting import (
    Button,
    Choice,
    Clock,
    Duration,
    Item,
    Json,
    Kind,
    Number,
    Plan,
    Setting,
    Switch,
    Vehicle,
    Word,
    filled,
)
from bridge.settable.times import read_clock, read_time, written
from bridge.settable.value import CLEAR, Clear, Context, Value, shown
from bridge.state.releases import release
from bridge.state.state import State
from bridge.util.json import parse_json

CLEAR_WORDS = frozenset({"-", "nil", "null", "none"})
# evcc's own MQTT understands `t` and `f` as well
_SWITCH = dict.fromkeys(("on", "true", "t", "1", "yes"), True) | dict.fromkeys(("off", "false", "f", "0", "no"), False)
_LONGEST_WORD = 60
# the names that evcc's routes accept
_NAME = re.compile(r"[a-zA-Z0-9_.:-]{1,200}")
# ASCII digits only: what looks like another digit may be meant as one, but evcc does not read it
_NUMBER = re.compile(r"([+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]{1,3})?)\s*+(.*+)", re.DOTALL)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*[0-9],[0-9]++\D*+")
_DURATION = re.compile(r"(?:([0-9]{1,9})h\s*+)?+(?:([0-9]{1,9})m\s*+)?+(?:([0-9]{1,9})s)?+", re.IGNORECASE)
# what a client's conversion of units may add to a whole number, or take from it
_NOISE = Decimal("0.01")
# decimals that are kept where a number has too many digits; JavaScript and Java write more of them than they mean
_DECIMALS = Decimal("1e-9")
# longer than any number that a program writes; evcc would take it, and nobody means it
_LONGEST = 25
# more than these digits JSON does not have in a whole number
_LARGEST = 10**18
_PRECONDITION = "precondition"


def read(setting: Setting, payload: bytes, context: Context) -> Value | Clear:
    """What a payload asks of a setting; Refused, in a sentence that names the setting, when it makes no sense."""
    kind = setting.kind
    if isinstance(kind, Button):
        return Value(None)
    try:
        text = text_of(payload)
        if not isinstance(kind, Json):
            text = unquoted(text)
        return CLEAR if _clears(setting, text) else _read(kind, text, context)
    except Refused as error:
        raise Refused(f"{setting.leaf.replace('<i>', str(context.entry))} {error}") from None


def text_of(payload: bytes) -> str:
    """A payload without surrounding space; Refused when it is not UTF-8, or holds a NUL or nothing."""
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        raise Refused("takes text in UTF-8") from None
    if "\0" in text:
        raise Refused("takes text without NUL characters")
    return _filled(text)


def unquoted(text: str) -> str:
    """A JSON string's content, for clients that send `"80"`; any other text as it is. Refused when it is empty."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return text
    try:
        inner = str(orjson.loads(text)).strip()
    except orjson.JSONDecodeError:
        return text
    if "\0" in inner:
        raise Refused("takes text without NUL characters")
    return _filled(inner)


def _filled(text: str) -> str:
    if not text:
        raise Refused("is empty")
    return text


def _clears(setting: Setting, text: str) -> bool:
    if text.lower() not in CLEAR_WORDS:
        return False
    if not setting.clear and not isinstance(setting.kind, Word):  # there it may be a word like any other
        raise Refused("cannot be cleared")
    return bool(setting.clear)


def _read(kind: Kind, text: str, context: Context) -> Value:  # noqa: C901, PLR0911 - one line a kind
    match kind:
        case Number():
            return read_number(kind, text, context.state)
        case Choice():
            return read_choice(kind, text)
        case Switch():
            return _read_switch(kind, text)
        case Word():
            return _read_word(kind, text)
        case Duration():
            return read_duration(kind, text)
        case Clock():
            return read_clock(text)
        case Plan():
            return read_plan(kind, text, context)
        case Json():
            return read_json(kind, text, context)
        case Item():
            return read_item(kind, _read(kind.of, text, context), context)
        case Vehicle():
            return read_vehicle(text, context.state)
        case Button():
            return Value(None)


def _read_switch(kind: Switch, text: str) -> Value:
    on = _SWITCH.get(text.lower())
    if on is None:
        raise Refused(f"takes on or off (true or false, 1 or 0, yes or no), got {shown(text)}")
    return Value(on, {"value": kind.on if on else kind.off})


def _read_word(kind: Word, text: str) -> Value:
    word = text.lower()
    if len(word) > _LONGEST_WORD or not re.fullmatch(f"[{kind.letters}]+", word):
        raise Refused(f"takes a word, got {shown(text)}")
    if kind.fixed and word not in kind.usual:
        raise Refused(f"takes {one_of(kind.usual)}, got {shown(text)}")
    return Value(word, {"value": word})


def read_vehicle(text: str, state: State) -> Value:
    """A vehicle's name, by name or title, as evcc's state has them; a name alone while evcc has not answered yet."""
    if not state:
        if text in OUTSIDE or not _NAME.fullmatch(text):
            raise Refused(f"takes a vehicle's name while it is not known which there are, got {shown(text)}")
        return Value(text, {"value": text})
    found = _vehicles_called(text, state)
    if len(found) == 1:
        return Value(found[0], {"value": found[0]})
    if found:
        several = choices(state.vehicles[name] for name in found)
        raise Refused(f"takes one vehicle, but {shown(text)} is the title of several: {several}")
    known = choices(state.vehicles.values())
    raise Refused(f"takes a vehicle that evcc has ({known}), got {shown(text)}")


def _vehicles_called(text: str, state: State) -> list[str]:
    """The names of the vehicles that a text may mean: by name, else by title, else by either in any case of letters."""
    known = {name: vehicle.title for name, vehicle in state.vehicles.items() if name not in OUTSIDE}
    if text in known:
        return [text]
    loose = _folded(text)
    by_title = [name for name, title in known.items() if title == text]
    return by_title or [name for name, title in known.items() if loose in {_folded(name), _folded(title)}]


def _folded(text: str) -> str:
    return normalize("NFC", text).casefold()


def read_number(kind: Number, text: str, state: State) -> Value:
    """A number in the kind's range, with or without its unit; where only whole ones are taken, rounding noise goes."""
    number = _number(text, kind.unit, state)
    if kind.whole:
        number = _whole(number, text, "whole numbers")
    _check_range(kind, number, text)
    return _value(number, text)


def read_choice(kind: Choice, text: str) -> Value:
    """One of a few whole numbers."""
    number = _number(text, "", State())
    rounded = number.to_integral_value()
    if abs(number - rounded) > _NOISE or rounded not in kind.numbers:
        raise Refused(f"takes {one_of(kind.numbers)}, got {shown(text)}")
    return _value(rounded, text)


def read_duration(kind: Duration, text: str) -> Value:
    """Seconds, as a number or like `1m30s`."""
    number = _hours_minutes_seconds(text)
    if number is None:
        number = _whole(_number(text, "s", State(), "seconds, or a time like 1m30s"), text, "whole seconds")
    _check_range(Number(low=0, high=kind.high), number, text)
    return _value(number, text)


def one_of(choices: Iterable[Any]) -> str:
    """Choices in words: `0, 1 or 3`."""
    *most, last = map(str, choices)
    return f"{', '.join(most)} or {last}"


def range_of(kind: Number) -> str:
    """A range in words: `0 to 100`, `0 or more`, or `any number`."""
    if kind.low is not None and kind.high is not None:
        return f"{kind.low:.15g} to {kind.high:.15g}"
    if kind.low is not None:
        return f"{kind.low:.15g} or more"
    return "any number" if kind.high is None else f"{kind.high:.15g} or less"


def _number(text: str, unit: str, state: State, meant: str = "") -> Decimal:
    found = _NUMBER.fullmatch(text)
    if found and not found[2]:
        return Decimal(found[1])
    unit = filled(unit, state)
    if found and found[2].lower() == unit.lower():
        return Decimal(found[1])
    if _DECIMAL_COMMA.fullmatch(text):
        raise Refused(f"takes a number with a decimal point, not a comma, got {shown(text)}")
    raise Refused(f"takes {meant or (f'a number in {unit}' if unit else 'a number')}, got {shown(text)}")


def _whole(number: Decimal, text: str, meant: str) -> Decimal:
    rounded = number.to_integral_value()
    if abs(number - rounded) > _NOISE:
        raise Refused(f"takes {meant}, got {shown(text)}")
    return rounded


def _hours_minutes_seconds(text: str) -> Decimal | None:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return Decimal(hours * 3600 + minutes * 60 + seconds)


def _check_range(kind: Number, number: Decimal, text: str) -> None:
    too_low = kind.low is not None and number < Decimal(str(kind.low))
    too_high = kind.high is not None and number > Decimal(str(kind.high))
    if too_low or too_high:
        raise Refused(f"takes {range_of(kind)}, got {shown(text)}")


def _value(number: Decimal, text: str) -> Value:
    written = _written(number)
    if len(written) > _LONGEST and abs(number) < _LARGEST:
        written = _written(number.quantize(_DECIMALS)) if number else "0"
    if len(written) > _LONGEST or abs(number) >= _LARGEST or (written == "0" and number):
        raise Refused(f"takes a shorter number, got {shown(text)}")
    return Value(float(written) if "." in written else int(written), {"value": written})


def _written(number: Decimal) -> str:
    """A number as evcc's routes take it: no exponent, no sign before zero, no needless zeros."""
    written = f"{number:f}"
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written in {"-0", ""} else written


def read_plan(kind: Plan, text: str, context: Context) -> Value:
    """A goal and a time to come, like `{"value":80,"time":"07:00"}`, and optionally `precondition` in seconds.

    A part that is missing is that of the plan in force; where there is none, that of the plan in `or`, as in
    `{"time":"07:00","or":{"soc":100}}`. `precondition` is ignored where evcc has it in the plan strategy.
    """
    plan = _json(text)
    instead = plan.pop("or", None) if isinstance(plan, dict) else None
    if not _is_plan(kind, plan) or not (instead is None or _is_plan(kind, instead)):
        raise Refused(f'takes {{"{kind.goal}":…,"time":…}}, got {shown(text)}')
    parts = _parts(kind, instead or {}, context) | _in_force(kind, context) | _parts(kind, plan, context)
    missing = [key for key in (kind.goal, "time") if key not in parts]
    if missing:
        raise Refused(f'takes "{missing[0]}" too while there is no plan to change, got {shown(text)}')
    precondition = parts.pop(_PRECONDITION, None)
    value = Value(
        {key: part.shown for key, part in parts.items()},
        {key: part.fields["value"] for key, part in parts.items()},
    )
    return value if precondition is None else _with_precondition(kind, value, precondition, context.state)


def read_json(kind: Json, text: str, context: Context) -> Value:
    """A JSON value of the right shape; its content is checked by evcc."""
    value = _json(text)
    if not isinstance(value, kind.shape):
        shape = "list" if kind.shape is list else "object"
        raise Refused(f"takes a JSON {shape} like {kind.example}; got {shown(text)}")
    return Value(value, body=_wrapped(kind, value, context.state))


def read_item(kind: Item, value: Value, context: Context) -> Value:
    """A field of a list's entry, as the whole list with that field changed."""
    entries = list_in_force(kind, context)
    if not 0 < context.entry <= len(entries) or not isinstance(entries[context.entry - 1], Mapping):
        raise Refused(f"does not exist: evcc has {len(entries)} entries in {kind.key}, counted from 1")
    changed = list(entries)
    changed[context.entry - 1] = {**entries[context.entry - 1], kind.field: value.shown}
    return Value(value.shown, body=_wrapped(kind.whole, changed, context.state))


def list_in_force(kind: Item, context: Context) -> list[Any]:
    """The list that evcc has, or was just asked for."""
    found = context.part.get(kind.key)
    if isinstance(context.asked, Value):
        found = context.asked.body
        if kind.whole.wrapped and isinstance(found, dict):
            found = found.get(kind.whole.wrapped[0])
    return found if isinstance(found, list) else []


def _wrapped(kind: Json, value: Any, state: State) -> Any:
    """A value as this release of evcc takes it."""
    running = release(state.version)
    if kind.wrapped is None or running is None or running >= kind.wrapped[1]:
        return value
    return {kind.wrapped[0]: value}


def _with_precondition(kind: Plan, value: Value, precondition: Value, state: State) -> Value:
    running, (first, end) = release(state.version), kind.precondition
    if running is None or not first <= running < end:
        return value
    return Value(
        {**value.shown, _PRECONDITION: precondition.shown},
        value.fields,
        params={_PRECONDITION: precondition.fields["value"]},
    )


def _is_plan(kind: Plan, plan: Any) -> bool:
    """Whether it has a goal by one of its names, a time, seconds of late charging, or several, and nothing else."""
    if not isinstance(plan, dict) or not plan:
        return False
    return plan.keys() <= {"value", kind.goal, "time", _PRECONDITION} and not {"value", kind.goal} <= plan.keys()


def _parts(kind: Plan, plan: Mapping[str, Any], context: Context) -> dict[str, Value]:
    """The goal, the time and the seconds of late charging of a plan, as far as it has them."""
    parts = {}
    for key, value in plan.items():
        if key == "time":
            moment = written(read_time(_scalar(value), context.now, context.zone))
            parts["time"] = Value(moment, {"value": moment})
        elif key == _PRECONDITION:
            parts[key] = read_duration(Duration(), _scalar(value))
        else:
            parts[kind.goal] = read_number(kind.amount, _scalar(value), context.state)
    return parts


def _in_force(kind: Plan, context: Context) -> dict[str, Value]:
    """The parts of the plan that there is; none where it is past."""
    try:
        return _parts(kind, _plan_in_force(kind, context), context)
    except Refused:
        return {}


def _plan_in_force(kind: Plan, context: Context) -> Mapping[str, Any]:
    """The plan that evcc is just being asked for, or has: of a loadpoint, of a vehicle today, and in the old era."""
    if context.asked is not None:
        return context.asked.shown if isinstance(context.asked, Value) else {}
    late = {} if (seconds := _held(kind, context)) is None else {_PRECONDITION: seconds}
    match context.part.values:
        case {"planEnergy": energy, "planTime": time} if kind.goal == "energy":
            return {"energy": energy, "time": time, **late}
        case {"plan": {"soc": soc, "time": time}} | {"plans": [{"soc": soc, "time": time}, *_]} if kind.goal == "soc":
            return {"soc": soc, "time": time, **late}
    return {}


def _held(kind: Plan, context: Context) -> int | float | None:
    """The seconds of late charging of the plan in force; None where the state has none."""
    found: Any = context.part.values
    for key in kind.held:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        raise Refused(f"takes JSON, got {shown(text)}") from None


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"takes numbers and texts in its JSON, got {shown(orjson.dumps(value).decode())}")
    return value.strip() if isinstance(value, str) else str(value)
