"""evcc's state, one document, in the two generations that can be simulated; a listener gets a frame for every value."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.resources import files
from typing import Any, TypeAlias

import orjson

from evcc_simulator.clock import days_since, shifted, utc

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


Path: TypeAlias = tuple[str | int, ...]
Frame: TypeAlias = Mapping[str, Any]
Listener: TypeAlias = Callable[[Frame], None]

SHARDS = ("co2", "feedin", "grid", "planner", "solar", "temperature")
"""The forecasts that evcc sends over /ws."""

_LOADPOINT_DEPTH = 3


class House:
    """The state document of one simulated evcc.

    Every value is complete from the start; `hidden` names the ones that a starting evcc has not published yet.
    """

    def __init__(self, era: Era, state: dict[str, Any], listener: Listener = lambda _frame: None) -> None:
        self.era = era
        self.state = state
        self.listener = listener
        self.hidden: set[Path] = set()
        self.forecast_day: datetime | None = None
        self.forecast_due = True
        """Whether the next cycle sends the forecasts; else it sends an empty frame in their place."""
        self._encoded: bytes | None = None
        self._shards: dict[str, orjson.Fragment] = {}

    @property
    def loadpoints(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.state["loadpoints"]
        return found

    @property
    def vehicles(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.state.setdefault("vehicles", {})
        return found

    def get(self, path: str | Path) -> Any:
        """The value at a path such as `loadpoints.0.mode` (0-based); KeyError or IndexError when there is none."""
        node: Any = self.state
        for step in self.steps(path):
            node = node[step]
        return node

    def set(self, path: str | Path, value: Any) -> None:
        """Set and publish a value, whether or not it changes."""
        steps = self.steps(path)
        node: Any = self.state
        for step in steps[:-1]:
            node = node.setdefault(step, {}) if isinstance(node, dict) else node[step]
        if isinstance(node, list) and steps[-1] == len(node):
            node.append(plain(value))
        else:
            node[steps[-1]] = plain(value)
        if steps[0] == "forecast":
            self._shards.clear()
            self.forecast_due = steps == ("forecast",)
        self.publish(_published(steps))

    def change(self, path: Path, value: Any) -> bool:
        """Set and publish a value if it differs; whether it did."""
        try:
            same = self.get(path) == value
        except (KeyError, IndexError):
            same = False
        if not same:
            self.set(path, value)
        return not same

    def delete(self, path: str | Path) -> None:
        """Take a value away. There is no frame: only the next poll shows it."""
        *parents, last = self.steps(path)
        del self.get(tuple(parents))[last]
        self.touch()

    def publish(self, path: Path) -> None:
        """Send the value at a path that frames carry: a top-level key, a loadpoint's key or a forecast shard."""
        value = self.get(path)
        self.hidden.discard(path)
        self.touch()
        match path:
            case ("forecast",):
                self.listener(self.shards() if self.forecast_due else {})
                self.forecast_due = False
            case ("loadpoints",):
                for index in range(len(value or ())):
                    self._send_loadpoint(index)
            case ("loadpoints", index):
                self._send_loadpoint(int(index))
            case _:
                self.listener({".".join(map(str, path)): value})

    def _send_loadpoint(self, index: int) -> None:
        loadpoint: Any = self.loadpoints[index]
        for key, value in loadpoint.items() if isinstance(loadpoint, dict) else ():
            self.listener({f"loadpoints.{index}.{key}": value})

    def shards(self) -> dict[str, Any]:
        """Every forecast under its frame key; those that the house has not are null there."""
        forecast = self.state["forecast"]
        return {f"forecast.{shard}": forecast.get(shard) for shard in SHARDS}

    def touch(self) -> None:
        """Forget the encoded document: something in it changed."""
        self._encoded = None

    def steps(self, path: str | Path) -> Path:
        """A dotted path in steps, keys with dots in them (`my.car_2`) taken whole where they exist."""
        if isinstance(path, tuple):
            return path
        rest, steps, node = path.split("."), [], self.state
        while rest:
            step, used = _step(node, rest)
            steps.append(step)
            rest = rest[used:]
            node = _below(node, step)
        return tuple(steps)

    def document(self) -> dict[str, Any]:
        """What REST shows: all but what is hidden."""
        if not self.hidden:
            return self.state
        shown = {key: value for key, value in self.state.items() if (key,) not in self.hidden}
        if "loadpoints" in shown:
            shown["loadpoints"] = [
                {key: value for key, value in each.items() if ("loadpoints", index, key) not in self.hidden}
                for index, each in enumerate(self.loadpoints)
            ]
        return shown

    def encoded(self) -> bytes:
        """The document as evcc writes it, kept until something changes."""
        if self._encoded is None:
            document = self.document()
            forecast = document.get("forecast")
            if isinstance(forecast, dict):
                document = document | {"forecast": {shard: self._shard(shard, forecast[shard]) for shard in forecast}}
            self._encoded = go_json({"result": document} if self.era.wrapped else document)
        return self._encoded

    def forecast(self, forecast: dict[str, Any], day: datetime) -> None:
        """Replace the forecasts by those from `day` on; the next cycle sends them, all in one frame."""
        self.state["forecast"] = forecast
        self.forecast_day = day
        self._shards.clear()
        self.forecast_due = True
        self.touch()

    def _shard(self, name: str, value: Any) -> orjson.Fragment:
        if name not in self._shards:
            self._shards[name] = orjson.Fragment(orjson.dumps(value))
        return self._shards[name]

    def flat(self) -> Iterator[tuple[str, Any]]:
        """Every shown value under the key that a frame gives it, forecasts apart."""
        for key, value in self.document().items():
            if key == "loadpoints" and isinstance(value, list):
                for index, each in enumerate(value):
                    if isinstance(each, dict):
                        yield from ((f"loadpoints.{index}.{name}", item) for name, item in each.items())
            elif key != "forecast":
                yield key, value

    def copy(self) -> dict[str, Any]:
        """The document as it is now, safe to keep."""
        return deepcopy(self.document())


def plain(value: Any) -> Any:
    """A JSON value with whole floats as integers, as Go writes them."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def go_json(value: Any) -> bytes:
    """JSON as Go's encoder writes it: compact, HTML-safe, a newline at the end."""
    text = orjson.dumps(value)
    for sign, escape in ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026")):
        text = text.replace(sign, escape)
    return text + b"\n"


def _published(steps: Path) -> Path:
    """The part of a path that a frame carries."""
    depth = {"loadpoints": _LOADPOINT_DEPTH, "forecast": 2}.get(str(steps[0]), 1)
    return steps[:depth]


def _step(node: Any, rest: list[str]) -> tuple[str | int, int]:
    if isinstance(node, list):
        return int(rest[0]), 1
    for used in range(len(rest), 0, -1):
        key = ".".join(rest[:used])
        if isinstance(node, dict) and key in node:
            return key, used
    return rest[0], 1


def _below(node: Any, step: str | int) -> Any:
    try:
        return node[step]
    except (KeyError, IndexError, TypeError):
        return None
