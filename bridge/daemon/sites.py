"""The sites that run: started one after another, stopped and started again when their configuration has changed."""

import asyncio
from asyncio import Task, TaskGroup
from collections.abc import Mapping
from contextlib import suppress

import structlog

from bridge.daemon import resources
from bridge.errors import ConfigError
from bridge.settings import Configuration, Settings
from bridge.site import Site
from bridge.util.backoff import Backoff
from bridge.util.gate import Gates

_PACE = 0.01  # seconds between two starts; more where the event loop is busy with those that have begun
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0  # seconds before a site that has failed is started again
_LONGEST_START = 120.0  # seconds after which sites that have not published everything are not waited for
_SHOWN = 3  # sites in the line for systemd


class Sites:
    """The sites of this process, each a task in `group`; none of several ends because another one has failed."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._gates = Gates()
        self._tasks: dict[str, Task[None]] = {}
        self._settings: dict[str, Settings] = {}
        self._several = False
        self._running: dict[str, Site] = {}
        self._wrong: dict[str, str] = {}
        self._applied = asyncio.Event()
        self._settling: Task[None] | None = None
        self._log = structlog.get_logger()

    @property
    def running(self) -> Mapping[str, Site]:
        """The sites by name, as they come and go."""
        return self._running

    @property
    def wrong(self) -> Mapping[str, str]:
        """Why a site does not run, by its name."""
        return self._wrong

    def differing(self, configuration: Configuration) -> list[str]:
        """The sites that are to stop or to start for a configuration."""
        names = {**self._settings, **configuration.sites}
        return [name for name in names if configuration.sites.get(name) != self._settings.get(name)]

    async def apply(self, configuration: Configuration) -> None:
        """Stop sites that are gone or have changed, which makes them `offline`; start those that are new or changed."""
        self._applied.clear()
        self._several = configuration.several
        self._note_wrong(configuration.wrong)
        names = self.differing(configuration)
        if self._several and names:
            self._settle(len(configuration.sites))
        await self._stop([name for name in names if name in self._settings])
        for name in names:
            if (settings := configuration.sites.get(name)) is not None:
                self._start(name, settings)
                await asyncio.sleep(_PACE)
        self._applied.set()

    async def stop(self) -> None:
        """Stop all of them at once."""
        if self._settling is not None:
            self._settling.cancel()
        await self._stop([*self._settings])

    async def published(self) -> None:
        """Wait until every site has published everything for the first time."""
        await self._applied.wait()
        for site in [*self._running.values()]:
            await site.report.published()

    def is_working(self) -> bool:
        """Whether systemd is to leave this process alone; of several sites, one that hangs is no reason to end all."""
        return not self._running or any(site.report.is_working() for site in self._running.values())

    def summary(self) -> str:
        """One line for `systemctl status`."""
        if not self._several:
            return "; ".join(site.report.summary() for site in self._running.values())
        absent = {name: site.report.summary() for name, site in self._running.items() if not site.report.is_online}
        shown = [f"{name}: {text}" for name, text in [*self._wrong.items(), *absent.items()][:_SHOWN]]
        total = len(self._running) + len(self._wrong)
        return "; ".join([f"{len(self._running) - len(absent)} of {total} sites online", *shown])

    def _settle(self, sites: int) -> None:
        """Adapt the process to so many sites: now that some are to come or go, and when they have published all."""
        resources.prepare(sites)
        if self._settling is not None:
            self._settling.cancel()
        self._settling = self._group.create_task(self._settle_later(), name="resources")

    async def _settle_later(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_START):
                await self.published()
        resources.settle()

    def _note_wrong(self, wrong: Mapping[str, str]) -> None:
        for name, reason in wrong.items():
            if self._wrong.get(name) != reason:
                self._log.error("site does not run: its configuration is wrong", site=name, reason=reason)
        self._wrong.clear()
        self._wrong.update(wrong)

    def _start(self, name: str, settings: Settings) -> None:
        self._settings[name] = settings
        run = self._run_one_of_several if self._several else self._run
        self._tasks[name] = self._group.create_task(run(name, settings), name=f"site {name}")

    async def _stop(self, names: list[str]) -> None:
        # taken out first: a second stop, while this one waits, must not cancel what a site does at its end
        tasks = [self._tasks.pop(name) for name in names]
        for name, task in zip(names, tasks, strict=True):
            del self._settings[name]
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, name: str, settings: Settings) -> None:
        site = self._running[name] = Site(settings, self._gates)
        try:
            await site.run()
        finally:
            del self._running[name]

    async def _run_one_of_several(self, name: str, settings: Settings) -> None:
        """Run a site until cancelled; start it again where it fails, which leaves the other ones alone."""
        structlog.contextvars.bind_contextvars(site=name)
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            try:
                await self._run(name, settings)
            except ConfigError as error:
                self._note_wrong({**self._wrong, name: str(error)})
                del self._settings[name], self._tasks[name]
                return
            except Exception:  # noqa: BLE001 - a defect that one site's data bring out is no other one's
                self._log.exception("site has failed, and is started again")
            await asyncio.sleep(backoff.next())
