"""Bounds how often one topic is corrected: a client that echoes everything must not be answered for ever."""

import asyncio
from dataclasses import dataclass

_AT_ONCE = 3
_MOST = 1000
_LONGEST_PAUSE = 600.0  # seconds
_FORGOTTEN_AFTER = 3600.0


@dataclass(slots=True)
class _Correction:
    """How often a topic was corrected lately, and from when on it may be again."""

    count: int = 0
    due: float = 0.0
    last: float = 0.0


class Corrections:
    """The first few corrections of a topic are made at once, later ones after growing pauses."""

    def __init__(self) -> None:
        self._topics: dict[str, _Correction] = {}

    def note(self, topic: str, *, unlimited: bool) -> bool:
        """Note that a topic is to be corrected; False where there are too many of those that are not `unlimited`."""
        if not unlimited and topic not in self._topics and len(self._topics) >= _MOST:
            return False  # the next reconnect erases it; what is not desired may be without number
        self._topics.setdefault(topic, _Correction()).last = _now()
        return True

    def is_due(self, topic: str) -> bool:
        """Whether a topic that is to be corrected may be now."""
        return self._topics[topic].due <= _now()

    def must_wait(self, topic: str) -> bool:
        """Whether a topic has been corrected so often that it must wait."""
        correction = self._topics.get(topic)
        return correction is not None and correction.due > _now()

    def made(self, topic: str) -> None:
        """Note that a correction is made."""
        correction = self._topics[topic]
        correction.count += 1
        excess = correction.count - _AT_ONCE
        correction.due = _now() + min(2.0**excess, _LONGEST_PAUSE) if excess >= 0 else 0.0

    def due(self) -> list[str]:
        """The topics that may be corrected now; forgets those of long ago."""
        now = _now()
        self._topics = {topic: one for topic, one in self._topics.items() if now - one.last <= _FORGOTTEN_AFTER}
        return [topic for topic, one in self._topics.items() if one.due <= now]


def _now() -> float:
    return asyncio.get_running_loop().time()
