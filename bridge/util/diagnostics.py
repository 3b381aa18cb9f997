"""What is wrong now: one text for `bridge/problem`, one log line when it begins and one when it is over."""

from collections.abc import Callable

import structlog

_LONGEST = 2000
_MOST_TOLD = 8  # a text that differs each time must not fill the log


class Diagnostics:
    """The current problems by key. `changed` is called with the whole text whenever it changes."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._texts: dict[str, str] = {}
        self._told: dict[str, set[str]] = {}
        self._log = structlog.get_logger()

    @property
    def text(self) -> str:
        """All current problems in one text, the oldest first; empty when there is none."""
        return "; ".join(self._texts.values())[:_LONGEST]

    def __call__(self, key: str, text: str | None) -> None:
        """Note that there is a problem, or (None) that it is over."""
        if text == self._texts.get(key):
            return
        if text is None:
            del self._texts[key], self._told[key]
            self._log.info("problem is over", problem=key)
        else:
            self._texts[key] = text
            self._tell(key, text)
        self._changed(self.text)

    def _tell(self, key: str, text: str) -> None:
        told = self._told.setdefault(key, set())
        if text not in told and len(told) < _MOST_TOLD:
            told.add(text)
            self._log.warning(text, problem=key)
