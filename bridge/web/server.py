"""Runs the page in the daemon's event loop: the socket, connections and their limits."""

import asyncio
import logging
import socket
from asyncio import TaskGroup
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import structlog
import uvicorn
from h11 import IDLE, SEND_BODY
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.settings import Web
from bridge.site import Site
from bridge.util.backoff import Backoff
from bridge.util.recent_lines import RecentLines
from bridge.web.api import application
from bridge.web.view import View

_MOST_CONNECTIONS = 256
_BACKLOG = 64
_REQUEST = 20.0  # seconds in which a request must have come
_UNREAD = 60.0  # seconds that a client may leave what it is sent unread
_END = 0.5  # seconds in which requests end when the server does
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class Server:
    """The page, its API and the metrics of the sites by name, on `web.listen`; `wrong`: why others do not run."""

    def __init__(
        self,
        settings: Web,
        sites: Mapping[str, Site],
        recent: RecentLines,
        wrong: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._view = View(sites, recent, wrong, write=settings.write)
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Serve until cancelled; waits while another program has the port."""
        app = application(self._settings, self._view)
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what strangers send is no reason for a line
        async with TaskGroup() as group:
            group.create_task(self._view.run(), name="web view")
            with await self._listen() as listening:
                config = uvicorn.Config(
                    app,
                    http=Connection,
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    proxy_headers=False,
                    server_header=False,
                )
                self._log.info("page is served", url=f"http://{self._settings.listen}/")
                await _Uvicorn(config).serve([listening])

    async def _listen(self) -> socket.socket:
        host, _, port = str(self._settings.listen).rpartition(":")
        backoff, reason = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE), ""
        while True:
            try:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=_BACKLOG)
            except OSError as error:
                if error.strerror != reason:
                    reason = error.strerror or ""
                    self._log.error("page cannot be served", listen=self._settings.listen, reason=reason)
            await asyncio.sleep(backoff.next())


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the daemon, and ends at once when it is cancelled."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until cancelled."""
        try:
            await super().serve(sockets)
        finally:
            await self._end()

    async def _end(self) -> None:
        for listening in getattr(self, "servers", ()):  # there from the start on
            listening.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if tasks := set(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=_END)  # they end by themselves where nobody is connected any more
        for task in self.server_state.tasks:
            task.cancel()


class Connection(H11Protocol):
    """A connection with limits: how many there are, how long a request takes, how long an answer is not read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen: object = None
        self._check: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as its base has it
        """Begin; or end at once where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()
        else:
            self._check = self.loop.call_later(_REQUEST, self._check_request)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        for timer in (self._check, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to read, but not for long."""
        super().pause_writing()
        self._unread = self.loop.call_later(_UNREAD, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        if self._unread is not None:
            self._unread.cancel()
        super().resume_writing()

    def _check_request(self) -> None:
        """End a connection whose request has not come since the last check."""
        waiting = self.conn.their_state in {IDLE, SEND_BODY}
        if waiting and (self.cycle is None or self._seen is self.cycle):
            self.transport.abort()
            return
        self._seen = self.cycle if waiting else None
        self._check = self.loop.call_later(_REQUEST, self._check_request)
