"""Values of the user's own: jq expressions that evcc computes, below `jq/`."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from bridge.errors import Invalid, Refused, Unreachable
from bridge.extras.expressions import Results, combined, results
from bridge.extras.rest import Rest
from bridge.state.flatten import flatten
from bridge.state.names import escape

SOURCE = "jq"


class Jq:
    """All expressions in one question. `interval` gives the seconds between two; `problem` takes a key and a text."""

    def __init__(
        self,
        expressions: Mapping[str, str],
        rest: Rest,
        want: Callable[[str, Mapping[str, bytes]], None],
        problem: Callable[[str, str | None], None],
        interval: Callable[[], float],
    ) -> None:
        self._expressions = expressions
        self._rest = rest
        self._want = want
        self._problem = problem
        self._interval = interval
        self._broken: Mapping[str, str] | None = None

    def evcc_restarted(self) -> None:
        """Try each expression again: evcc may be another release now."""
        self._broken = None

    async def work(self, asked: bool) -> float:  # noqa: ARG002, FBT001  a Routine's work
        """Ask once; the seconds until the next time."""
        if self._broken is None:
            self._broken = await self._tried()
        found = await self._answers()
        topics: dict[str, bytes] = {}
        for name, value in found.values.items():
            topics |= flatten(f"jq/{escape(name)}", value)
        self._want(SOURCE, topics)
        errors = {**(self._broken or {}), **found.errors}
        self._problem(SOURCE, "; ".join(f"jq {name}: {reason}" for name, reason in errors.items()) or None)
        return self._interval()

    async def _answers(self) -> Results:
        with suppress(Refused):
            return await self._answer()
        # something that jq's `try` does not catch: whose fault is it?
        self._broken = await self._tried()
        try:
            return await self._answer()
        except Refused as error:
            return Results({}, {"all": str(error)})

    async def _answer(self) -> Results:
        broken = self._broken or {}
        sound = {name: expression for name, expression in self._expressions.items() if name not in broken}
        if not sound:
            return Results({}, {})
        return results(sound, await self._rest.jq(combined(sound)))

    async def _tried(self) -> dict[str, str]:
        """Each expression alone; those that do not even compile, with the reasons."""
        broken: dict[str, str] = {}
        for name, expression in self._expressions.items():
            try:
                await self._rest.jq(combined({name: expression}))
            except Refused as error:
                await self._check()
                broken[name] = str(error)
            except Unreachable:
                await self._check()
                broken[name] = "evcc does not come to an end with it"
        return broken

    async def _check(self) -> None:
        """Raise when evcc does not even answer what no expression can be to blame for."""
        try:
            await self._rest.jq("null")
        except Refused as error:
            raise Invalid(f"evcc takes no jq at all: {error}") from None
