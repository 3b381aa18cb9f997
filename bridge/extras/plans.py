"""Plan details: how evcc means to reach a loadpoint's goal, on `loadpoints/<n>/planDetails`."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.errors import EvccError, Refused
from bridge.extras.rest import Rest
from bridge.state.payload import text, unix_seconds

SOURCE = "plans"
# what a plan is: when one of these changes, evcc has another plan
_GOAL = (
    "effectivePlanId",
    "effectivePlanTime",
    "effectivePlanSoc",
    "effectivePlanStrategy",
    "planTime",
    "planEnergy",
    "planStrategy",
    "planActive",
    "vehicleName",
)
# how it is reached: with the car charging this moves on at every cycle
_COURSE = ("plan", "planProjectedStart", "planProjectedEnd", "planOverrun")
_PAUSE = 900.0

Key = tuple[Any, ...]


class Plans:
    """Asks for the plan of a loadpoint when its goal changes, and every quarter of an hour while its course does."""

    def __init__(
        self,
        rest: Rest,
        state: Callable[[], Mapping[str, Any]],
        want: Callable[[str, Mapping[str, bytes]], None],
    ) -> None:
        self._rest = rest
        self._state = state
        self._want = want
        self._goals: dict[int, Key] = {}
        self._asked: dict[int, Key] = {}
        self._details: dict[int, bytes] = {}

    def differ(self, state: Mapping[str, Any]) -> bool:
        """Whether a plan has another goal than when plans were last asked for."""
        return _keys(state, _GOAL) != self._goals

    def forget(self) -> None:
        """Ask for every plan again."""
        self._asked.clear()

    async def work(self, asked: bool) -> float:  # noqa: ARG002, FBT001  a Routine's work
        """Ask for the plans that changed; the seconds until it is worth looking again."""
        state = self._state()
        goals, keys = _keys(state, _GOAL), _keys(state, _GOAL + _COURSE)
        same = {number for number, goal in goals.items() if goal == self._goals.get(number)}
        self._goals = goals
        self._asked = {number: key for number, key in self._asked.items() if number in keys}
        self._details = {number: self._details[number] if number in same else b"" for number in keys}
        failure = await self._read(keys)
        self._want(SOURCE, {f"loadpoints/{number}/planDetails": details for number, details in self._details.items()})
        if failure is not None:
            raise failure
        return _PAUSE

    async def _read(self, keys: Mapping[int, Key]) -> EvccError | None:
        """Ask for what is not known yet; why evcc did not give the last of those that it did not give."""
        failure: EvccError | None = None
        for number, key in keys.items():
            if self._asked.get(number) != key:
                try:
                    self._details[number] = await self._read_one(number)
                    self._asked[number] = key
                except EvccError as error:
                    failure = error
        return failure

    async def _read_one(self, number: int) -> bytes:
        try:
            reply = await self._rest.find(f"/api/loadpoints/{number}/plan")
        except Refused:  # so evcc says when a car is fuller than its plan wants
            return b""
        return b"" if reply is None else text(reply.json())


def _keys(state: Mapping[str, Any], fields: tuple[str, ...]) -> dict[int, Key]:
    """The given fields of each loadpoint that has a plan, by its number."""
    loadpoints = state.get("loadpoints")
    return {
        number: tuple(repr(loadpoint.get(field)) for field in fields)
        for number, loadpoint in enumerate(loadpoints if isinstance(loadpoints, list) else (), start=1)
        if isinstance(loadpoint, Mapping) and _has_plan(loadpoint)
    }


def _has_plan(loadpoint: Mapping[str, Any]) -> bool:
    return any(_is_time(loadpoint.get(key)) for key in ("effectivePlanTime", "planTime"))


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and unix_seconds(value) is not None
    except (ValueError, OverflowError):
        return False
