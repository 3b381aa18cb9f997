"""What the bridge says about itself: `bridge/info`, `bridge/health`, `bridge/commands`, `updated`."""

import resource
import time
from pathlib import Path
from typing import Any

from bridge import __version__
from bridge.commands.inbox import Inbox
from bridge.commands.listing import listing
from bridge.commands.permission import Permission
from bridge.evcc.reader import Reader
from bridge.mqtt.copy import Copy
from bridge.settings import Settings
from bridge.state.payload import text

HEALTH_EVERY = 60.0
_CLOCK_SET_BACK = 5  # seconds; less is rounding
_PAGE = resource.getpagesize()


class Report:
    """Keeps what is said about the bridge up to date; `tick` is called about once a second."""

    def __init__(self, settings: Settings, reader: Reader, copy: Copy, inbox: Inbox) -> None:
        self._settings = settings
        self._reader = reader
        self._copy = copy
        self._inbox = inbox
        self._permission = Permission.of(settings.commands)
        self._started = time.monotonic()
        self._facts: dict[str, Any] = {}
        self._listed: tuple[object, frozenset[object]] = None, frozenset()
        self._next_health = 0.0
        self._updated = 0

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def tick(self) -> None:
        """Say what has changed."""
        self.info()
        self._commands()
        if self.uptime >= self._next_health and self._copy.connected:
            self._next_health = self.uptime + HEALTH_EVERY
            self._facts = {}  # said again for its uptime
            self._say("bridge/health", {**self._counters(), "memory": resident_memory()})

    def info(self) -> None:
        """`bridge/info`: versions, push, poll interval, uptime, effective settings without secrets."""
        link, reader = self._copy.link, self._reader
        facts = {
            "version": __version__,
            "evcc": reader.state.get("version"),
            "mqtt": None if link is None else "5" if link.v5 else "3.1.1",
            "push": reader.push_alive,
            "interval": reader.interval,
        }
        if facts != self._facts:
            self._facts = facts
            settings = self._settings.public()
            self._say("bridge/info", {**facts, "uptime": int(self.uptime), "settings": settings})

    def updated(self) -> None:
        """`updated`: unix seconds of the last moment at which evcc was known fresh, at most once a second."""
        health = self._reader.health
        seen = int(time.time() - (time.monotonic() - health.seen))
        just_said = self._updated - _CLOCK_SET_BACK < seen <= self._updated
        if health.fresh and not just_said:
            self._updated = seen
            self._copy.want("updated", {"updated": b"%d" % seen})

    def _commands(self) -> None:
        """`bridge/commands`: every set-topic that exists now, as soon as evcc has said which there are."""
        state, missing = self._reader.state, self._inbox.missing
        known, lacking = self._listed
        if state and (state is not known or missing != lacking):  # a document is never changed in place
            self._listed = state, missing
            self._say("bridge/commands", listing(state, missing, self._permission))

    def _counters(self) -> dict[str, Any]:
        report = self._copy.publisher.report
        return {
            "uptime": int(self.uptime),
            "polls": self._reader.polls,
            "frames": self._reader.frames,
            "messages": report.published,
            "corrections": report.corrected,
            "reconnects": max(self._copy.connects - 1, 0),
            "commands": {status.value: count for status, count in self._inbox.counts.items()},
        }

    def _say(self, topic: str, value: Any) -> None:
        self._copy.want(topic, {topic: text(value)})


def resident_memory() -> int:
    """The resident memory of this process in bytes."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):  # not Linux: the peak is the best there is
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
