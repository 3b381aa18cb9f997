"""Today's energy by group of meters, on `history/today/<group>`."""

import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from datetime import time as clock
from typing import Any

from bridge.errors import Refused
from bridge.extras.periodic import Access, Periodic
from bridge.settings import Settings
from bridge.state.flatten import payload
from bridge.state.names import escape
from bridge.state.values import is_number
from bridge.util.redact import sanitize

ROUTE = "/api/history/energy"

# evcc stores what was metered at the end of each quarter of an hour, in its next control cycle
_QUARTER, _STORED_AFTER = 900.0, 60.0
_MOST_GROUPS = 50
_LONGEST_GROUP = 60
# the sums of a group, by their keys in evcc's answer, and their topics below it
_SUMS = {"energy": "", "returnEnergy": "/returnEnergy"}

Totals = dict[str, dict[str, float]]


class History(Periodic):
    """Reads `GET /api/history/energy` once every quarter of an hour: the sums of today; not in every evcc.

    A group that evcc has nothing of yet, just after midnight, is 0.
    """

    name = "history"
    topics = ("history/#",)

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._zone: tzinfo = access.settings.commands.zone()
        self._totals: Totals = {}
        self._date: date | None = None
        self._quarter = -1.0

    @classmethod
    def enabled(cls, settings: Settings) -> bool:
        """Whether today's energy is switched on."""
        return settings.extras.history

    async def read(self) -> None:
        """Read the sums, and publish them in kWh."""
        now = time.time()
        midnight = datetime.combine(datetime.fromtimestamp(now, self._zone).date(), clock.min, self._zone)
        params = {"from": midnight.isoformat(), "aggregate": "day", "grouped": "true"}
        try:
            reply = await self._rest.find(ROUTE, params)
        except Refused:  # an evcc without a database
            reply = None
        found = {} if reply is None else totals(reply.json())
        known = {group: dict.fromkeys(sums, 0.0) for group, sums in self._totals.items()}
        self._totals = {} if reply is None else known | found
        self._quarter = (now - _STORED_AFTER) // _QUARTER
        self.publish(dict(_topics(self._totals)))

    def due_in(self) -> float:
        """Seconds until evcc has stored the next quarter of an hour."""
        since = time.time() - _STORED_AFTER
        return 0.0 if since // _QUARTER != self._quarter else _QUARTER - since % _QUARTER


def totals(answer: Any) -> Totals:
    """The sums by group in an answer of evcc, in kWh; what is no series of a group is left out."""
    found: Totals = {}
    for series in answer if isinstance(answer, list) else []:
        match series:
            case {"group": str(group), "data": list(slots)} if group and len(found) < _MOST_GROUPS:
                sums = found.setdefault(sanitize(group, _LONGEST_GROUP), dict.fromkeys(_SUMS, 0.0))
                for key in _SUMS:
                    sums[key] += sum(_numbers(slots, key))
    return found


def _numbers(slots: list[Any], key: str) -> Iterator[float]:
    values = (slot.get(key) for slot in slots if isinstance(slot, Mapping))
    yield from (value for value in values if is_number(value))


def _topics(totals: Totals) -> Iterator[tuple[str, bytes]]:
    for group, sums in totals.items():
        for key, below in _SUMS.items():
            yield f"history/today/{escape(group)}{below}", payload(sums[key])
