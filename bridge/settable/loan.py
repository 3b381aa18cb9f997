"""Settings on loan: `{"value":16,"for":"15m"}` sets a value for a time; the value that evcc has goes back after it."""

import math
from typing import Any, NamedTuple

import orjson

from bridge.errors import Refused
from bridge.settable import setting as kinds
from bridge.settable.lookup import Found
from bridge.settable.read import list_in_force, read, read_duration
from bridge.settable.value import Clear, Context, Value, shown
from bridge.state.state import ABSENT, Part
from bridge.util.json import parse_json

LONGEST = 86_400
"""The longest loan, in seconds."""
SCHEMA = {
    "type": "object",
    "properties": {"value": {}, "for": {"type": ["string", "number"], "examples": ["15m"]}},
    "required": ["value", "for"],
    "additionalProperties": False,
}
"""The JSON Schema of a payload that borrows a setting."""

SPAN = b'"for"'
"""What is in every payload that borrows a setting."""
_DURATION = kinds.Duration(high=math.inf)
_NO_LOAN = (kinds.Plan, kinds.Json, kinds.Button)
# evcc rounds to 3 decimals what it pushes
_ROUNDING = 0.0005


class Loan(NamedTuple):
    """What a payload borrows: the value's own payload, and for how many seconds."""

    payload: bytes
    seconds: float


def is_lendable(setting: kinds.Setting) -> bool:
    """Whether a setting can be borrowed."""
    return setting.lendable and not isinstance(setting.kind, _NO_LOAN)


def loan(found: Found, payload: bytes) -> Loan | None:
    """The loan that a payload asks for; None where it asks for none. Refused when it makes no sense."""
    if SPAN not in payload or not payload.lstrip().startswith(b"{"):
        return None
    asked = _object(payload)
    if "for" not in asked or (isinstance(found.setting.kind, kinds.Json) and "value" not in asked):
        return None
    if not is_lendable(found.setting):
        raise Refused(f"{found.setting.leaf} cannot be borrowed: {_reason(found.setting)}")
    if asked.keys() != {"value", "for"} or isinstance(asked["value"], dict | list):
        text = payload.decode(errors="replace")
        raise Refused(f'{found.setting.leaf} is borrowed with {{"value":…,"for":"15m"}}, got {shown(text)}')
    return Loan(written(asked["value"]), _seconds(asked["for"]))


def check_before(found: Found, before: Any, context: Context) -> None:
    """Refused where a value cannot go back after a loan."""
    setting = found.setting
    if before is ABSENT or isinstance(before, dict | list):
        raise Refused(f"{setting.leaf} cannot be borrowed: evcc's state does not show its value")
    if before is None and not setting.clear:
        raise Refused(f"{setting.leaf} cannot be borrowed: it has no value that could go back")
    try:
        read(setting, written(before), context)
    except Refused as error:
        raise Refused(f"{setting.leaf} cannot be borrowed: its value could not go back ({error})") from None


def value_in(found: Found, part: Part) -> Any:
    """The value that evcc's state shows; None for one that is cleared, ABSENT where the state does not show it."""
    setting = found.setting
    if isinstance(setting.kind, kinds.Item):
        entries = part.get(setting.kind.key)
        return _field(setting.kind, entries if isinstance(entries, list) else [], found.entry)
    value = part.get(setting.shown[0] if setting.shown else setting.leaf, ABSENT)
    is_clear = value in (None, "", ABSENT) or (isinstance(setting.kind, kinds.Word) and value == kinds.NO_MODE)
    return None if setting.clear and is_clear else value


def value_of(found: Found, value: Value | Clear | None) -> Any:
    """A value that was read, as `value_in` would give it: a word in evcc's own words."""
    if not isinstance(value, Value):
        return None
    return value.fields["value"] if isinstance(found.setting.kind, kinds.Word) else value.shown


def is_same(value: Any, other: Any) -> bool:
    """Whether two values are the same, as far as evcc's rounding lets it be seen."""
    if _is_number(value) and _is_number(other):
        return math.isclose(value, other, rel_tol=1e-9, abs_tol=_ROUNDING)
    return type(value) is type(other) and bool(value == other)


def written(value: Any) -> bytes:
    """A value as a payload."""
    return b"-" if value is None else orjson.dumps(value)


def _object(payload: bytes) -> dict[str, Any]:
    try:
        value = parse_json(payload)
    except ValueError:
        return {}  # no JSON: what the setting takes says so
    return value if isinstance(value, dict) else {}


def _reason(setting: kinds.Setting) -> str:
    if not setting.lendable:
        return "it sets every loadpoint; borrow that of each loadpoint"
    return "it is a button" if isinstance(setting.kind, kinds.Button) else "its value is an object or a list"


def _seconds(span: Any) -> float:
    wrong = f'a setting is borrowed for more than 0 s and at most a day, like "15m", got {_brief(span)}'
    if isinstance(span, bool) or not isinstance(span, str | int | float):
        raise Refused(wrong)
    try:
        seconds = float(read_duration(_DURATION, str(span).strip()).shown)
    except Refused:
        raise Refused(wrong) from None
    if not 0 < seconds <= LONGEST:
        raise Refused(wrong)
    return seconds


def _brief(value: Any) -> str:
    return shown(orjson.dumps(value).decode())


def item_in_force(found: Found, context: Context) -> Any:
    """A field of a list's entry as evcc has it, or was just set to; ABSENT for another kind, or without the entry."""
    kind = found.setting.kind
    return _field(kind, list_in_force(kind, context), found.entry) if isinstance(kind, kinds.Item) else ABSENT


def _field(kind: kinds.Item, entries: list[Any], entry: int) -> Any:
    held = entries[entry - 1] if 0 < entry <= len(entries) else None
    return held.get(kind.field, ABSENT) if isinstance(held, dict) else ABSENT


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
