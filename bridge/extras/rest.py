"""Requests to evcc beside its state and settings; what this evcc does not have is asked for once a day."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from bridge.errors import Invalid, NotReady, Refused, Unreachable
from bridge.evcc.client import EvccClient, Reply, Verdict
from bridge.evcc.reader import Update
from bridge.extras.expressions import guarded
from bridge.util.json import parse_evcc_json

STATE, SESSIONS = "/api/state", "/api/sessions"

_DAY = 86_400.0
# evcc answers 404 also for a tariff that it has and cannot read just now
_NEVER = ("not available", "does not belong")
# an evcc in which one of these has no route has no routes at all yet
_EVERYWHERE = (STATE, SESSIONS)


class Rest:
    """Reads evcc's routes. `complete` is set while evcc answers and is not starting."""

    def __init__(self, client: EvccClient) -> None:
        self._client = client
        self._absent: dict[str, float] = {}
        self.complete = asyncio.Event()

    def update(self, update: Update) -> None:
        """Note whether evcc is complete; what it did not have before a restart may be there now."""
        if update.restarted or (update.complete and not self.complete.is_set()):
            self._absent.clear()
        if update.complete:
            self.complete.set()
        else:
            self.complete.clear()

    async def call(self, path: str, timeout: float | None = None) -> Reply:
        """evcc's answer, whatever it is; Unreachable when there is none."""
        return await self._client.call("GET", path, timeout=timeout)

    async def get(self, path: str, params: Mapping[str, str] | None = None, timeout: float | None = None) -> Reply:
        """evcc's answer, a 2xx; Refused with evcc's reason, NotReady, Unreachable or Invalid when there is none."""
        return _answer(await self._ask(path, params, timeout), path)

    async def find(self, path: str, params: Mapping[str, str] | None = None) -> Reply | None:
        """As `get`; None when this evcc has no such thing, which is remembered for a day, whatever the parameters."""
        now = asyncio.get_running_loop().time()
        if now < self._absent.get(path, -math.inf):
            return None
        reply = await self._ask(path, params)
        if _has_none(reply):
            self._absent[path] = now + _DAY
            return None
        return _answer(reply, path)

    async def get_first(self, *paths: str) -> Reply:
        """As `get`, of the first path for which this evcc has a route."""
        for path in paths:
            reply = await self._ask(path)
            if reply.verdict is not Verdict.NO_ROUTE:
                break
        return _answer(reply, path)

    async def send(self, method: str, path: str, json: Any = None) -> None:
        """Have evcc change something, once; errors as of `get`."""
        _answer(await self._ask(path, method=method, json=json), path)

    async def jq(self, expression: str) -> Any:
        """The result that evcc computes from its state without the secrets in it, never wrapped; errors as of `get`."""
        return await self.value(guarded(expression))

    async def value(self, expression: str) -> Any:
        """As `jq`, of an expression that is known to reach no secret."""
        reply = await self.get(STATE, {"jq": expression})
        try:
            return parse_evcc_json(reply.body)
        except ValueError as error:
            raise Invalid(f"evcc's answer is no JSON: {error}") from None

    async def _ask(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
        *,
        method: str = "GET",
        json: Any = None,
    ) -> Reply:
        reply = await self._client.call(method, path, params=params, json=json, timeout=timeout)
        if reply.verdict is Verdict.UNAVAILABLE:
            raise Unreachable(f"evcc, or a proxy before it, answers {reply.status} to {path}")
        if reply.verdict is Verdict.NOT_EVCC and not _is_csv(reply):
            raise Invalid(f"no answer of evcc to {path}: HTTP {reply.status} with {reply.content_type}")
        if reply.verdict is Verdict.NO_ROUTE and (path in _EVERYWHERE or not await self._client.has_routes()):
            raise NotReady("evcc is starting (404)")
        return reply


def _answer(reply: Reply, path: str) -> Reply:
    if reply.verdict is Verdict.NO_ROUTE:
        raise Refused(f"this evcc has no {path}")
    if reply.verdict is Verdict.REFUSED:
        raise Refused(reply.reason)
    return reply


def _is_csv(reply: Reply) -> bool:
    """Whether it is a table, which evcc answers where one is asked for."""
    return 200 <= reply.status < 300 and reply.content_type.startswith("text/csv")


def _has_none(reply: Reply) -> bool:
    if reply.verdict is Verdict.NO_ROUTE:
        return True
    return reply.status == 404 and any(words in reply.reason for words in _NEVER)
