"""What is wrong now: one text for `bridge/problem`, one log line when it begins and one when it is over."""

from collections.abc import Callable

import structlog

from bridge.log import Repeats

_LONGEST = 2000


class Problems:
    """The current problems by key. `changed` is called with the whole text whenever it changes."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._texts: dict[str, str] = {}
        self._repeats = Repeats()
        self._log = structlog.get_logger()

    @property
    def text(self) -> str:
        """All current problems in one text, the oldest first; empty when there is none."""
        return "; ".join(self._texts.values())[:_LONGEST]

    def __call__(self, key: str, text: str | None) -> None:
        """Note that there is a problem, or (None) that it is over."""
        before = self._texts.get(key)
        if text is None:
            if self._texts.pop(key, None) is not None:
                self._log.info("problem is over", problem=key, times=self._repeats.over(key))
        else:
            self._texts[key] = text
            if self._repeats.first(key, text):
                self._log.warning(text, problem=key)
        if before != text:
            self._changed(self.text)
