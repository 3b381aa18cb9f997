"""Rates: the price or emission of energy in a time slot, in every form that evcc has had for them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple

from bridge.state.values import is_number

# the figure was called `price` before 0.207, `value` since; solar forecasts have had `val`
_FIGURES = ("value", "price", "val")
_STARTS = ("start", "ts")


class Rate(NamedTuple):
    """A figure that holds from `start` until `end` (unix seconds; the last one may be endless)."""

    start: float
    end: float
    value: float | None


def listed(answer: Any) -> list[Any]:
    """The list of rates in an answer of `GET /api/tariff/<type>`, as evcc gave it."""
    found = answer.get("rates") if isinstance(answer, Mapping) else answer
    return found if isinstance(found, list) else []


def rates(listed: Any) -> list[Rate]:
    """A list of rates, sorted by their start; what is none is left out.

    Items are objects, or (from 0.314) lists `[start, end, value]` with times in unix seconds. One without an end
    holds until the next one starts.
    """
    items = listed if isinstance(listed, list) else []
    found = sorted(filter(None, map(_rate, items)), key=lambda rate: rate.start)
    following = chain((rate.start for rate in found[1:]), [math.inf])
    return [
        rate if rate.end > rate.start else rate._replace(end=start)
        for rate, start in zip(found, following, strict=False)
    ]


def current(rates: Iterable[Rate], moment: float) -> float | None:
    """The figure that holds at `moment`; None in a gap, or when it is not known."""
    covering = [rate for rate in rates if rate.start <= moment < rate.end]
    return covering[-1].value if covering else None


def bounds(rates: Iterable[Rate]) -> tuple[float, float] | tuple[None, None]:
    """The lowest and the highest figure of all."""
    values = [rate.value for rate in rates if rate.value is not None]
    return (min(values), max(values)) if values else (None, None)


def next_change(rates: Iterable[Rate], moment: float) -> float:
    """When the next rate begins or ends after `moment`; infinite when none does."""
    edges = (edge for rate in rates for edge in (rate.start, rate.end) if edge > moment)
    return min(edges, default=math.inf)


def _rate(item: Any) -> Rate | None:
    if isinstance(item, Mapping):
        fields = [_first(item, _STARTS), item.get("end"), _first(item, _FIGURES)]
    elif isinstance(item, Sequence) and not isinstance(item, str) and len(item) in {2, 3}:
        fields = [item[0], item[1] if len(item) == 3 else None, item[-1]]
    else:
        return None
    start, end = _seconds(fields[0]), _seconds(fields[1])
    value = fields[2] if is_number(fields[2]) and math.isfinite(fields[2]) else None
    # an end that is none, or not after the start, stands for an open one
    return None if start is None else Rate(start, -math.inf if end is None else end, value)


def _first(item: Mapping[str, Any], keys: Iterable[str]) -> Any:
    return next((item[key] for key in keys if key in item), None)


def _seconds(value: Any) -> float | None:
    if is_number(value):
        return float(value) if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.timestamp() if moment.tzinfo else moment.replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
