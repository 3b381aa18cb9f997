"""evcc's `/ws`: the whole state once, then every change as it happens."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from bridge.errors import EvccError, Invalid, NotReady, Unreachable
from bridge.evcc.client import tls_context
from bridge.settings import Evcc
from bridge.util.backoff import Backoff
from bridge.util.json import parse_evcc_json

_LONGEST_PAUSE = 60.0
_PAUSE_WHERE_MISSING = 600.0


class Listener(Protocol):
    """Who is told what `/ws` brings."""

    def frame(self, frame: dict[str, Any]) -> None:
        """Take one frame: dotted keys with 0-based numbers -> values."""

    def push_up(self) -> None:
        """Note that `/ws` is connected; the whole state comes next."""

    def push_down(self, reason: EvccError) -> None:
        """Note that `/ws` is gone, silent or was never there; NotReady: this evcc has none, or not yet."""


class Push:
    """Keeps a connection to `/ws`; `silence` gives the seconds without any frame after which it counts as dead."""

    def __init__(self, settings: Evcc, listener: Listener, silence: Callable[[], float]) -> None:
        self._settings = settings
        self._listener = listener
        self._silence = silence
        # once: a file that is just being renewed when a connection is lost must not matter
        self._tls = tls_context(settings) if settings.url.startswith("https") else None
        self._pause = Backoff(1.0, _LONGEST_PAUSE)
        self._retry = asyncio.Event()

    def retry(self) -> None:
        """Try again at once: something says that evcc is back."""
        self._pause.reset()
        self._retry.set()

    async def run(self) -> None:
        """Connect, hand on every frame, and connect again with growing pauses, for ever."""
        while True:
            try:
                async with self._connection() as connection:
                    await self._receive(connection)
            except EvccError as error:
                self._listener.push_down(error)
                await self._wait(_PAUSE_WHERE_MISSING if isinstance(error, NotReady) else _LONGEST_PAUSE)

    async def _receive(self, connection: ClientConnection) -> None:
        self._listener.push_up()
        heard = True
        while heard:  # one timer for many frames: they come in hundreds
            heard = False
            with suppress(TimeoutError):
                async with asyncio.timeout(self._silence()):
                    while True:
                        frame = _read(await connection.recv(decode=False))
                        heard = True
                        self._listener.frame(frame)
                        self._pause.reset()
        raise Unreachable("evcc's /ws is silent")

    async def _wait(self, longest: float) -> None:
        self._retry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause.next(longest)):
                await self._retry.wait()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[ClientConnection]:
        """One connection; every way in which it can fail is an error of ours."""
        url = "ws" + self._settings.url.removeprefix("http") + "/ws"
        try:
            async with _Connect(
                url,
                ssl=self._tls,
                additional_headers=_authorization(self._settings),
                compression=None,
                max_size=self._settings.max_body,
                open_timeout=self._settings.timeout,
                close_timeout=1,
                proxy=None,
            ) as connection:
                yield connection
        except InvalidStatus as error:
            status = error.response.status_code
            kind = NotReady if status == 404 else Invalid
            raise kind(f"evcc's /ws answers {status}") from None
        except TimeoutError:
            raise Unreachable("evcc's /ws is silent") from None
        except (WebSocketException, OSError) as error:
            raise Unreachable(f"evcc's /ws is closed: {error}") from None


class _Connect(connect):
    """A connection to the address given, and to no other; it surely ends."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye, and end also when this is cancelled (by a reload): frames not read hide evcc's own end."""
        transport = self.connection.transport
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            transport.abort()

    def process_redirect(self, exc: Exception) -> Exception:
        """Follow no redirect: as in REST, the final address is to be set."""
        return exc


def _read(message: bytes) -> dict[str, Any]:
    try:
        frame = parse_evcc_json(message)
    except ValueError as error:
        raise Invalid(f"evcc's /ws sent what cannot be read: {error}") from None
    if not isinstance(frame, dict):
        raise Invalid("evcc's /ws sent what is no object")
    return frame


def _authorization(settings: Evcc) -> dict[str, str]:
    pair = settings.login
    return {"Authorization": "Basic " + base64.b64encode(":".join(pair).encode()).decode()} if pair else {}
