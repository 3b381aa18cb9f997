"""The process: reads the configuration, runs the site, handles signals, and notifies systemd."""

import asyncio
import gc
import signal
import threading
from asyncio import TaskGroup
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import structlog

from bridge.errors import ConfigError
from bridge.settings import Settings, load
from bridge.site import Site
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
    gc.collect()
    gc.freeze()  # imported modules stay for good: full collections need not look through them
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_DaemonThreads())
        runner.run(daemon.run())
    return 0


class Daemon:
    """Runs the site; on SIGHUP reads the configuration again, and restarts the site if that has changed."""

    def __init__(self, overrides: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._overrides = overrides
        self._environment = environment
        self._recent = RecentLines()
        self._settings = self._load()
        self._notifier = Notifier(environment)
        self._signalled = asyncio.Event()
        self._stopping = False
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Run until stopped by a signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._signalled.set)
        while not self._stopping:
            await self._run_site()
        self._log.info("stopped")

    async def _run_site(self) -> None:
        site = Site(self._settings)
        async with TaskGroup() as group:
            running = group.create_task(site.run(), name="site")
            notifying = group.create_task(self._notify(site), name="systemd")
            serving = group.create_task(self._serve(site), name="web")
            await self._until_changed()
            running.cancel()
            notifying.cancel()
            serving.cancel()

    async def _serve(self, site: Site) -> None:
        """Serve page and metrics where they are switched on."""
        if self._settings.web.listen:
            from bridge.web.server import Server  # noqa: PLC0415  4 MB that nobody needs without the page

            await Server(self._settings.web, {self._settings.mqtt.root: site}, self._recent).run()

    async def _until_changed(self) -> None:
        """Wait for the signal to stop, or for a changed configuration."""
        settings = self._settings
        while not self._stopping and self._settings == settings:
            await self._signalled.wait()
            self._signalled.clear()
            if not self._stopping:
                self._reload()
        if self._stopping:
            self._notifier.stopping()

    def _reload(self) -> None:
        before = self._settings
        self._notifier.reloading()
        try:
            self._settings = self._load()
        except ConfigError as error:
            self._log.error("the new configuration is not used", reason=str(error))
            self._notifier.ready("the new configuration is not used")
            return
        if self._settings == before:
            self._log.info("configuration read again: nothing has changed")
            self._notifier.ready("configuration unchanged")
        else:
            self._log.info("configuration read again: restarting the site")

    def _stop(self) -> None:
        self._stopping = True
        self._signalled.set()

    def _load(self) -> Settings:
        hints: list[str] = []
        settings = load(self._overrides, self._environment, hints=hints)
        recent = self._recent if settings.web.listen else None
        logging.configure(settings.log.level, settings.log.format, settings.secrets(), recent=recent)
        for hint in hints:
            structlog.get_logger().warning(hint)
        return settings

    async def _notify(self, site: Site) -> None:
        """READY once everything is published, or after 10 s; then the watchdog while the site works."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_START):
                await site.report.published()
        self._notifier.ready(site.report.summary())
        period = self._notifier.watchdog_period
        while True:
            if site.report.is_working():
                self._notifier.watchdog()
            self._notifier.status(site.report.summary())
            await asyncio.sleep(period / 3 if period else _STATUS_PERIOD)


class _DaemonThreads(ThreadPoolExecutor):
    """Threads that the process does not wait for at its end: resolving a name may take many seconds."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a thread of its own."""
        future: Future[Any] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed on to the caller by the future
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=call, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - its base's
        """Leave the threads to their end."""
