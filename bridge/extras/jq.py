"""The user's own values: jq expressions that evcc computes, below `jq/`."""

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress

from bridge.errors import Invalid, Refused, Unreachable
from bridge.extras.expressions import Results, combined, results
from bridge.extras.periodic import Access, Periodic
from bridge.settings import Settings
from bridge.state.flatten import flatten
from bridge.state.names import escape
from bridge.util.redact import sanitize

_LONGEST = 100  # characters of an expression in a message


class Jq(Periodic):
    """Reads all expressions of `topics.jq` with one request in every `evcc.interval`.

    An expression that evcc does not compile would take the others with it: each is tried alone at the start, and
    again when all together are refused.
    """

    name = "jq"
    operations = ("GET /state",)
    topics = ("jq/#",)

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._expressions = access.settings.topics.jq
        self._interval = access.settings.evcc.interval
        self._diagnostics = access.diagnostics
        self._broken: dict[str, str] | None = None
        self._last = -math.inf

    @classmethod
    def enabled(cls, settings: Settings) -> bool:
        """Whether there are expressions."""
        return bool(settings.topics.jq)

    async def read(self) -> None:
        """Read the results, and name the expressions that have none."""
        if self._broken is None:
            self._broken = await self._find_broken()
        found = await self._results()
        topics: dict[str, bytes] = {}
        for name, value in found.values.items():
            topics |= flatten(f"jq/{escape(name)}", value)
        self.publish(topics)
        errors = {**(self._broken or {}), **found.errors}
        self._diagnostics.set(self.name, self._text(errors))
        self._last = asyncio.get_running_loop().time()

    def _text(self, errors: Mapping[str, str]) -> str | None:
        """The problem: each mistake with the expression that it is in."""
        shown = {name: f" (in {sanitize(expression, _LONGEST)})" for name, expression in self._expressions.items()}
        return "; ".join(f"jq {name}: {reason}{shown.get(name, '')}" for name, reason in errors.items()) or None

    def due_in(self) -> float:
        """Seconds until an interval has passed since the last answer."""
        return self._last + self._interval - asyncio.get_running_loop().time()

    def refresh(self) -> None:
        """Try each expression again: evcc may be another release now."""
        self._broken = None
        super().refresh()

    async def _results(self) -> Results:
        with suppress(Refused):
            return await self._request()
        # something that jq's `try` does not catch: find the expression
        self._broken = await self._find_broken()
        try:
            return await self._request()
        except Refused as error:
            return Results({}, {"all": str(error)})

    async def _request(self) -> Results:
        broken = self._broken or {}
        sound = {name: expression for name, expression in self._expressions.items() if name not in broken}
        if not sound:
            return Results({}, {})
        return results(sound, await self._rest.jq(combined(sound)))

    async def _find_broken(self) -> dict[str, str]:
        """Try each expression alone; those that evcc does not compile or finish, with the reasons."""
        broken: dict[str, str] = {}
        for name, expression in self._expressions.items():
            try:
                await self._rest.jq(combined({name: expression}))
            except Refused as error:
                await self._check()
                broken[name] = str(error)
            except Unreachable:
                await self._check()
                broken[name] = "evcc does not finish computing it"
        return broken

    async def _check(self) -> None:
        """Raise when evcc does not answer an expression either that cannot be the cause."""
        try:
            await self._rest.jq("null")
        except Refused as error:
            raise Invalid(f"evcc refuses any jq: {error}") from None
