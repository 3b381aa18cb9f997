"""What the page shows of all sites, followed as it changes, and given to every reader as events."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from bridge import __version__
from bridge.commands.answer import Entry
from bridge.site import Site
from bridge.util.recent_lines import RecentLines
from bridge.web.feed import Feed, encode
from bridge.web.health import HealthView, not_running
from bridge.web.topics import TopicTable

_WATCHED, _UNWATCHED = 0.05, 1.0  # seconds between two looks at what has changed
_COUNTERS = 10.0  # seconds between two events with counters
_HEARTBEAT = 15.0  # seconds; a proxy ends connections on which nothing comes


class View:
    """The sites by name, and what is wrong with those that do not run; both are followed as sites come and go.

    `write`: whether the page may set anything.
    """

    def __init__(
        self,
        sites: Mapping[str, Site],
        lines: RecentLines,
        wrong: Mapping[str, str] = MappingProxyType({}),
        *,
        write: bool,
    ) -> None:
        self._sites = sites
        self._wrong = wrong
        self.write = write
        self.sites: dict[str, Site] = {}
        self.topics: dict[str, TopicTable] = {}
        self.health: dict[str, HealthView] = {}
        self.lines = lines
        self.started = time.time()
        self.readers = 0
        """How many streams are being read."""
        self._feed = Feed()
        self._looked = asyncio.Event()
        self._journalled: dict[str, int] = {}
        self._logged = 0
        self._snapshot: tuple[object, bytes] = (None, b"")
        self._follow_sites()

    async def run(self) -> None:
        """Follow what changes until cancelled."""
        loop = asyncio.get_running_loop()
        words: Any = None
        counted = loop.time()
        while True:
            self.refresh()
            now = {name: health.words() for name, health in self.health.items()}, {**self._wrong}
            if now != words or loop.time() - counted > _COUNTERS:
                words, counted = now, loop.time()
                self._feed.add("health", self.conditions())
            await self._pause()

    def refresh(self) -> None:
        """Take over what has changed in sites, topics, journals and log."""
        self._follow_sites()
        for table in self.topics.values():
            if rows := table.refresh():
                self._feed.add("topics", rows)
        for name, site in self.sites.items():
            journal = site.dispatcher.journal
            if fresh := journal.total - self._journalled[name]:
                self._journalled[name] = journal.total
                self._feed.add("journal", [self._entry(name, entry) for entry in [*journal.entries][-fresh:]])
        if lines := self.lines.after(self._logged):
            self._logged = self.lines.count
            self._feed.add("log", lines)

    def conditions(self, name: str | None = None) -> dict[str, Any]:
        """How one site is, or each of all; also those that do not run."""
        found = {each: health.whole() for each, health in self.health.items()}
        found |= {each: not_running(reason) for each, reason in self._wrong.items()}
        return found if name is None else {name: found[name]}

    def hindrances(self) -> list[str]:
        """For each site whose `status` is not `online` the reason."""
        found = [reason for health in self.health.values() if (reason := health.hindrance())]
        return [*found, *(f"{name}: {reason}" for name, reason in self._wrong.items())]

    def has_site(self, name: str) -> bool:
        """Whether there is a site of this name, running or not."""
        return name in self.sites or name in self._wrong

    def journal(self, name: str | None = None) -> list[dict[str, Any]]:
        """The last 200 commands of one site, or of all, the oldest first."""
        names = [name] if name is not None else self.sites
        entries = [(each, entry) for each in names for entry in self.sites[each].dispatcher.journal.entries]
        return [self._entry(each, entry) for each, entry in sorted(entries, key=_moment)]

    def find(self, topic: str) -> tuple[Site, str] | None:
        """The site of a topic, and the topic below its root without `/set`; with one site, a root is not needed."""
        below = topic.removesuffix("/set")
        roots = sorted(((site.settings.mqtt.root, site) for site in self.sites.values()), key=_length, reverse=True)
        for root, site in roots:
            if below.startswith(f"{root}/"):
                return site, below.removeprefix(f"{root}/")
        return (roots[0][1], below) if len(roots) == 1 else None

    async def events(self) -> AsyncGenerator[bytes]:
        """Everything there is as events, then what changes; everything again for a reader that is too slow."""
        self.readers += 1
        try:
            while True:
                self.refresh()  # so that no entry is in what comes first and in an event
                position = self._feed.end
                for event in self._everything():
                    yield event
                while (events := self._feed.after(position)) is not None:
                    position = self._feed.end
                    yield events or b":\n\n"
                    self._looked.set()
                    await self._feed.wait(position, _HEARTBEAT)
        finally:
            self.readers -= 1

    def _follow_sites(self) -> None:
        """Begin anew with sites that have come, forget those that are gone, and let every reader do so too."""
        if self.sites == self._sites:
            return
        for name in [name for name, site in self.sites.items() if self._sites.get(name) is not site]:
            del self.sites[name], self.topics[name], self.health[name], self._journalled[name]
        for name, site in self._sites.items():
            if name not in self.sites:
                self.sites[name], self._journalled[name] = site, 0
                self.topics[name], self.health[name] = TopicTable(site), HealthView(name, site)
        self._feed.restart()

    def _everything(self) -> list[bytes]:
        hello = {"version": __version__, "write": self.write, "started": round(self.started), "sites": [*self.sites]}
        return [
            encode("hello", hello),
            self._all_topics(),
            encode("health", self.conditions()),
            encode("journal", self.journal()),
            encode("log", self.lines.after(0)),
        ]

    def _all_topics(self) -> bytes:
        """The event with all topics; the same object for all readers as long as nothing changes."""
        revision = tuple((id(table), table.revision) for table in self.topics.values())
        if self._snapshot[0] != revision:
            rows = {topic: row for table in self.topics.values() for topic, row in table.rows().items()}
            self._snapshot = revision, encode("topics", rows)
        return self._snapshot[1]

    async def _pause(self) -> None:
        if self.readers:
            await asyncio.sleep(_WATCHED)
            return
        self._looked.clear()
        try:
            async with asyncio.timeout(_UNWATCHED):
                await self._looked.wait()
        except TimeoutError:
            return

    def _entry(self, name: str, entry: Entry) -> dict[str, Any]:
        fields = entry.fields()
        return {**fields, "topic": f"{self.sites[name].settings.mqtt.root}/{fields['topic']}", "site": name}


def _moment(named: tuple[str, Entry]) -> float:
    return named[1].time


def _length(rooted: tuple[str, Site]) -> int:
    return len(rooted[0])


def payload_of(value: Any) -> bytes:
    """A JSON value as the payload of a command: texts as they are, null clears."""
    return value.encode(errors="replace") if isinstance(value, str) else orjson.dumps(value)
