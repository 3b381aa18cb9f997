"""Plan details: how evcc means to reach a loadpoint's goal, on `loadpoints/<n>/planDetails`."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.errors import Refused
from bridge.extras.rest import Rest
from bridge.topics.payload import text, unix_seconds

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
        self._topics: dict[str, bytes] = {}

    def differ(self, state: Mapping[str, Any]) -> bool:
        """Whether a plan has another goal than when plans were last asked for."""
        return _keys(state, _GOAL) != self._goals

    def forget(self) -> None:
        """Ask for every plan again."""
        self._asked.clear()

    async def work(self, asked: bool) -> float:  # noqa: ARG002, FBT001  a Routine's work
        """Ask for the plans that changed; the seconds until it is worth looking again."""
        state = self._state()
        self._goals, keys = _keys(state, _GOAL), _keys(state, _GOAL + _COURSE)
        self._asked = {number: key for number, key in self._asked.items() if number in keys}
        topics = {_topic(number): self._topics.get(_topic(number), b"") for number in keys}
        for number, key in keys.items():
            if self._asked.get(number) != key:
                topics[_topic(number)] = await self._details(number)
                self._asked[number] = key
        self._topics = topics
        self._want(SOURCE, topics)
        return _PAUSE

    async def _details(self, number: int) -> bytes:
        try:
            reply = await self._rest.find(f"/api/loadpoints/{number}/plan")
        except Refused:  # so evcc says when a car is fuller than its plan wants
            return b""
        return b"" if reply is None else text(reply.json())


def _topic(number: int) -> str:
    return f"loadpoints/{number}/planDetails"


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
