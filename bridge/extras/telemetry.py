"""Whether evcc shares telemetry: read where its state does not have it, published on `site/telemetry`."""

import math
from typing import Any

from bridge.errors import Refused
from bridge.evcc.reader import Update
from bridge.extras.periodic import Periodic
from bridge.state.flatten import Topics, payload
from bridge.state.state import Change, Scope, Target

_KEY = "telemetry"
_ROUTE = "/api/settings/telemetry"


class Telemetry(Periodic):
    """Reads `GET /api/settings/telemetry` when evcc started, and when the setting was set."""

    name = "telemetry"
    topics = (f"site/{_KEY}",)

    async def read(self) -> None:
        """Read the setting, if evcc's state does not have it."""
        value = None if _KEY in self._reader.state.site else await self._value()
        found = {f"site/{_KEY}": payload(value)} if isinstance(value, bool) else {}
        # as an alias: it gives way to a topic of evcc's own state, which may appear when evcc is updated
        self._mirror.tree.update({self.name: Topics({}, self.selected(found), frozenset())})

    def due_in(self) -> float:
        """It only changes when it is set."""
        return math.inf

    def update(self, update: Update) -> None:
        """Read again when evcc restarted, or when its state gets the key or loses it."""
        super().update(update)
        if any(map(_is_telemetry, update.changes)):
            self.ask()

    def commanded(self, target: Target, key: str) -> None:
        """Read again when the setting was set."""
        if target.scope is Scope.SITE and key == _KEY:
            self.ask()

    async def _value(self) -> Any:
        try:
            reply = await self._rest.find(_ROUTE)
        except Refused:
            return None
        return None if reply is None else reply.json()


def _is_telemetry(change: Change) -> bool:
    return change.key == _KEY and change.target.scope is Scope.SITE
