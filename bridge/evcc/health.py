"""How evcc fares, in the words of `bridge/evcc`, and whether its data is fresh."""

from dataclasses import dataclass

from bridge.errors import EvccError

# one failure alone can be a moment's; the next attempt comes within a second
_FAILURES = 2
_FRESH = frozenset({"online", "starting"})


@dataclass(slots=True)
class Health:
    """What polls and frames say about evcc; `seen` is when it was last known fresh, in monotonic seconds."""

    word: str = "starting"
    reason: str = ""
    fresh: bool = False
    seen: float = 0.0
    failures: int = 0
    hung: bool = False

    @property
    def answering(self) -> bool:
        """Whether polls bring evcc's state, be it one that does not move."""
        return self.fresh or (self.hung and not self.failures)

    def answered(self, word: str, now: float) -> None:
        """Note a state document; `word` says whether it was complete: `online` or `starting`."""
        self.failures = 0
        self.word, self.reason = ("stale", "evcc's own health check says that it hangs") if self.hung else (word, "")
        self.fresh = self.word in _FRESH
        self.seen = now

    def moved(self, now: float) -> None:
        """Note a push frame."""
        self.seen = now

    def failed(self, error: EvccError) -> None:
        """Note a poll that brought nothing."""
        self.failures += 1
        if self.failures >= _FAILURES or not self.fresh:
            self.word, self.reason, self.fresh = error.word, str(error), False

    def age(self, now: float, limit: float) -> None:
        """Note the time: data older than `limit` seconds is stale."""
        if self.fresh and now - self.seen > limit:
            self.word, self.reason, self.fresh = "stale", f"nothing from evcc for {limit:.0f} s", False
