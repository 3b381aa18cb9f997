"""evcc's `/ws`: the whole state once, then every change as it happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from bridge.errors import Invalid, NotReady, Unreachable
from bridge.evcc.client import MAX_BODY, authorization, tls_context
from bridge.settings import Evcc
from bridge.state.values import LARGE, is_excessive
from bridge.util.backoff import Backoff
from bridge.util.json import parse_evcc_json

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_PAUSE_WHERE_MISSING = 600.0  # an old evcc has no /ws
_STEADY = 10.0  # seconds that a connection must have brought frames before the pauses are short again
_MOST_BAD_IN_A_ROW = 10


class Frames:
    """The frames of one connection."""

    def __init__(self, connection: ClientConnection, backoff: Backoff) -> None:
        self._connection = connection
        self._backoff = backoff
        self._opened = asyncio.get_running_loop().time()
        self._bad_in_a_row = 0
        self.skipped = 0

    async def next(self, silence: float) -> dict[str, Any]:
        """The next frame: dotted keys with 0-based numbers, and their values.

        What is no JSON object is skipped. Invalid after ten such frames in a row, Unreachable when the connection
        ends or nothing comes for `silence` seconds.
        """
        while True:
            async with asyncio.timeout(silence):
                message = await self._connection.recv(decode=False)
            try:
                frame = parse_frame(message)
            except Invalid:
                self.skipped += 1
                self._bad_in_a_row += 1
                if self._bad_in_a_row >= _MOST_BAD_IN_A_ROW:
                    raise
                continue
            self._bad_in_a_row = 0
            if asyncio.get_running_loop().time() - self._opened >= _STEADY:
                self._backoff.reset()
            return frame


class Push:
    """Connections to `/ws`, one after another, with pauses that grow until one has held for a while."""

    def __init__(self, settings: Evcc) -> None:
        self._settings = settings
        # once: a file that is just being renewed when a connection is lost must not matter
        self._tls = tls_context(settings) if settings.url.startswith("https") else None
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._retry = asyncio.Event()

    def retry(self) -> None:
        """End the pause: evcc is back."""
        self._backoff.reset()
        self._retry.set()

    async def pause(self, *, missing: bool = False) -> None:
        """Wait before the next attempt; `missing`: this evcc seems to have no `/ws`."""
        self._retry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.next(_PAUSE_WHERE_MISSING if missing else _LONGEST_PAUSE)):
                await self._retry.wait()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Frames]:
        """One connection; NotReady where there is no `/ws`, Invalid or Unreachable for all other ways to fail."""
        url = "ws" + self._settings.url.removeprefix("http") + "/ws"
        try:
            async with _Connect(
                url,
                ssl=self._tls,
                additional_headers=authorization(self._settings),
                compression=None,
                max_size=MAX_BODY,
                open_timeout=self._settings.timeout,
                close_timeout=1,
                proxy=None,
            ) as connection:
                yield Frames(connection, self._backoff)
        except InvalidStatus as error:
            status = error.response.status_code
            kind = NotReady if status == 404 else Invalid
            raise kind(f"evcc's /ws answers {status}") from None
        except TimeoutError:
            raise Unreachable("evcc's /ws is silent") from None
        except (WebSocketException, OSError, ValueError, EOFError) as error:
            raise Unreachable(f"evcc's /ws is closed: {error}") from None


def parse_frame(message: bytes) -> dict[str, Any]:
    """The JSON object in a message of `/ws`; Invalid when it is none."""
    try:
        frame = parse_evcc_json(message)
    except ValueError as error:
        raise Invalid(f"evcc's /ws sends what cannot be read: {error}") from None
    if not isinstance(frame, dict):
        raise Invalid("evcc's /ws sends what is no object")
    if len(message) > LARGE and is_excessive(frame):
        raise Invalid("evcc's /ws sends more values than any evcc has")
    return frame


class _Connect(connect):
    """A connection to the address given, and to no other, that always ends."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, and end also when this is cancelled: frames that are not read hide evcc's own end."""
        transport = self.connection.transport
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            transport.abort()

    def process_redirect(self, exc: Exception) -> Exception:
        """Follow no redirect: as in REST, the final address is to be set."""
        return exc
