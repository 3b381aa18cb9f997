"""The process: reads the configuration, runs the sites and the page, handles signals, and notifies systemd."""

import asyncio
import signal
from asyncio import Task, TaskGroup
from collections.abc import Mapping
from contextlib import suppress

import structlog

from bridge.daemon import resources
from bridge.daemon.sites import Sites
from bridge.daemon.threads import DaemonThreads
from bridge.errors import ConfigError
from bridge.settings import Configuration, configuration
from bridge.util import logging
from bridge.util.recent_lines import RecentLines
from bridge.util.sd_notify import Notifier

# seconds until READY without evcc or broker: systemd, the boot and a package's installation wait for it
_LONGEST_START = 10.0
_STATUS_PERIOD = 20.0  # seconds between two notifications where systemd does not ask for a watchdog


def run(overrides: Mapping[str, str], environment: Mapping[str, str]) -> int:
    """Run the bridge until SIGTERM or SIGINT; returns the exit code.

    `overrides` are the options of the command line, `environment` the variables. ConfigError when the
    configuration cannot be used.
    """
    daemon = Daemon(overrides, environment)
    resources.settle()  # imported modules stay for good
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(DaemonThreads())
        runner.run(daemon.run())
    return 0


class Daemon:
    """Runs the sites; on SIGHUP reads the configuration again, and restarts the sites that have changed."""

    def __init__(self, overrides: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._overrides = overrides
        self._environment = environment
        self._recent = RecentLines()
        self._configuration = self._load()
        self._notifier = Notifier(environment)
        self._reloads = asyncio.Event()
        self._stops = asyncio.Event()
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Run until stopped by a signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stops.set)
        loop.add_signal_handler(signal.SIGHUP, self._reloads.set)
        async with TaskGroup() as group:
            sites = Sites(group)
            tasks = (
                group.create_task(self._follow_configuration(sites), name="configuration"),
                group.create_task(self._notify(sites), name="systemd"),
                group.create_task(resources.trim(), name="memory"),
            )
            await self._stops.wait()
            self._notifier.stopping()
            await _end(*tasks)
            await sites.stop()
        self._log.info("stopped")

    async def _follow_configuration(self, sites: Sites) -> None:
        """Apply the configuration, now and whenever it has been read again."""
        async with TaskGroup() as group:
            page = group.create_task(self._serve(sites), name="web")
            await sites.apply(self._configuration)
            while True:
                await self._reloads.wait()
                self._reloads.clear()
                web = self._configuration.settings.web
                self._notifier.reloading()
                outcome = self._reload(sites)
                if self._configuration.settings.web != web:
                    await _end(page)
                    page = group.create_task(self._serve(sites), name="web")
                await sites.apply(self._configuration)
                self._notifier.ready(outcome)

    def _reload(self, sites: Sites) -> str:
        """Read the configuration again, and log what comes of it; in a few words for systemd."""
        before = self._configuration
        try:
            self._configuration = self._load()
        except ConfigError as error:
            self._log.error("the new configuration is not used", reason=str(error))
            return "the new configuration is not used"
        if self._configuration == before:
            self._log.info("configuration read again: nothing has changed")
            return "configuration unchanged"
        names = sites.differing(self._configuration)
        if self._configuration.several:
            self._log.info("configuration read again", changed_sites=", ".join(names) or "none")
        else:
            self._log.info(f"configuration read again: {'restarting the site' if names else 'the site goes on'}")
        return "configuration read again"

    async def _serve(self, sites: Sites) -> None:
        """Serve page and metrics where they are switched on."""
        web = self._configuration.settings.web
        if web.listen:
            from bridge.web.server import Server  # noqa: PLC0415  4 MB that nobody needs without the page

            await Server(web, sites.running, self._recent, sites.wrong).run()

    def _load(self) -> Configuration:
        hints: list[str] = []
        found = configuration(self._overrides, self._environment, hints=hints)
        log = found.settings.log
        recent = self._recent if found.settings.web.listen else None
        logging.configure(log.level, log.format, found.secrets(), recent=recent)
        for hint in hints:
            structlog.get_logger().warning(hint)
        return found

    async def _notify(self, sites: Sites) -> None:
        """READY once everything is published, or after 10 s; then the watchdog while the sites work."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_START):
                await sites.published()
        self._notifier.ready(sites.summary())
        period = self._notifier.watchdog_period
        while True:
            if sites.is_working():
                self._notifier.watchdog()
            self._notifier.status(sites.summary())
            await asyncio.sleep(period / 3 if period else _STATUS_PERIOD)


async def _end(*tasks: Task[None]) -> None:
    """Cancel tasks, and wait for their end; what one of them has raised ends its group."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
