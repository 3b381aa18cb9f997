"""The process: signals, reloads, and what systemd is told."""

import asyncio
import gc
import signal
import threading
from asyncio import TaskGroup
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import structlog

from bridge.errors import ConfigError
from bridge.evcc.client import Client
from bridge.settings import Settings
from bridge.site import Site
from bridge.util.sd_notify import Notifier

_PATIENCE = 10.0  # seconds: systemd, the boot and a package's installation wait for us, evcc may be away for hours

Load = Callable[[], Settings]


def run(load: Load) -> int:
    """Run the bridge until SIGTERM or SIGINT; the exit code. ConfigError when it cannot even begin.

    `load` reads the configuration; it is called again on SIGHUP.
    """
    settings = load()
    gc.collect()
    gc.freeze()  # what has been imported stays: looking through it again and again takes longer than all else
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_Expendable())
        runner.run(Daemon(load, settings).run())
    return 0


class Daemon:
    """Runs a site, and another one in its place when the configuration is read again."""

    def __init__(self, load: Load, settings: Settings) -> None:
        self._load = load
        self._settings = settings
        self._notify = Notifier()
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Run until stopped."""
        self._catch_signals()
        while not self._stop.is_set():
            await self._run_site(self._settings)
        self._log.info("stopped")

    async def _run_site(self, settings: Settings) -> None:
        async with Client(settings.evcc) as client:
            site = Site(settings, client)
            async with TaskGroup() as group:
                running = group.create_task(site.run(), name="site")
                telling = group.create_task(self._tell(site), name="systemd")
                await self._until_told()
                # only then does the next one's first word surely overwrite its last
                site.to_be_replaced = lambda: not self._stop.is_set() and self._settings.mqtt == settings.mqtt
                running.cancel()
                telling.cancel()

    async def _until_told(self) -> None:
        """Wait for the end, or for a new configuration that can be used."""
        while not self._stop.is_set():
            await self._either()
            if self._stop.is_set():
                self._notify.stopping()
                return
            self._reload.clear()
            self._notify.reloading()
            try:
                self._settings = self._load()
            except ConfigError as error:
                self._log.error("the new configuration is not used", reason=str(error))
                self._notify.ready("the new configuration is not used")
            else:
                self._log.info("configuration read again")
                return

    async def _either(self) -> None:
        async with TaskGroup() as group:
            waits = [group.create_task(event.wait()) for event in (self._stop, self._reload)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _tell(self, site: Site) -> None:
        """Tell systemd when all is there, and that it goes on, as long as it really does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await site.brought()
        self._notify.ready(site.summary())
        period = self._notify.watchdog_period or 60.0
        while True:
            if site.working():
                self._notify.watchdog()
            self._notify.status(site.summary())
            await asyncio.sleep(period / 3)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)


class _Expendable(ThreadPoolExecutor):
    """Threads that nobody waits for at the end: a name that does not resolve would hold it up for many seconds."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a thread of its own."""
        future: Future[Any] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed on to whoever asked
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=call, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - its base's
        """Leave the threads to their end."""
