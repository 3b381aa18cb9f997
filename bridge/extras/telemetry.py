"""Whether evcc shares telemetry: asked for where its state does not say, on `site/telemetry`."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from bridge.errors import Refused
from bridge.extras.rest import Rest
from bridge.state.payload import payload

SOURCE = "telemetry"
_KEY = "telemetry"


class Telemetry:
    """Asks when there is a reason: evcc started, or something was set."""

    def __init__(
        self,
        rest: Rest,
        state: Callable[[], Mapping[str, Any]],
        want: Callable[[str, Mapping[str, bytes]], None],
    ) -> None:
        self._rest = rest
        self._state = state
        self._want = want

    async def work(self, asked: bool) -> float:  # noqa: ARG002, FBT001  a Routine's work
        """Ask once, if evcc has to be asked at all."""
        value = None if _KEY in self._state() else await self._read()
        self._want(SOURCE, {f"site/{_KEY}": payload(value)} if isinstance(value, bool) else {})
        return math.inf

    async def _read(self) -> Any:
        try:
            reply = await self._rest.find("/api/settings/telemetry")
        except Refused:
            return None
        return None if reply is None else reply.json()
