"""Settings that evcc does not let anybody set now: it answers 409 while its optimizer decides on them."""

import asyncio
from collections.abc import Mapping

from bridge.commands.command import Command, Outcome, Status

CONFLICT = 409
"""evcc's HTTP status for a setting that cannot be set now."""
# evcc's state does not show when it is over: so long after the last refusal a setting counts as refused
_FOR = 900.0  # seconds


class Blocked:
    """The settings that evcc has refused with 409, with its reasons.

    A setting is no longer among them once it was set, after `clear`, and 15 minutes after the last refusal. Commands
    for it are sent all the same: evcc decides.
    """

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, float]] = {}
        """evcc's reason, and until when it counts, by topic."""

    def note(self, command: Command, outcome: Outcome) -> None:
        """Note what became of a command."""
        if command.found is None:
            return
        topic = command.found.topic
        if outcome.http == CONFLICT:
            self.known[topic] = outcome.error or "", asyncio.get_running_loop().time() + _FOR
        elif outcome.status is Status.OK:
            self.known.pop(topic, None)

    def clear(self) -> None:
        """Forget all: evcc, or what its optimizer does, is another now."""
        self.known.clear()

    @property
    def reasons(self) -> Mapping[str, str]:
        """evcc's reasons by the settings' topics below the root, without `/set`."""
        if not self.known:
            return {}
        now = asyncio.get_running_loop().time()
        self.known = {topic: known for topic, known in self.known.items() if now < known[1]}
        return {topic: reason for topic, (reason, _) in self.known.items()}
