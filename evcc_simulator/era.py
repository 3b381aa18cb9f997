"""The two generations of evcc that can be simulated, and the recorded house each starts from."""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from evcc_simulator.times import days_since, shifted, utc

JSON = "application/json"
JSON_UTF8 = "application/json; charset=UTF-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Era:
    """What differs between evcc's generations, apart from the routes each has."""

    version: str
    wrapped: bool
    """Whether answers stand in `result`."""
    content_type: str
    """Of an answer that is no error."""
    rate: str
    """The key of a tariff slot's value."""
    efficiency: float
    """Share of the charged energy that reaches the battery, as evcc reckons."""

    @cached_property
    def seed(self) -> dict[str, Any]:
        """What was recorded.

        `state` without its forecasts, and the `day` it is of; `tariffs`, whose values repeat; the order of a control
        `cycle`'s frames; what a `startup` shows late; the `fatal` state.
        """
        text = files("evcc_simulator").joinpath("data", f"{self.version}.json").read_text("utf-8")
        seed: dict[str, Any] = json.loads(text)
        return seed

    def state(self, now: float) -> dict[str, Any]:
        """A fresh copy of the recorded state, its instants moved to the day of `now`."""
        state: dict[str, Any] = shifted(self.seed["state"], days_since(self.seed["day"], utc(now)))
        return state

    @property
    def old(self) -> bool:
        return self.wrapped


ERAS = {
    era.version: era
    for era in (
        Era("0.131.4", wrapped=True, content_type=JSON_UTF8, rate="price", efficiency=0.9),
        Era("0.313.2", wrapped=False, content_type=JSON, rate="value", efficiency=0.85),
    )
}


def recorded_sessions() -> list[dict[str, Any]]:
    """The charging sessions of the recorded house, newest first, with the keys of the newer era."""
    sessions: list[dict[str, Any]] = json.loads(
        files("evcc_simulator").joinpath("data", "sessions.json").read_text("utf-8")
    )
    return sessions
