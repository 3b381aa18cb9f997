"""What the bridge publishes about itself: `updated` and the topics below `bridge/`; what systemd is notified of."""

import asyncio
import resource
import time
from asyncio import TaskGroup
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from bridge import __version__
from bridge.commands.dispatcher import Dispatcher
from bridge.evcc.reader import Reader, Update
from bridge.mqtt.mirror import Mirror
from bridge.settable.offered import concerns, offered
from bridge.settable.permission import Permission
from bridge.settable.zone import described, offset_elsewhere
from bridge.settings import Settings
from bridge.state.state import State
from bridge.state.values import text
from bridge.util.diagnostics import Diagnostics
from bridge.util.json import parse_json

_TICK = 1.0  # seconds
_HEALTH_PERIOD = 60.0  # seconds between two `bridge/health`
_DAY = 86_400.0  # seconds
_SLACK = 5.0  # seconds by which a poll or an acknowledgement may be late
_CLOCK_SET_BACK = 5  # seconds; less is rounding
_JOURNAL = "bridge/journal"
_JOURNALLED = 20  # commands
_LONGEST_JOURNAL = 100_000  # bytes
_PAGE = resource.getpagesize()


class Report:
    """Publishes status, versions, counters, problems and the list of settings of one site."""

    def __init__(
        self, settings: Settings, reader: Reader, mirror: Mirror, dispatcher: Dispatcher, diagnostics: Diagnostics
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._mirror = mirror
        self._dispatcher = dispatcher
        self._diagnostics = diagnostics
        self._permission = Permission.of(settings.commands)
        self._started = time.monotonic()
        self._facts: dict[str, Any] = {}
        self._limits: tuple[Any, Any] = frozenset(), {}
        self._since: dict[str, tuple[Any, int]] = {}
        self._found = asyncio.Event()
        self._zone_compared = False
        self._word = "starting"
        self._updated = 0
        self._losses = 0
        self._was_fresh = False
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Publish until cancelled."""
        async with TaskGroup() as group:
            group.create_task(self._problems(), name="problems")
            group.create_task(self._every_second(), name="every second")
            group.create_task(self._every_minute(), name="every minute")
            group.create_task(self._publish_journal(), name="journal")
            group.create_task(self._every_day(), name="every day")

    def update(self, update: Update) -> None:
        """Publish what a change of evcc's state or health changes here."""
        if update.state and not self._found.is_set():
            self._found.set()
            self._log.info("evcc found", url=self._settings.evcc.url, version=update.state.version)
        self._publish_health()
        if any(map(concerns, update.changes)):
            self._publish_commands()
        if update.complete and not self._zone_compared:
            self._compare_zone(update.state)

    def _compare_zone(self, state: State) -> None:
        """Warn where evcc is in another time zone than times that name none are read in."""
        self._zone_compared = True
        zone, now = self._settings.commands.zone(), datetime.fromtimestamp(time.time(), UTC)
        if (elsewhere := offset_elsewhere(state, zone, now)) is not None:
            self._log.warning(
                "times without a zone are not read in evcc's: set commands.timezone, or TZ",
                evcc=elsewhere,
                bridge=described(zone, now),
            )

    async def published(self) -> None:
        """Wait until evcc has answered and the broker has acknowledged all topics."""
        await self._found.wait()
        await self._mirror.complete.wait()
        await self._mirror.tree.settled()

    def summary(self) -> str:
        """One line for `systemctl status`."""
        broker = "connected" if self._mirror.connected else "not connected"
        return f"evcc {self._reader.health.word}, broker {broker}, {len(self._mirror.tree.topics)} topics"

    @property
    def is_online(self) -> bool:
        """Whether `status` is `online`: also where another bridge has published it, which this one waits for."""
        mirror = self._mirror
        return mirror.silent or (mirror.connected and mirror.tree.topics.get("status") == b"online")

    def is_working(self) -> bool:
        """Whether polls come to an end and the broker acknowledges, for systemd's watchdog."""
        now, reader = asyncio.get_running_loop().time(), self._reader
        if now - reader.last_attempt > 2 * reader.interval + self._settings.evcc.timeout + 1:
            return False
        # while evcc is away only `bridge/health` is published; a dead connection is noticed after two keepalives
        limit = _HEALTH_PERIOD + 2 * self._settings.mqtt.keepalive + _SLACK
        acknowledged = self._mirror.acknowledged
        return acknowledged is None or now - acknowledged <= limit

    async def _problems(self) -> None:
        while True:
            await self._diagnostics.changed.wait()
            self._diagnostics.changed.clear()
            self._publish_problem()

    async def _every_second(self) -> None:
        while True:
            self._publish_info()
            self._publish_health()
            if (self._dispatcher.missing, self._dispatcher.blocked) != self._limits:
                self._publish_commands()
            await asyncio.sleep(_TICK)

    async def _every_minute(self) -> None:
        while True:
            self._publish("bridge/health", {"time": int(time.time()), **self.counters(), "memory": resident_memory()})
            self._facts = {}  # `bridge/info` again, for its uptime
            await asyncio.sleep(_HEALTH_PERIOD)

    async def _every_day(self) -> None:
        """Log once a day what happened since the last time."""
        before = self._totals()
        while True:
            await asyncio.sleep(_DAY)
            now = self._totals()
            self._log.info("the last 24 hours", **{name: count - before[name] for name, count in now.items()})
            before = now

    def _totals(self) -> dict[str, int]:
        """What has happened since the start, for the line of a day."""
        counted = self.counters()
        commands: dict[str, int] = counted["commands"]
        return {
            "values": counted["messages"],
            "commands": sum(commands.values()),
            "not_ok": sum(count for status, count in commands.items() if status != "ok"),
            "evcc_lost": self._losses,
            "broker_lost": counted["reconnects"],
        }

    def _publish_problem(self) -> None:
        self._mirror.tree.set("bridge/problem", {"bridge/problem": self._diagnostics.text.encode()})

    async def _publish_journal(self) -> None:
        """`bridge/journal`: the last 20 commands, those before the start of the bridge first; at most once a second."""
        journal, published = self._dispatcher.journal, -1
        earlier = _stored_entries(await self._mirror.stored(_JOURNAL))
        while True:
            entries = [*earlier, *(entry.fields() for entry in journal.entries)][-_JOURNALLED:]
            if entries and journal.total != published:
                published = journal.total
                self._publish(_JOURNAL, entries)
            await asyncio.sleep(_TICK)

    def _publish_health(self) -> None:
        """`status`, `updated`, `bridge/evcc`."""
        health = self._reader.health
        word = "starting" if health.word == "online" and self._mirror.tree.orphans_waiting else health.word
        self._diagnostics.set("evcc", health.reason or None)
        self._publish_problem()  # the reason comes before `offline`
        if word != self._word and not health.reason:  # a reason has been logged as a problem
            self._log.info(f"evcc is {word}")
        self._word = word
        self._losses += self._was_fresh and not health.fresh
        self._was_fresh = health.fresh
        self._mirror.tree.set("bridge/evcc", {"bridge/evcc": word.encode()})
        self._mirror.set_fresh(health.fresh)
        self._publish_updated()

    def _publish_updated(self) -> None:
        """`updated`: unix seconds of the last moment at which evcc was known fresh, at most once a second."""
        health = self._reader.health
        seen = int(time.time() - (asyncio.get_running_loop().time() - health.seen))
        is_repeated = self._updated - _CLOCK_SET_BACK < seen <= self._updated
        if health.fresh and self._mirror.connected and not is_repeated:
            self._updated = seen
            self._mirror.tree.set("updated", {"updated": b"%d" % seen})

    def _publish_info(self) -> None:
        """`bridge/info`: versions, push, poll interval, uptime, host, since when, settings without secrets."""
        reader = self._reader
        facts = {
            "version": __version__,
            "evcc": reader.state.version or None,
            "contract": self._settings.topics.contract,
            "mqtt": self._mirror.version,
            "push": reader.push_alive,
            "interval": reader.interval,
            "host": self._mirror.host,
            "instance": self._mirror.instance,
            "since": self.conditions()["since"],
        }
        if facts != self._facts:
            self._facts = facts
            self._publish("bridge/info", {**facts, "uptime": self._uptime(), "settings": self._settings.public()})

    def _publish_commands(self) -> None:
        """`bridge/commands`: every set-topic that exists now; built again only when the settings change."""
        self._limits = self._dispatcher.missing, self._dispatcher.blocked
        self._publish("bridge/commands", offered(self._reader.view, *self._limits, self._permission))

    def conditions(self) -> dict[str, Any]:
        """evcc, push, broker and problem, and since when (Unix seconds) each of them is so or there is a problem.

        To be called about once a second, for `since`.
        """
        words = {
            "evcc": self._word,
            "push": self._reader.push_alive,
            "broker": self._mirror.connected,
            "problem": self._diagnostics.text or None,
        }
        for name, word in words.items():
            kept = bool(word) if name == "problem" else word
            if name not in self._since or self._since[name][0] != kept:
                self._since[name] = kept, int(time.time())
        return {**words, "since": {name: since for name, (_, since) in self._since.items()}}

    def counters(self) -> dict[str, Any]:
        """What has been counted since the start; `uptime` in seconds."""
        mirror = self._mirror
        return {
            "uptime": self._uptime(),
            "polls": self._reader.polls,
            "frames": self._reader.frames,
            "messages": mirror.tree.publisher.outcome.published,
            "corrections": mirror.tree.publisher.outcome.corrected,
            "reconnects": mirror.reconnects,
            "commands": {status.value: count for status, count in self._dispatcher.counts.items()},
        }

    def _uptime(self) -> int:
        return int(time.monotonic() - self._started)

    def _publish(self, topic: str, value: Any) -> None:
        self._mirror.tree.set(topic, {topic: text(value)})


def _stored_entries(payload: bytes) -> list[dict[str, Any]]:
    """The entries of the journal that an earlier run has left; none where that is no journal."""
    try:
        found = parse_json(payload.decode(errors="replace")) if len(payload) <= _LONGEST_JOURNAL else []
    except ValueError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def resident_memory() -> int:
    """The resident memory of this process in bytes."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):  # not Linux: the peak is the best there is
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
