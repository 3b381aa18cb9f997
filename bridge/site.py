"""One evcc below one root of one broker: builds the parts, and hands on each change of evcc's state."""

import asyncio
from asyncio import TaskGroup

import structlog

from bridge.commands.dispatcher import Dispatcher
from bridge.discovery.announcer import Announcer
from bridge.evcc.client import EvccClient
from bridge.evcc.reader import Reader
from bridge.extras import Extras
from bridge.mqtt.mirror import Mirror
from bridge.report import Report
from bridge.settings import Settings
from bridge.state.contract import Contract
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.util.diagnostics import Diagnostics
from bridge.util.gate import Gates

_AT_ONCE = 500  # values that become topics before others have their turn


class Site:
    """The parts of one site: `run` keeps the topics below its root equal to evcc's state until it is cancelled.

    `gates` are shared by the sites of a process.
    """

    def __init__(self, settings: Settings, gates: Gates | None = None) -> None:
        self.settings = settings
        self._layout = Layout(
            Selection(settings.topics.include, settings.topics.exclude), aliases=settings.topics.aliases
        )
        self.diagnostics = Diagnostics()
        self.client = EvccClient(settings.evcc)
        contract = Contract.of(settings.topics.contract)
        self.reader = Reader(self.client, settings.evcc, self.diagnostics, contract)
        self.mirror = Mirror(settings, self.reader, self.diagnostics, gates)
        self.dispatcher = Dispatcher(self.client, self.reader, self.mirror, settings.commands, self.diagnostics)
        self.extras = Extras(self.client, self.reader, self.mirror, settings, self.diagnostics)
        self.announcer = Announcer(settings, self.reader, self.mirror)
        self.report = Report(settings, self.reader, self.mirror, self.dispatcher, self.diagnostics)

    async def run(self) -> None:
        """Run until cancelled; then every command has its answer, and `status` is `offline`."""
        self._warn_unverified()
        async with self.client, TaskGroup() as group:
            group.create_task(self.mirror.run(), name="mqtt")
            commands = group.create_task(self.dispatcher.run(), name="commands")
            try:
                await self._run_parts()
            finally:
                self.dispatcher.stop()
                await self.mirror.close()
                commands.cancel()  # until now it has answered what came, so that no command is without an answer

    async def _run_parts(self) -> None:
        async with TaskGroup() as parts:
            parts.create_task(self._follow(), name="updates")
            parts.create_task(self.reader.run(), name="evcc")
            parts.create_task(self._follow_commands(), name="journal")
            parts.create_task(self.extras.run(), name="extras")
            parts.create_task(self.announcer.run(), name="discovery")
            parts.create_task(self.report.run(), name="report")
            if self.settings.mqtt.refresh:
                parts.create_task(self._refresh(self.settings.mqtt.refresh), name="refresh")

    async def _follow(self) -> None:
        """Hand on what changed: topics first, so that an event or an announcement never precedes its value."""
        async for update in self.reader.updates():
            for start in range(0, len(update.changes), _AT_ONCE):
                if start:
                    await asyncio.sleep(0)
                changes = update.changes[start : start + _AT_ONCE]
                self.mirror.tree.update({change.source: self._layout.topics(change) for change in changes})
            self.dispatcher.update(update)
            self.extras.update(update)
            self.announcer.update(update)
            self.report.update(update)

    async def _follow_commands(self) -> None:
        """Read again what evcc's state does not show of a setting, once a command has set it."""
        async for entry in self.dispatcher.journal.follow():
            if entry.found is not None and entry.ok:
                self.extras.commanded(entry.found.target, entry.found.setting.leaf)

    async def _refresh(self, seconds: float) -> None:
        """Publish everything again now and then, for clients that let values expire."""
        while True:
            await asyncio.sleep(seconds)
            self.mirror.tree.republish()

    def _warn_unverified(self) -> None:
        for name, section in (("evcc", self.settings.evcc), ("mqtt", self.settings.mqtt)):
            if section.address.tls and not section.verify:
                structlog.get_logger().warning(
                    "certificate is not checked: the connection can be intercepted", option=f"{name}.verify"
                )
