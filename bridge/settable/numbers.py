"""Numbers and durations."""

import re
from decimal import Decimal

from bridge.errors import Refused
from bridge.settable.setting import Choice, Duration, Number, filled
from bridge.settable.value import Value, shown
from bridge.state.state import State

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
        *most, last = map(str, kind.numbers)
        raise Refused(f"takes {', '.join(most)} or {last}, got {shown(text)}")
    return _value(rounded, text)


def read_duration(kind: Duration, text: str) -> Value:
    """Seconds, as a number or like `1m30s`."""
    number = _hours_minutes_seconds(text)
    if number is None:
        number = _whole(_number(text, "s", State(), "seconds, or a time like 1m30s"), text, "whole seconds")
    _check_range(Number(low=0, high=kind.high), number, text)
    return _value(number, text)


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
