"""One setting of evcc, as a row of the table in bridge/settable/table.py, and the kinds of values."""

from dataclasses import dataclass, field, replace
from typing import Any

from bridge.state.rules import Release
from bridge.state.state import Scope, State

_CO2 = (0, 1000)  # g/kWh
# what a kWh costs at most about half of, by currency; of any other currency it is less than the largest
_SIZES = {currency: size for size, currencies in {
    1: "EUR USD GBP CHF AUD CAD NZD SGD BGN",
    10: "DKK NOK SEK PLN RON CNY ILS BRL MYR ZAR",
    100: "CZK INR JPY THB TRY ISK TWD PHP RSD",
}.items() for currency in currencies.split()}  # fmt: skip
_LARGEST = 1000

NO_MODE = "unknown"
"""What evcc has where there is no mode, beside an empty text."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number.

    `low` and `high` are checked (None: no limit); evcc itself accepts values beyond them.
    `offer` is the range a slider should have where there is no limit; it is never checked. Prices and CO2 have none:
    theirs, and their `step`, depend on the state (`usual`).
    In `unit`, `{currency}` stands for the state's `currency`, and `{cost}` for the currency
    or, where `smartCostType` is `co2`, for `g`.
    """

    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float = 1
    whole: bool = False
    offer: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few whole numbers."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off, and how each is written for evcc."""

    on: str = "true"
    off: str = "false"


@dataclass(frozen=True, slots=True)
class Word:
    """A word; evcc decides which ones it takes, and its releases differ, unless `fixed`: then they are `usual`.

    `letters` are the characters that evcc's route accepts (a regular expression's class).
    `listed` is the key of the state that holds the allowed words, if there is one. Else a
    control should offer `usual` and whatever the state holds; neither is checked.
    `newer` are the usual words of releases in which the device has the key before them.
    """

    letters: str = "a-z"
    listed: str = ""
    usual: tuple[str, ...] = ()
    newer: tuple[str, tuple[str, ...]] | None = None
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Duration:
    """A whole number of seconds, from 0 to `high`; `offer` is for sliders, as with numbers."""

    high: float = 31_536_000
    offer: tuple[float, float] = (0, 600)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of the day, `07:00`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A goal and the time by which it is to be reached; `goal` is the goal's JSON key.

    Releases from `precondition[0]` and before `precondition[1]` take the seconds of late charging as the parameter
    `precondition` of the call (evcc's route `plan/soc`); later ones have them in the plan strategy.
    `held` is the key of the state where these seconds stand.
    """

    goal: str
    amount: Number
    held: tuple[str, ...]
    precondition: tuple[Release, Release] = (0, 203, 4), (0, 300, 0)


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON object or list, sent to evcc as it is; `example` shows its shape, `schema` describes it (JSON Schema).

    Releases before `wrapped[1]` take it as the value of the key `wrapped[0]` in an object.
    """

    shape: type[dict[str, object]] | type[list[object]]
    example: str
    schema: dict[str, Any] = field(hash=False)
    wrapped: tuple[str, Release] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One field of one entry of a list that evcc takes whole: the call sends the list with that field changed.

    `key` is the list's key in the state, `field` the field's name in an entry, `of` what the field takes.
    """

    key: str
    field: str
    of: "Number | Switch | Clock"
    whole: Json


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle of evcc, by its name or its title."""


@dataclass(frozen=True, slots=True)
class Button:
    """Any payload at all: its arrival is the command."""


Kind = Number | Choice | Switch | Word | Duration | Clock | Plan | Json | Item | Vehicle | Button


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `leaf` is the topic's level below its scope; `<i>` in it stands for the number of a list's entry, from 1.
    `path` and `clear` are the call's path below `/api`, `/api/loadpoints/<n>` or `/api/vehicles/<name>`: `{value}`
    (for plans the goal's key and `{time}`) is where the value goes, and without a field the value is the JSON body.
    `clear` is called with DELETE; empty: the setting cannot be cleared.
    `aliases` are accepted on /set as well, as is REST's own word: the path up to the value.
    `shown` are the topics, below the scope's part of the tree, where the value in force stands: the first whose key
    evcc has; none: the leaf itself.
    `since` is the first release of evcc that has the setting; None: every release. An evcc that has one of the keys
    `needs` has it as well, whatever its version. `once`: sent a single time, as a repetition would do harm.
    `instead` is what to use where evcc lacks the setting.
    `lendable`: false where the value from before is not one value. `lapses`: evcc drops the value within 60 s unless
    it is sent again.
    """

    scope: Scope
    leaf: str
    title: str
    kind: Kind
    path: str
    meaning: str
    shown: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    clear: str = ""
    method: str = "POST"
    since: Release | None = None
    needs: tuple[str, ...] = ()
    once: bool = False
    instead: str = ""
    lendable: bool = True
    lapses: bool = False


def no_such(setting: Setting) -> str:
    """The sentence for a setting that this evcc does not have."""
    return f"this evcc has no such setting: {setting.leaf}" + (f"; {setting.instead}" if setting.instead else "")


def usual(kind: Number, state: State) -> Number:
    """A number with the unit of this state, and the range to offer and the step that are usual for that unit."""
    unit = filled(kind.unit, state)
    if unit == kind.unit:
        return kind
    if unit.startswith("g/"):
        return replace(kind, unit=unit, step=1, offer=_CO2)
    size = _SIZES.get(unit.partition("/")[0], _LARGEST)
    return replace(kind, unit=unit, step=kind.step * max(size / 10, 1), offer=(-size, 2 * size))


def unit_of(kind: Kind, state: State) -> str:
    """The unit of a kind's values in this state, `""` where they have none."""
    match kind:
        case Number():
            return filled(kind.unit, state)
        case Plan():
            return kind.amount.unit
        case Item():
            return unit_of(kind.of, state)
        case Duration():
            return "s"
        case _:
            return ""


def filled(unit: str, state: State) -> str:
    """A unit with `{currency}` and `{cost}` replaced by those of the state; EUR where it has no currency."""
    if "{" not in unit:
        return unit
    money = state.currency or "EUR"
    cost = "g" if state.site.text("smartCostType") == "co2" else money
    return unit.replace("{currency}", money).replace("{cost}", cost)
