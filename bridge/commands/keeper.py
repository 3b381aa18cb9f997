"""The battery mode, sent again and again: evcc lets an external one fall back after 60 s."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bridge.commands.answer import Outcome, Status
from bridge.commands.lane import Command
from bridge.commands.value import Clear

_EVERY = 30.0
_TOPIC = "site/batteryMode"


class Keeper:
    """Repeats the last battery mode that evcc took, until it is cleared or another command for it comes."""

    def __init__(
        self,
        queue: Callable[[Command], None],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._queue = queue
        self._monotonic = monotonic
        self._sleep = sleep
        self._newest: Command | None = None
        self._kept: Command | None = None

    def came(self, command: Command) -> None:
        """Note a command that came from outside."""
        if command.found.topic == _TOPIC:
            self._newest, self._kept = command, None

    def ended(self, command: Command, outcome: Outcome) -> None:
        """Note what became of a command."""
        if outcome.status is Status.OK and command is self._newest and not isinstance(command.value, Clear):
            self._kept = command
        elif outcome.status is Status.REFUSED and command.found.topic == _TOPIC:
            self._kept = None

    async def run(self) -> None:
        """Repeat until cancelled."""
        while True:
            await self._sleep(_EVERY)
            if self._kept is not None:
                now = self._monotonic()
                self._queue(replace(self._kept, arrived=now, deadline=now + _EVERY, message=None))
