"""Units that depend on the house: currency, and cost by price or by CO2."""

from collections.abc import Mapping
from typing import Any

from bridge.settable.kinds import Duration, Kind, Number, Plan


def unit_of(kind: Kind, state: Mapping[str, Any]) -> str:
    """The unit of a kind's values in this state, `""` where they have none."""
    match kind:
        case Number():
            return filled(kind.unit, state)
        case Plan():
            return kind.amount.unit
        case Duration():
            return "s"
        case _:
            return ""


def filled(unit: str, state: Mapping[str, Any]) -> str:
    """A unit with `{currency}` and `{cost}` replaced by what the state says; EUR where it says nothing."""
    currency = state.get("currency")
    money = currency if isinstance(currency, str) and currency else "EUR"
    cost = "g" if state.get("smartCostType") == "co2" else money
    return unit.replace("{currency}", money).replace("{cost}", cost)
