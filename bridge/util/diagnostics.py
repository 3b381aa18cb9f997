"""The current problems: one text for `bridge/problem`, a log line when a problem begins and one when it is over."""

import asyncio

import structlog

_LONGEST = 2000  # characters of a text, and of all of them together
_MOST_LINES = 8  # log lines for one problem: a text that differs each time must not fill the log


class Diagnostics:
    """The current problems, by a key that names what has the problem (`evcc`, `broker`, `jq` …).

    `changed` is set whenever `text` changes; whoever publishes the text waits for it and clears it.
    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._texts: dict[str, str] = {}
        self._logged: dict[str, set[str]] = {}
        self._log = structlog.get_logger()

    @property
    def text(self) -> str:
        """All current problems in one text of at most 2000 characters, the oldest first; empty when there is none."""
        return "; ".join(self._texts.values())[:_LONGEST]

    def set(self, key: str, text: str | None) -> None:
        """Set the text of a problem, or (None or empty) end it."""
        text = text[:_LONGEST] if text else None
        if text == self._texts.get(key):
            return
        if text is None:
            del self._texts[key], self._logged[key]
            self._log.info("problem is over", problem=key)
        else:
            self._texts[key] = text
            self._warn(key, text)
        self.changed.set()

    def _warn(self, key: str, text: str) -> None:
        logged = self._logged.setdefault(key, set())
        if text not in logged and len(logged) < _MOST_LINES:
            logged.add(text)
            self._log.warning(text, problem=key)
