"""A payload, read as the kind of value that its setting takes: generously, and checked strictly."""

import re
from unicodedata import normalize

import orjson

from bridge.errors import Refused
from bridge.settable import setting as kinds
from bridge.settable.lookup import OUTSIDE, choices
from bridge.settable.numbers import read_choice, read_duration, read_number
from bridge.settable.plans import read_item, read_json, read_plan
from bridge.settable.times import read_clock
from bridge.settable.value import CLEAR, Clear, Context, Value, shown
from bridge.state.state import State

CLEAR_WORDS = frozenset({"-", "nil", "null", "none"})
# evcc's own MQTT understands `t` and `f` as well
_SWITCH = dict.fromkeys(("on", "true", "t", "1", "yes"), True) | dict.fromkeys(("off", "false", "f", "0", "no"), False)
_LONGEST_WORD = 60
# the names that evcc's routes accept
_NAME = re.compile(r"[a-zA-Z0-9_.:-]{1,200}")


def read(setting: kinds.Setting, payload: bytes, context: Context) -> Value | Clear:
    """What a payload asks of a setting; Refused, in a sentence that names the setting, when it makes no sense."""
    kind = setting.kind
    if isinstance(kind, kinds.Button):
        return Value(None)
    try:
        text = text_of(payload)
        if not isinstance(kind, kinds.Json):
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
        raise Refused("got nothing but space")
    return text


def _clears(setting: kinds.Setting, text: str) -> bool:
    if text.lower() not in CLEAR_WORDS:
        return False
    if not setting.clear and not isinstance(setting.kind, kinds.Word):  # there it may be a word like any other
        raise Refused("cannot be cleared")
    return bool(setting.clear)


def _read(kind: kinds.Kind, text: str, context: Context) -> Value:  # noqa: C901, PLR0911 - one line a kind
    match kind:
        case kinds.Number():
            return read_number(kind, text, context.state)
        case kinds.Choice():
            return read_choice(kind, text)
        case kinds.Switch():
            return _read_switch(kind, text)
        case kinds.Word():
            return _read_word(kind, text)
        case kinds.Duration():
            return read_duration(kind, text)
        case kinds.Clock():
            return read_clock(text)
        case kinds.Plan():
            return read_plan(kind, text, context)
        case kinds.Json():
            return read_json(kind, text, context)
        case kinds.Item():
            return read_item(kind, _read(kind.of, text, context), context)
        case kinds.Vehicle():
            return read_vehicle(text, context.state)
        case kinds.Button():
            return Value(None)


def _read_switch(kind: kinds.Switch, text: str) -> Value:
    on = _SWITCH.get(text.lower())
    if on is None:
        raise Refused(f"takes on or off (true or false, 1 or 0, yes or no), got {shown(text)}")
    return Value(on, {"value": kind.on if on else kind.off})


def _read_word(kind: kinds.Word, text: str) -> Value:
    word = text.lower()
    if len(word) > _LONGEST_WORD or not re.fullmatch(f"[{kind.letters}]+", word):
        raise Refused(f"takes a word, got {shown(text)}")
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
    raise Refused(f"takes a vehicle that evcc knows ({known}), got {shown(text)}")


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
