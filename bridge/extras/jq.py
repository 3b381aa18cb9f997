"""Values of the user's own: jq expressions that evcc computes, below `jq/`."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from bridge.errors import Refused, Unreachable
from bridge.extras.expressions import Results, combined, results
from bridge.extras.rest import Rest
from bridge.topics.flatten import flatten
from bridge.topics.names import escape

SOURCE = "jq"
PATH = "/api/state"


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
        reply = await self._rest.get(PATH, {"jq": combined(sound)})
        return results(sound, reply.json())

    async def _tried(self) -> dict[str, str]:
        """Each expression alone; those that do not even compile, with the reasons."""
        broken: dict[str, str] = {}
        for name, expression in self._expressions.items():
            question = {"jq": combined({name: expression})}
            try:
                await self._rest.get(PATH, question)
            except Refused as error:
                broken[name] = str(error)
            except Unreachable:
                # it may be this expression that never ends; else this raises
                await self._rest.get(PATH, {"jq": "null"})
                broken[name] = "evcc does not come to an end with it"
        return broken
