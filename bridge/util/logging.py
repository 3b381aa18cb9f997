"""Log lines: key-value text on a terminal, JSON elsewhere; never a secret."""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from bridge.util.redact import HIDDEN, redact_logins, sanitize

# below this length a secret is only hidden where it stands alone: hiding every "on" would hide nothing and blur all
_SHORT = 6
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def configure(
    level: str = "info", style: str = "auto", secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Set up every log line of this process, those of libraries (from warnings on) included.

    `style` is `text`, `json`, or `auto`: text where `stream` (by default standard error) is a terminal.
    """
    out = sys.stderr if stream is None else stream
    text = style == "text" or (style == "auto" and out.isatty())
    structlog.configure(
        processors=_processors(text=text, colour=out.isatty(), hide=Hide.of(secrets), journal=_is_journal(out)),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Foreign()], level=logging.WARNING, force=True)
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # a lost connection is told once, in our own words


@dataclass(frozen=True, slots=True)
class Hide:
    """Puts *** in the place of secrets and of logins in addresses, in texts and in whatever holds texts."""

    pattern: re.Pattern[str]

    @classmethod
    def of(cls, secrets: Iterable[str]) -> "Hide":
        """Hide these texts."""
        longest_first = sorted(filter(None, secrets), key=len, reverse=True)
        return cls(re.compile("|".join(map(_wherever, longest_first)) or "(?!)"))

    def __call__(self, value: Any) -> Any:
        """A value as it may be logged."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return redact_logins(self.pattern.sub(HIDDEN, value))
            case bytes():
                return self(value.decode(errors="backslashreplace"))
            case Mapping():
                return {self(str(key)): self(item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self(item) for item in value]
            case _:
                return self(str(value))


class _Lines:
    """Writes lines; a stream whose reader has gone must not end the bridge."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def debug(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    info = warning = error = critical = debug


class _Foreign(logging.Handler):
    """Log lines of libraries, brought into the one stream."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(library=record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _processors(*, text: bool, colour: bool, hide: Hide, journal: bool) -> list[Processor]:
    def hidden(_: Any, __: str, event: EventDict) -> EventDict:
        return {key: hide(value) for key, value in event.items()}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("%H:%M:%S" if text else "iso", utc=not text),
        structlog.processors.format_exc_info,
        hidden,
        *(_text(colour=colour) if text else _json(journal=journal)),
    ]


def _text(*, colour: bool) -> tuple[Processor, ...]:
    console = structlog.dev.ConsoleRenderer(
        colors=colour, pad_event_to=36, exception_formatter=structlog.dev.plain_traceback
    )
    return _printable, console


def _json(*, journal: bool) -> tuple[Processor, ...]:
    def render(_: Any, __: str, event: EventDict) -> str:
        first = {key: event.pop(key) for key in ("timestamp", "level", "event")}
        priority = f"<{_PRIORITIES.get(first['level'], 6)}>" if journal else ""
        return priority + json.dumps({**first, **event})

    return (render,)


def _printable(_: Any, __: str, event: EventDict) -> EventDict:
    """Titles and payloads come from elsewhere: none of them moves the cursor or fakes a line."""
    return {
        key: sanitize(value) if isinstance(value, str) and key != "exception" else value for key, value in event.items()
    }


def _wherever(secret: str) -> str:
    escaped = re.escape(secret)
    return escaped if len(secret) > _SHORT else rf"(?<!\w){escaped}(?!\w)"


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd's journal reads this stream, and so a priority in front of each line."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
