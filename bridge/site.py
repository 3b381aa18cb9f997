"""One evcc on one broker root: all parts, wired. `evcc` and `mqtt` do not know each other."""

import asyncio
import math
import time
from asyncio import TaskGroup
from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from typing import Any

import structlog

from bridge.commands.inbox import Inbox
from bridge.commands.permission import Permission
from bridge.discovery.announcer import Announcer
from bridge.discovery.homeassistant import HomeAssistant
from bridge.evcc.client import Client
from bridge.evcc.document import State
from bridge.evcc.reader import Reader
from bridge.extras import Extras
from bridge.extras.by_title import ByTitle
from bridge.mqtt.annex import Annex
from bridge.mqtt.copy import PROBLEM, Copy
from bridge.mqtt.message import Message
from bridge.mqtt.publisher import Publisher
from bridge.report import HEALTH_EVERY, Report
from bridge.settings import Settings
from bridge.state.units import Topics, topics
from bridge.util.diagnostics import Diagnostics

_TICK = 1.0
_SLACK = 5.0  # seconds beyond what should have come before its absence means something
_NOTHING = Topics({}, {})
# what is read beside the state: it is not gone while it has not been read
_SLOW_SCOPES = ("tariffs", "sessions", "jq", "by-title", "bridge")
_SLOW_TOPICS = ("/planDetails", "/telemetry")


class Site:
    """One evcc, mirrored below one root of one broker."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._log = structlog.get_logger()
        self._selection = settings.topics.selection
        self.reader = Reader(client, settings.evcc, self)
        self._by_title = ByTitle() if settings.topics.by_title else None
        self._announcer, annex = self._homeassistant()
        self.copy = Copy(
            settings.mqtt,
            self,
            limit=settings.topics.limit,
            state=lambda: self.reader.state,
            settled=self._settled,
            annexes=[annex],
            beside=self._beside,
        )
        self.problem = Diagnostics(lambda text: self.copy.want(PROBLEM, {PROBLEM: text.encode()}))
        zone = settings.commands.zone()
        self.inbox = self._inbox(client, zone)
        self.extras = self._extras(client, zone)
        self._ghosts = 0
        self._about = Report(settings, self.reader, self.copy, self.inbox)
        self._certain = False
        self._found = asyncio.Event()
        self._next_refresh = settings.mqtt.refresh or math.inf
        self._words: tuple[str, bool] = (self.reader.health.word, False)
        self.to_be_replaced: Callable[[], bool] = lambda: False

    async def run(self) -> None:
        """Mirror for ever; when cancelled, `offline` is published and every command answered."""
        for name, section in (("evcc", self._settings.evcc), ("mqtt", self._settings.mqtt)):
            if section.address.tls and not section.verify:
                self._log.warning(
                    "the certificate is not checked: anybody can pose as the other side", option=f"{name}.verify"
                )
        async with TaskGroup() as group:
            group.create_task(self.copy.run(), name="mqtt")
            group.create_task(self.reader.run(), name="evcc")
            group.create_task(self.inbox.run(), name="commands")
            group.create_task(self.extras.run(), name="extras")
            group.create_task(self._tick(), name="tick")

    # what the reader of evcc tells

    def units(self, changes: Iterable[tuple[str, Any]]) -> None:
        """Bring changed units of the state to their topics."""
        aliases = self._settings.topics.aliases
        changed = {
            unit: _NOTHING if value is None else topics(unit, value, self._selection, aliases=aliases)
            for unit, value in changes
        }
        self.copy.want_all(changed)

    def document(self, old: State, new: State) -> None:
        """Take a change of the document."""
        self._tell_extras(old)
        if not old:
            self._found.set()
            version = new.get("version")
            self._log.info("evcc found", url=self._settings.evcc.url, version=version)
        if self.copy.connected and (not old or self._ghosts or _listed(old) != _listed(new)):
            self._ghosts = self.copy.sweep()

    def evcc_restarted(self) -> None:
        """Take a sign of a restart of evcc."""
        self.inbox.evcc_restarted()
        self.extras.evcc_restarted()

    def health(self) -> None:
        """Bring evcc's health to its topics: `status`, `updated`, `bridge/evcc`."""
        health = self.reader.health
        word = "starting" if health.word == "online" and self._ghosts else health.word
        if self._is_certain() != self._certain:
            self._tell_extras(self.reader.state)
        self.problem("evcc", health.reason or None)
        wrong = ", ".join(self.reader.disbelieved)
        self.problem("wrong types", f"evcc sends something else than before, not believed: {wrong}" if wrong else None)
        self.problem("push", self._no_push())
        if (word, health.fresh) != self._words:
            self._say_health(word)
            self._words = (word, health.fresh)
        self.copy.want("bridge/evcc", {"bridge/evcc": word.encode()})
        if self.copy.connected:
            self.copy.want("status", {"status": b"online" if health.fresh else b"offline"})
            self._about.updated()

    # what the copy at the broker tells

    def command(self, message: Message, *, stale: bool) -> None:
        """Take a `/set` message."""
        self.inbox.receive(message, stale=stale)

    def request(self, message: Message, *, stale: bool) -> None:
        """Take a question below `bridge/request/`."""
        self.extras.request(message, stale=stale)

    def broker_found(self) -> None:
        """Note that the broker has the whole tree."""
        link = self.copy.link
        self._log.info("broker found", url=self._settings.mqtt.url, mqtt="5" if link and link.v5 else "3.1.1")
        self.problem("broker", None)
        self._ghosts = self.copy.sweep()
        self._about.info()
        self.health()

    def broker_lost(self, reason: str) -> None:
        """Note that there is no connection to the broker."""
        self.problem("broker", reason)
        self.copy.want("status", {})  # the will has said it; ours comes when the whole tree is there again

    def stopping(self) -> None:
        """Say the last words to the broker."""
        self.inbox.stop()
        self.copy.connected = False
        if not self.to_be_replaced():
            self.copy.want("status", {"status": b"offline"})

    @property
    def ready(self) -> asyncio.Event:
        """Set once the broker has everything."""
        return self.copy.complete

    async def brought(self) -> None:
        """Wait until evcc has answered and the broker has acknowledged all of it."""
        await self._found.wait()
        await self.ready.wait()
        await self.copy.publisher.settled()

    def summary(self) -> str:
        """How all is, in one line."""
        health = self.reader.health
        broker = "connected" if self.copy.connected else "not connected"
        return f"evcc {health.word}, broker {broker}, {len(self.copy.tree.topics)} topics"

    def working(self) -> bool:
        """Whether polls come to an end and the broker acknowledges: then the process does its work."""
        now = time.monotonic()
        polled = now - self.reader.last_attempt <= 2 * self.reader.interval + self._settings.evcc.timeout + _TICK
        # with evcc away only our own health goes out; a dead connection stands for two keepalives
        patience = HEALTH_EVERY + 2 * self._settings.mqtt.keepalive + _SLACK
        link = self.copy.link
        return polled and (link is None or now - link.last_acknowledgement <= patience)

    def _inbox(self, client: Client, zone: tzinfo) -> Inbox:
        return Inbox(
            client,
            lambda: self.reader.state,
            self.copy,
            self._settings.commands,
            zone,
            ready=lambda: bool(self.reader.state) and not self.reader.starting,
            done=self._commanded,
            by_title=self._by_title.target if self._by_title else None,
        )

    def _extras(self, client: Client, zone: tzinfo) -> Extras:
        return Extras(
            client,
            lambda: self.reader.state,
            self.copy,
            self._settings,
            zone,
            problem=self.problem,
            refresh=self.reader.refresh,
            largest=self.copy.largest,
            well=self.reader.well,
        )

    def _homeassistant(self) -> tuple[Announcer | None, Annex]:
        """What announces everything to Home Assistant; switched off, what was announced before is taken back."""
        settings = self._settings
        permission = Permission.of(settings.commands)
        maker = HomeAssistant(settings.mqtt.root, settings.discovery.prefix, self._selection, permission)

        def publisher(root: str, wanted: Mapping[str, bytes]) -> Publisher:
            return Publisher(root, wanted, qos=settings.mqtt.qos, window=settings.mqtt.window, now=time.monotonic)

        def ours(topic: str, payload: bytes) -> bool:
            return self._settled("") and maker.ours(topic, payload)

        annex = Annex(maker.prefix, publisher, maker.filter, ours, maker.birth)
        if settings.discovery.homeassistant:
            return Announcer(maker, lambda: self.reader.state, lambda: self.copy.tree.topics, annex.want), annex
        annex.want({})
        return None, annex

    def _beside(self, sources: Mapping[str, Topics]) -> Mapping[str, Topics]:
        """The second tree, by title."""
        if self._by_title is None:
            return {}
        return self._by_title.beside(self.reader.state, sources, self.copy.tree.sources)

    def _settled(self, topic: str) -> bool:
        """Whether what evcc does not have by now is gone, and not only late."""
        first = self.reader.first_document
        if first is None or self.reader.starting:
            return False
        if self.extras.pending and (topic.startswith(_SLOW_SCOPES) or topic.endswith(_SLOW_TOPICS)):
            return False
        return time.monotonic() - first >= self.reader.grace

    def _no_push(self) -> str | None:
        """Why there is no push, where the user insists on it; without, polling is good enough to say nothing."""
        reason = self.reader.push_reason
        return str(reason) if self._settings.evcc.push == "on" and reason and self.reader.health.fresh else None

    def _commanded(self) -> None:
        self.reader.after_command()
        self.extras.commanded()

    def _tell_extras(self, old: State) -> None:
        """Hand the document on, with whether it is all that evcc has."""
        self._certain = self._is_certain()
        self.extras.changed(old, self.reader.state, certain=self._certain)

    def _is_certain(self) -> bool:
        return self.reader.health.answering and not self.reader.starting

    def _say_health(self, word: str) -> None:
        health = self.reader.health
        self.extras.evcc(online=health.fresh)
        if not health.reason:  # else the problem has said it
            self._log.info("evcc is " + word)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self.copy.tick()
            if self._ghosts:
                self._ghosts = self.copy.sweep()
            self.reader.tick()
            self._about.tick()
            if self._announcer and self.reader.state and not self.reader.starting:
                self._announcer.tick(time.monotonic())
            if self._about.uptime >= self._next_refresh:
                self._next_refresh = self._about.uptime + self._settings.mqtt.refresh
                self.copy.publisher.repeat()


def _listed(state: State) -> tuple[int, list[str]]:
    """Which loadpoints and vehicles evcc lists."""
    loadpoints, vehicles = state.get("loadpoints"), state.get("vehicles")
    return len(loadpoints) if isinstance(loadpoints, list) else 0, [*vehicles] if isinstance(vehicles, dict) else []
