"""Keeps what is announced to Home Assistant equal to what this evcc has, while evcc and its settings change."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from bridge.entities.entities import USUAL_EXTRAS, by_device
from bridge.entities.entity import Device, Options, Range
from bridge.evcc.reader import Reader, Update
from bridge.export.homeassistant import Announcement, HomeAssistant
from bridge.mqtt.mirror import Mirror
from bridge.settable.offered import PHASES
from bridge.settable.permission import Permission
from bridge.settable.setting import Word
from bridge.settable.table import SETTINGS
from bridge.settings import Settings
from bridge.state.known import VEHICLE_STATUS
from bridge.state.names import Selection
from bridge.state.state import Change, Scope

_PAUSE = 10.0  # seconds between announcements
_PROCESSING = 1.0  # seconds in which Home Assistant takes a configuration that it has received
_KEPT = 7 * 86400.0  # seconds
# values that configurations contain: names, units, options
_CONTAINED = frozenset(
    {"title", "siteTitle", "version", "currency", "smartCostType", "chargerFeatureHeating", *PHASES}
) | {setting.kind.listed for setting in SETTINGS if isinstance(setting.kind, Word)}
_STATUS = re.compile(rf"vehicles/[^/]+/(?:{'|'.join(VEHICLE_STATUS)})")
_STATE = tuple(f"{scope}/" for scope in Scope)


class Announcer:
    """Announces everything once evcc is complete, and again when settings or topics come, go or are renamed.

    A value that leaves the range or the options that were announced for it is another reason: these then include it.
    Home Assistant ignored the value by then, so it is published again after its new configuration.
    """

    def __init__(self, settings: Settings, reader: Reader, mirror: Mirror) -> None:
        self._enabled = settings.discovery.homeassistant
        self._homeassistant = HomeAssistant.of(settings)
        self._selection = Selection.of(settings)
        self._permission = Permission.of(settings.commands)
        self._reader = reader
        self._mirror = mirror
        self._shape = -1
        self._outdated = True
        self._due = asyncio.Event()
        self._limits: dict[str, Range | Options] = {}
        self._missing: dict[str, float] = {}

    def update(self, update: Update) -> None:
        """Note whether a change of evcc's state changes what is announced."""
        if self._enabled:
            self._outdated = self._outdated or any(map(self._concerns, update.changes))
            self._wake()

    async def run(self) -> None:
        """Announce for ever; where discovery is off, take back once what was announced before."""
        if not self._enabled:
            self._mirror.discovery.set({})
            return
        await self._mirror.complete.wait()
        while True:
            await self._until_due()
            await self._announce()
            await asyncio.sleep(_PAUSE)

    async def _until_due(self) -> None:
        """Wait for a reason to announce; topics that are not of the state come and go without an update."""
        self._wake()
        while not self._due.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE):
                    await self._due.wait()
            self._wake()

    def _wake(self) -> None:
        if self._reader.complete and (self._outdated or self._shape != self._mirror.tree.desired.shape):
            self._due.set()

    async def _announce(self) -> None:
        self._outdated, self._shape = False, self._mirror.tree.desired.shape
        self._due.clear()
        extra_topics = {topic: payload for topic, payload in self._mirror.tree.topics.items() if not _is_state(topic)}
        announcements: list[Announcement] = []
        view, extras, language = self._reader.view, {**USUAL_EXTRAS, **extra_topics}, self._homeassistant.language
        for entities in by_device(view, self._selection, extras, self._permission, language):
            announcements += self._homeassistant.announcements(entities)
            await asyncio.sleep(0)
        ignored = self._ignored(announcements)
        topics = {topic: payload for topic, payload, _ in announcements}
        self._mirror.discovery.set(topics, kept=self._absent(topics, {one.entity.device for one in announcements}))
        if ignored:
            await self._mirror.discovery.settled()
            await asyncio.sleep(_PROCESSING)
            self._mirror.tree.republish(ignored)

    def _absent(self, announced: Mapping[str, bytes], devices: Iterable[Device]) -> set[str]:
        """Topics of held configurations that stay: readings that a device lacks now, for a week of this run.

        evcc leaves out what it cannot read, such as the currents of a charger that is switched off.
        """
        found = self._homeassistant.readings(self._mirror.discovery.held, announced, devices)
        now = asyncio.get_running_loop().time()
        self._missing = {topic: self._missing.get(topic, now) for topic in found}
        return {topic for topic, since in self._missing.items() if now - since < _KEPT}

    def _ignored(self, announcements: list[Announcement]) -> set[str]:
        """Note the limits of every value; the topics of those whose configuration differs from the broker's."""
        limited = {
            one.entity.topic: (one, one.entity.control.widget)
            for one in announcements
            if one.entity.topic and one.entity.control and isinstance(one.entity.control.widget, Range | Options)
        }
        self._limits = {topic: widget for topic, (_, widget) in limited.items()}
        holds = self._mirror.discovery.holds
        return {topic for topic, (one, _) in limited.items() if not holds(one.topic, one.payload)}

    def _concerns(self, change: Change) -> bool:
        """Whether a configuration contains what has changed, or does not allow for its new value."""
        if change.key in _CONTAINED or _titles(change.old) != _titles(change.new):
            return True
        limits = self._limits.get(f"{change.target.topic}/{change.key}")
        return limits is not None and not limits.has(change.new)


def _is_state(topic: str) -> bool:
    return topic.startswith(_STATE) and topic != "site/telemetry" and not _STATUS.fullmatch(topic)


def _titles(value: Any) -> list[Any]:
    """The titles of the meters, batteries or circuits in a value of the site."""
    below = value.get("devices", value) if isinstance(value, Mapping) else value
    items = below.values() if isinstance(below, Mapping) else below if isinstance(below, list) else ()
    return [item.get("title") for item in items if isinstance(item, Mapping)]
