"""Kinds of values that a setting takes: what is allowed, and what a control should offer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A number.

    `low` and `high` are checked (None: no limit); evcc itself accepts values beyond them.
    `offer` is the range a slider should have where there is no limit; it is never checked.
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
    """On or off, and how evcc wants each to be written."""

    on: str = "true"
    off: str = "false"


@dataclass(frozen=True, slots=True)
class Word:
    """A word; which ones there are is evcc's to say, and differs between its releases.

    `letters` are the characters evcc's route lets through (a regular expression's class).
    `listed` is the key of the state that holds the allowed words, if there is one. Else a
    control should offer `usual` and whatever the state holds; neither is ever checked.
    `newer` are the usual words of releases in which the device has the key before them.
    """

    letters: str = "a-z"
    listed: str = ""
    usual: tuple[str, ...] = ()
    newer: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Duration:
    """A whole number of seconds, from 0 to `high`; `offer` is for sliders, as with numbers."""

    high: float = 31_536_000
    offer: tuple[float, float] = (0, 600)


@dataclass(frozen=True, slots=True)
class Plan:
    """A goal and the time by which it is to be reached; `goal` is the goal's JSON key."""

    goal: str
    amount: Number


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON object or list, handed to evcc as it is; `example` shows its shape."""

    shape: type[dict[str, object]] | type[list[object]]
    example: str


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle that evcc knows, by its name or its title."""


@dataclass(frozen=True, slots=True)
class Button:
    """Any payload at all: that it came is the command."""


Kind = Number | Choice | Switch | Word | Duration | Plan | Json | Vehicle | Button

PERCENT = Number("%", 0, 100, whole=True)
WATTS = Number("W", offer=(-5000, 5000))
AMPERES = Number("A", 0, step=0.1, offer=(0, 32))
ENERGY = Number("kWh", 0, step=0.1, offer=(0, 100))
COST = Number("{cost}/kWh", step=0.001, offer=(-0.5, 1))
PRICE = Number("{currency}/kWh", step=0.001, offer=(-0.5, 1))
SOC_PLAN = Plan("soc", PERCENT)
ENERGY_PLAN = Plan("energy", ENERGY)
STRATEGY = Json(dict, '{"continuous":false,"precondition":900}')
REPEATING = Json(list, '[{"weekdays":[1,5],"time":"07:00","tz":"Europe/Berlin","soc":80,"active":true}]')
