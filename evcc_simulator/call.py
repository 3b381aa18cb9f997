"""One request on its way to its handler, and the values in its path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from evcc_simulator.house import House
from evcc_simulator.messages import Missing, Refusal
from evcc_simulator.simulation import Simulation

_TRUE = frozenset({"1", "t", "true"})
_FALSE = frozenset({"0", "f", "false"})
_MODES = ("off", "now", "minpv", "pv")


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose route has been found: `params` come out of the path, decoded."""

    evcc: Simulation
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def house(self) -> House:
        return self.evcc.house

    @property
    def index(self) -> int:
        """The 0-based loadpoint that the path names; Missing when there is none."""
        index = int(self.params["id"]) - 1
        if not 0 <= index < len(self.house.loadpoints):
            raise Missing
        return index

    @property
    def loadpoint(self) -> dict[str, Any]:
        return self.house.loadpoints[self.index]

    @property
    def scope(self) -> tuple[str | int, ...]:
        """Where the values lie that the path is about."""
        return ("loadpoints", self.index) if "id" in self.params else ()

    def current(self, key: str) -> Any:
        """The present value of a key in scope."""
        return self.house.get((*self.scope, key))

    def change(self, key: str, value: Any) -> None:
        """Set a value in scope; a changed loadpoint is controlled anew at once."""
        if self.house.change((*self.scope, key), value) and self.scope:
            self.evcc.update(self.index)

    def vehicle(self, name: str) -> dict[str, Any]:
        try:
            return self.house.vehicles[name]
        except KeyError:
            raise Refusal(f"not found: {name}") from None

    def change_vehicle(self, name: str, key: str, value: Any) -> None:
        """Set a vehicle's value; zero and null are left out, as evcc does."""
        vehicle = self.vehicle(name)
        before = dict(vehicle)
        vehicle.pop(key, None)
        if value not in (None, 0, ""):
            vehicle[key] = value
        if vehicle != before:
            self.house.publish(("vehicles",))
            for index, loadpoint in enumerate(self.house.loadpoints):
                if loadpoint["vehicleName"] == name:
                    self.evcc.update(index)

    def json(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Refusal(str(error)) from None


Handler = Callable[[Call], Any]
"""Does what a route is there for: gives the value to answer, an Answer, or raises Refusal."""


def decimal(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refusal(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None


def whole(text: str) -> int:
    number = int(text)
    if number >= 1 << 63:
        raise Refusal(f'strconv.Atoi: parsing "{text}": value out of range')
    return number


def boolean(text: str) -> bool:
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise Refusal(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def mode(text: str) -> str:
    if text not in _MODES:
        raise Refusal(f"invalid value: {text}")
    return text
