"""Whether evcc is starting: after a sign of a restart, until nothing known is missing or a grace period is over."""

import asyncio
import math

from bridge.state.merge import filled, is_complete, lost, shared
from bridge.state.state import State

# a restart can hide between two polls: so many loadpoint values do not vanish from a running evcc
_LOST_AT_ONCE = 10


class Startup:
    """Decides for each answer whether what is missing has gone, or is not there yet.

    `grace` in seconds replaces the usual (loadpoints + 2) x evcc's own interval.
    """

    def __init__(self, grace: float | None = None) -> None:
        self._grace = grace
        self._deadline = math.inf
        self.starting = False

    def grace(self, state: State) -> float:
        """How long, in seconds, values may be missing from an evcc that starts."""
        return (len(state.loadpoints) + 2) * state.interval if self._grace is None else self._grace

    @property
    def left(self) -> float:
        """The seconds until evcc is taken as it is; infinite while that is not known."""
        return max(self._deadline - asyncio.get_running_loop().time(), 0.0) if self.starting else math.inf

    def note_sign(self, *, away: bool = True) -> None:
        """Note a sign of a restart.

        `away`: evcc does not answer, so the grace period begins when it does again. A `/ws` that is closed again
        and again must not make it endless.
        """
        if away or not self.starting:
            self._deadline = math.inf
        self.starting = True

    def accept(self, known: State, new: State) -> State:
        """The state after an answer: `new`, or, while evcc starts, what is known with `new` over it."""
        new = shared(known, new)
        if known and not self.starting and lost(known, new) >= _LOST_AT_ONCE:
            self.note_sign()
        self.starting = self.starting and self._is_incomplete(known, new)
        return shared(known, filled(known, new)) if self.starting else new

    def _is_incomplete(self, known: State, new: State) -> bool:
        if is_complete(known, new):
            return False
        now = asyncio.get_running_loop().time()
        self._deadline = min(self._deadline, now + self.grace(known))
        return now < self._deadline
