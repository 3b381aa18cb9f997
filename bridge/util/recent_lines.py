"""The last lines of the log in memory, for the page."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

_MOST_LINES = 500
_MOST_CHARACTERS = 2**18  # of all lines
_LONGEST = 4000  # characters of one line


class RecentLines:
    """The last 500 lines, fewer where they are long: each as unix seconds, level and text."""

    def __init__(self) -> None:
        self._lines: deque[tuple[float, str, str]] = deque()
        self._size = 0
        self.count = 0
        """How many lines there have been."""

    def add(self, level: str, event: Mapping[str, Any]) -> None:
        """Add a line whose values hold no secrets and nothing unprintable."""
        values = (f"{key}={value}" for key, value in event.items() if key not in {"event", "level"})
        text = " ".join([str(event.get("event", "")), *values])[:_LONGEST]
        self._lines.append((round(time.time(), 3), level, text))
        self._size += len(text)
        self.count += 1
        while len(self._lines) > _MOST_LINES or self._size > _MOST_CHARACTERS:
            self._size -= len(self._lines.popleft()[2])

    def after(self, count: int) -> list[tuple[float, str, str]]:
        """The lines that have come since `count` was this, as far as they are still there."""
        fresh = min(self.count - count, len(self._lines))
        return list(self._lines)[len(self._lines) - fresh :]
