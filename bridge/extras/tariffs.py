"""Tariffs: what energy costs and emits, below `tariffs/`."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.errors import EvccError, Refused
from bridge.extras.rates import Rate, bounds, current, listed, next_change, rates
from bridge.extras.rest import Rest
from bridge.state.payload import payload, text

SOURCE = "tariffs"
TYPES = ("grid", "feedin", "co2", "planner", "solar", "temperature")
# slots begin at quarters of an hour in every time zone
_QUARTER = 900.0
# timers may ring a moment early
_AFTER = 0.05


class Tariffs:
    """The tariffs that this evcc has. `now` in unix seconds.

    Every quarter of an hour a list is asked for, unless evcc's state shows the same rates already. Nothing need be
    asked for the figures of this moment to change with their slots.
    """

    def __init__(
        self,
        rest: Rest,
        state: Callable[[], Mapping[str, Any]],
        want: Callable[[str, Mapping[str, bytes]], None],
        now: Callable[[], float],
    ) -> None:
        self._rest = rest
        self._state = state
        self._want = want
        self._now = now
        self._texts: dict[str, bytes] = {}
        self._rates: dict[str, list[Rate]] = {}
        self._quarter = -1.0

    async def work(self, asked: bool) -> float:  # noqa: FBT001  a Routine's work
        """Bring everything up to date; the seconds until something changes by itself."""
        if self._rates:
            self._publish()
        if asked or self._quarter != self._now() // _QUARTER:
            await self._read(asked=asked)
            self._quarter = self._now() // _QUARTER
            self._publish()
        moment = self._now()
        due = min((next_change(known, moment) for known in self._rates.values()), default=moment + _QUARTER)
        return min(due - moment, _QUARTER - moment % _QUARTER) + _AFTER

    async def _read(self, *, asked: bool) -> None:
        failure: EvccError | None = None
        for kind in TYPES:
            if asked or not self._is_in_state(kind):
                try:
                    await self._read_one(kind)
                except EvccError as error:
                    failure = error
        if failure is not None:
            self._publish()
            raise failure

    async def _read_one(self, kind: str) -> None:
        try:
            reply = await self._rest.find(f"/api/tariff/{kind}")
        except Refused:
            reply = None
        if reply is None:
            self._texts.pop(kind, None)
            self._rates.pop(kind, None)
        else:
            found = listed(reply.json())
            self._texts[kind] = text(found)
            self._rates[kind] = rates(found)

    def _is_in_state(self, kind: str) -> bool:
        """Whether evcc's forecast holds the very rates that are known, and so nothing else need be asked."""
        forecast = self._state().get("forecast")
        shown = forecast.get(kind) if isinstance(forecast, Mapping) else None
        known = self._rates.get(kind)
        return bool(known) and rates(shown) == known

    def _publish(self) -> None:
        topics: dict[str, bytes] = {}
        for kind, known in self._rates.items():
            low, high = bounds(known)
            figures = {"now": current(known, self._now()), "min": low, "max": high}
            topics[f"tariffs/{kind}"] = self._texts[kind]
            topics |= {f"tariffs/{kind}/{name}": payload(value) for name, value in figures.items()}
        self._want(SOURCE, topics)
