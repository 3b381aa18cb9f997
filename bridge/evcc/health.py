"""evcc's condition in the words of `bridge/evcc`, and whether its data is fresh."""

import asyncio
from dataclasses import dataclass

from bridge.errors import EvccError

# a single failure is often over at the next attempt, which comes within a second
_FAILURES = 2


@dataclass(slots=True)
class Health:
    """What polls and frames show of evcc.

    `word` is the payload of `bridge/evcc`, `reason` is why it is neither online nor starting, and `seen` is the
    loop time at which evcc was last known to be fresh.
    """

    word: str = "starting"
    reason: str = ""
    fresh: bool = False
    seen: float = 0.0
    failures: int = 0
    hung: bool = False

    @property
    def answering(self) -> bool:
        """Whether polls bring evcc's state, even one that does not move."""
        return self.fresh or (self.hung and not self.failures)

    def answered(self, *, starting: bool, hung: bool = False) -> None:
        """Note a state; `hung`: evcc's own health check fails, so that the state does not move."""
        self.failures = 0
        self.hung = hung
        self.seen = asyncio.get_running_loop().time()
        self.fresh = not hung
        self.word, self.reason = "starting" if starting else "online", ""
        if hung:
            self.word, self.reason = "stale", "evcc's own health check fails: its values do not change any more"

    def moved(self, seen: float) -> None:
        """Note the loop time of the last push frame."""
        self.seen = max(self.seen, seen)

    def failed(self, error: EvccError) -> None:
        """Note a poll that brought nothing."""
        self.failures += 1
        if self.failures >= _FAILURES or not self.fresh:
            self.word, self.reason, self.fresh = error.word, str(error), False

    def explain(self, error: EvccError, explained: EvccError) -> None:
        """Take the explanation of a failure that was noted, unless another one has been noted since."""
        if self.reason == str(error):
            self.reason = str(explained)

    def age(self, limit: float) -> None:
        """Note that time passes: data older than `limit` seconds is stale."""
        if self.fresh and asyncio.get_running_loop().time() - self.seen > limit:
            self.word, self.reason, self.fresh = "stale", f"nothing from evcc for {limit:.0f} s", False
