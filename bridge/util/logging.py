"""Log lines: text on a terminal and in the journal, JSON elsewhere; without secrets, and never blocking."""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from bridge.util.log_writer import log_writer
from bridge.util.recent_lines import RecentLines
from bridge.util.redact import HIDDEN, redact_logins, sanitize

# up to this length a secret is only hidden where it stands alone: hiding every "on" would make lines unreadable
_SHORT = 6
_LONGEST = 10_000  # characters of one value in a line
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # sd-daemon(3)
_STDERR = 2


def configure(
    level: str = "info",
    style: str = "auto",
    secrets: Iterable[str] = (),
    descriptor: int = _STDERR,
    recent: RecentLines | None = None,
) -> None:
    """Set up every log line of this process, including those of libraries from warnings on.

    `level` is the least important that is logged. `style` is `text`, `json`, or `auto`: text on a terminal and in
    the journal, JSON elsewhere. `secrets` are hidden wherever they are. Lines are written to `descriptor`, and
    added to `recent`.
    """
    terminal, journal = os.isatty(descriptor), _is_journal(descriptor)
    if style == "json" or (style == "auto" and not (terminal or journal)):
        rendering = _json_processors()
    else:
        rendering = _text_processors(colours=terminal, timestamp=not journal)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            Redactor.hiding(secrets).redact_event,
            *([_Recorder(recent).add] if recent is not None else []),
            *rendering,
            *([_add_priority] if journal else []),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(log_writer, descriptor),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)
    sys.excepthook = _log_uncaught
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # aiomqtt's: the bridge logs a lost connection itself


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces secrets and the logins of addresses by ***, in texts and in whatever holds texts."""

    pattern: re.Pattern[str]

    @classmethod
    def hiding(cls, secrets: Iterable[str]) -> "Redactor":
        """A redactor of these texts."""
        longest_first = sorted(filter(None, secrets), key=len, reverse=True)
        return cls(re.compile("|".join(map(_pattern, longest_first)) or "(?!)"))

    def redact_event(self, _: Any, __: str, event: EventDict) -> EventDict:
        """Redact all values of a log line."""
        return {key: self.redact(value) for key, value in event.items()}

    def redact(self, value: Any) -> Any:
        """A value as it may be logged, its texts cut to 10,000 characters."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return redact_logins(self.pattern.sub(HIDDEN, value))[:_LONGEST]
            case bytes():
                return self.redact(value.decode(errors="backslashreplace"))
            case Mapping():
                return {self.redact(str(key)): self.redact(item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.redact(item) for item in value]
            case _:
                return self.redact(str(value))


class _Recorder:
    """Adds every log line to those in memory."""

    def __init__(self, recent: RecentLines) -> None:
        self._recent = recent

    def add(self, _: Any, __: str, event: EventDict) -> EventDict:
        """Add a line as text on a terminal would be."""
        self._recent.add(event["level"], _sanitize_values(_, __, event))
        return event


class _LibraryHandler(logging.Handler):
    """Passes log lines of libraries on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(library=record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what ends the program: Python's own traceback may block, and may have secrets in it."""
    structlog.get_logger().critical("the program failed", exc_info=(kind, error, trace))


def _text_processors(*, colours: bool, timestamp: bool) -> list[Processor]:
    console = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    times = [structlog.processors.TimeStamper("%H:%M:%S", utc=False)] if timestamp else []
    return [_sanitize_values, *times, console]


def _json_processors() -> list[Processor]:
    return [structlog.processors.TimeStamper("iso"), _render_json]


def _render_json(_: Any, __: str, event: EventDict) -> str:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event")}
    return json.dumps({**first, **event})


def _add_priority(_: Any, name: str, line: Any) -> str:
    """Put the priority in front of a rendered line, and of each line of a traceback in it."""
    prefix = f"<{_PRIORITIES.get(name, 3)}>"  # `exception` is an error
    return prefix + str(line).replace("\n", f"\n{prefix}")


def _sanitize_values(_: Any, __: str, event: EventDict) -> EventDict:
    """Titles and payloads come from outside: none of them moves the cursor or begins a line."""
    return {key: _sanitize(key, value) if isinstance(value, str) else value for key, value in event.items()}


def _sanitize(key: str, text: str) -> str:
    return "\n".join(map(sanitize, text.split("\n"))) if key == "exception" else sanitize(text)


def _pattern(secret: str) -> str:
    escaped = re.escape(secret)
    return escaped if len(secret) > _SHORT else rf"(?<!\w){escaped}(?!\w)"


def _is_journal(descriptor: int) -> bool:
    """Whether systemd's journal reads this descriptor (`JOURNAL_STREAM` in systemd.exec(5))."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
