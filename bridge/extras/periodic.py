"""Base class of everything that is read from evcc again and again."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import structlog

from bridge.errors import EvccError, Refused
from bridge.evcc.reader import Reader, Update
from bridge.extras.rest import Rest
from bridge.mqtt.mirror import Mirror
from bridge.settings import Settings
from bridge.state.names import Selection
from bridge.state.state import Target
from bridge.util.backoff import Backoff
from bridge.util.diagnostics import Diagnostics

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
# about a minute with these pauses
_ATTEMPTS = 5
# not even what is always due occupies the event loop
_SHORTEST_PAUSE = 0.1
# how long a jump of the wall clock may go unnoticed
_LONGEST_SLEEP = 20.0


@dataclass(frozen=True, slots=True)
class Access:
    """What every periodic read works with."""

    rest: Rest
    reader: Reader
    mirror: Mirror
    settings: Settings
    diagnostics: Diagnostics


class Periodic(ABC):
    """Reads while evcc is complete: first of all, when asked, when due, and with growing pauses after a failure.

    `name` is the source of its topics in the mirror, `topics` the filters (below the root) that only it publishes:
    what the broker holds there is no orphan before the first read. `operations` are those that it calls, as evcc
    describes them.
    """

    name: ClassVar[str]
    topics: ClassVar[tuple[str, ...]] = ()
    operations: ClassVar[tuple[str, ...]] = ()

    def __init__(self, access: Access) -> None:
        self._rest = access.rest
        self._reader = access.reader
        self._mirror = access.mirror
        self._selection = Selection.of(access.settings)
        self._asked = asyncio.Event()
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._failures = 0
        self._log = structlog.get_logger()
        for topic in self.topics:
            self._mirror.tree.wait(topic)

    @classmethod
    def enabled(cls, settings: Settings) -> bool:  # noqa: ARG003  most are always on
        """Whether it is switched on."""
        return True

    @abstractmethod
    async def read(self) -> None:
        """Read from evcc what is due or was asked for, and publish it; EvccError or Refused when that fails."""

    @abstractmethod
    def due_in(self) -> float:
        """The seconds until the next read is due by now; infinite when only a reason brings it."""

    def update(self, update: Update) -> None:
        """Take a change of evcc's state."""
        if update.restarted:
            self.refresh()

    def commanded(self, target: Target, key: str) -> None:  # noqa: B027  most concern no command
        """Note that a setting was set."""

    def ask(self) -> None:
        """Read as soon as evcc is complete: what is known may be outdated."""
        self._asked.set()

    def refresh(self) -> None:
        """As `ask`, for all that it reads."""
        self.ask()

    def publish(self, topics: Mapping[str, bytes]) -> None:
        """Set the desired topics, all of them; those that the configuration excludes are left out."""
        self._mirror.tree.set(self.name, self.selected(topics))

    def selected(self, topics: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those of the topics that the configuration publishes."""
        return {topic: payload for topic, payload in topics.items() if self._selection.takes(topic)}

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self._rest.complete.wait()
            self._asked.clear()
            await self._pause(await self._attempt())

    async def _attempt(self) -> float | None:
        """Read once; the seconds until the next attempt when it failed, else None."""
        try:
            await self.read()
        except (EvccError, Refused) as error:
            if not self._failures:
                self._log.warning("reading from evcc failed", what=self.name, error=str(error))
            self._failures += 1
            if self._failures == _ATTEMPTS:
                self._release()
            return self._backoff.next()
        self._failures = 0
        self._backoff.reset()
        self._release()
        return None

    def _release(self) -> None:
        """Let the mirror erase what is not published by now."""
        for topic in self.topics:
            self._mirror.tree.known(topic)

    async def _pause(self, retry: float | None) -> None:
        """Wait until it is due or asked for; after a failure until `retry` seconds have passed, or it is asked for.

        When it is due may depend on the wall clock, which may jump: it is worked out again every few seconds.
        """
        loop = asyncio.get_running_loop()
        retry_at = None if retry is None else loop.time() + retry
        await asyncio.sleep(_SHORTEST_PAUSE)
        while not self._asked.is_set():
            left = self.due_in() if retry_at is None else retry_at - loop.time()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LONGEST_SLEEP)):
                    await self._asked.wait()
