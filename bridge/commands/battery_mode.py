"""The battery mode, sent again and again: evcc lets an external one fall back after 60 s."""

from dataclasses import replace

from bridge.commands.answer import Command, Status
from bridge.settable.value import Clear

PERIOD = 30.0
"""Seconds from one repetition to the next."""
_LEAF = "batteryMode"


class BatteryMode:
    """Holds the last battery mode that evcc was set to, until it is cleared or another command for it comes."""

    def __init__(self) -> None:
        self._newest: Command | None = None
        self._repetition: Command | None = None

    def note(self, command: Command) -> None:
        """Note a command of a client; what was repeated before is over."""
        if command.found is not None and command.found.setting.leaf == _LEAF:
            self._newest, self._repetition = command, None

    def due(self, now: float) -> Command | None:
        """The command to send again now, at this time of the event loop; None where nothing is to be repeated."""
        if self._newest is None or isinstance(self._newest.value, Clear) or not _succeeded(self._newest):
            return None
        if self._repetition is not None and _refused(self._repetition):
            self._newest = None
            return None
        self._repetition = replace(self._newest, message=None, arrived=now, deadline=now + PERIOD, outcome=None)
        return self._repetition


def _succeeded(command: Command) -> bool:
    return command.outcome is not None and command.outcome.status is Status.OK


def _refused(command: Command) -> bool:
    return command.outcome is not None and command.outcome.status is Status.REFUSED
