"""Questions to evcc beside its state; what this evcc does not have is asked for once a day."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from bridge.errors import Invalid, NotReady, Refused, Unreachable
from bridge.evcc.client import Caller, Reply, has_routes
from bridge.extras.expressions import guarded
from bridge.util.json import parse_evcc_json

STATE, SESSIONS = "/api/state", "/api/sessions"

_DAY = 86_400.0
# evcc says 404 too when it has a tariff that it cannot read just now
_NEVER = ("not available", "does not belong")
# an evcc in which one of these has no route has none at all yet
_EVERYWHERE = (STATE, SESSIONS)


class Rest:
    """GET requests. `monotonic` in seconds."""

    def __init__(self, evcc: Caller, monotonic: Callable[[], float]) -> None:
        self._evcc = evcc
        self._monotonic = monotonic
        self._absent: dict[str, float] = {}

    async def get(self, path: str, params: Mapping[str, str] | None = None, timeout: float | None = None) -> Reply:
        """evcc's answer, a 2xx; Refused with evcc's reason, NotReady, Unreachable or Invalid when it is none."""
        return _done(await self._asked(path, params, timeout), path)

    async def find(self, path: str) -> Reply | None:
        """As `get`; None when this evcc has no such thing, which is learned."""
        if self._monotonic() < self._absent.get(path, -math.inf):
            return None
        reply = await self._asked(path)
        if _has_none(reply):
            self._absent[path] = self._monotonic() + _DAY
            return None
        return _done(reply, path)

    async def jq(self, expression: str) -> Any:
        """What evcc computes from its state without the secrets in it, never wrapped; errors as of `get`."""
        reply = await self.get(STATE, {"jq": guarded(expression)})
        try:
            return parse_evcc_json(reply.body)
        except ValueError as error:
            raise Invalid(f"evcc's answer is no JSON: {error}") from None

    def forget(self) -> None:
        """Ask for everything again: evcc restarted, and may be another release now."""
        self._absent.clear()

    async def _asked(self, path: str, params: Mapping[str, str] | None = None, timeout: float | None = None) -> Reply:
        reply = await self._evcc.call("GET", path, params=params, timeout=timeout)
        if reply.status >= 500:
            raise Unreachable(f"evcc, or a proxy before it, answers {reply.status} to {path}")
        if 300 <= reply.status < 400 or "html" in reply.content_type.lower():
            raise Invalid(f"no answer of evcc to {path}: HTTP {reply.status} with {reply.content_type}")
        if reply.lacks_route and (path in _EVERYWHERE or not await has_routes(self._evcc)):
            raise NotReady("evcc is starting (404)")
        return reply


def _done(reply: Reply, path: str) -> Reply:
    if reply.lacks_route:
        raise Refused(f"this evcc has no {path}")
    if reply.status >= 400:
        raise Refused(reply.error())
    return reply


def _has_none(reply: Reply) -> bool:
    return reply.lacks_route or (reply.status == 404 and any(words in reply.error() for words in _NEVER))
