"""Plan details: how evcc means to reach a loadpoint's goal, on `loadpoints/<n>/planDetails`."""

import asyncio
import math

from bridge.errors import EvccError, Refused
from bridge.evcc.reader import Update
from bridge.extras.periodic import Access, Periodic
from bridge.settings import Settings
from bridge.state.state import Loadpoint, Scope
from bridge.state.values import text, unix_seconds

# what a plan is: when one of these changes, evcc has another plan
_GOAL = frozenset(
    {
        "effectivePlanId",
        "effectivePlanTime",
        "effectivePlanSoc",
        "effectivePlanStrategy",
        "planTime",
        "planEnergy",
        "planStrategy",
        "planActive",
        "vehicleName",
    }
)
# how it is reached: with the car charging this changes at every control cycle
_COURSE = frozenset({"plan", "planProjectedStart", "planProjectedEnd", "planOverrun"})
_PAUSE = 900.0


class Plans(Periodic):
    """Reads a loadpoint's plan when its goal changes, and every quarter of an hour while its course does."""

    name = "plans"
    operations = ("GET /loadpoints/{id}/plan",)
    topics = ("loadpoints/+/planDetails",)

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._details: dict[int, bytes] = {}
        self._other_goal: set[int] = set()
        self._other_course: set[int] = set()
        self._last = 0.0

    @classmethod
    def enabled(cls, settings: Settings) -> bool:
        """Whether plan details are switched on."""
        return settings.extras.plans

    async def read(self) -> None:
        """Read the plans that changed; details of another goal are erased where evcc does not answer for the new."""
        planned = {loadpoint.position for loadpoint in self._reader.state.loadpoints if _has_plan(loadpoint)}
        outdated = planned & (self._other_goal | planned - self._details.keys())
        due = outdated | planned & self._other_course
        self._other_goal, self._other_course = set(), set()
        self._details = {number: self._details.get(number, b"") for number in planned}
        failure: EvccError | None = None
        for number in sorted(due):
            try:
                self._details[number] = await self._read_one(number)
            except EvccError as error:
                failure = error
                self._failed(number, outdated=number in outdated)
        self.publish({f"loadpoints/{number}/planDetails": details for number, details in self._details.items()})
        if failure is not None:
            raise failure
        self._last = asyncio.get_running_loop().time()

    def due_in(self) -> float:
        """Seconds until the plans whose course has changed are read again; infinite while none has."""
        if not self._other_course:
            return math.inf
        return self._last + _PAUSE - asyncio.get_running_loop().time()

    def update(self, update: Update) -> None:
        """Note which loadpoints have another plan; only what changed is looked at."""
        super().update(update)
        for change in update.changes:
            if change.target.scope is Scope.LOADPOINT and change.key in _GOAL:
                self._other_goal.add(int(change.target.name))
                self.ask()
            elif change.target.scope is Scope.LOADPOINT and change.key in _COURSE:
                self._other_course.add(int(change.target.name))

    def refresh(self) -> None:
        """Read every plan again."""
        self._other_course.update(range(1, len(self._reader.state.loadpoints) + 1))
        super().refresh()

    def _failed(self, number: int, *, outdated: bool) -> None:
        """Read it again with the next attempt; until then there are no details, or those of the same goal."""
        if outdated:
            self._details[number] = b""
            self._other_goal.add(number)
        else:
            self._other_course.add(number)

    async def _read_one(self, number: int) -> bytes:
        try:
            reply = await self._rest.find(f"/api/loadpoints/{number}/plan")
        except Refused:  # evcc's answer when a car's soc is above the plan's
            return b""
        return b"" if reply is None else text(reply.json())


def _has_plan(loadpoint: Loadpoint) -> bool:
    return any(_is_time(loadpoint.text(key)) for key in ("effectivePlanTime", "planTime"))


def _is_time(text: str) -> bool:
    try:
        return unix_seconds(text) is not None
    except (ValueError, OverflowError):
        return False
