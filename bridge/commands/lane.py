"""The commands of one target: in the order they came, the newest one of each setting."""

from dataclasses import dataclass, field

from bridge.commands.call import Call
from bridge.commands.find import Found
from bridge.commands.value import Clear, Value
from bridge.mqtt.message import Message


@dataclass(frozen=True, slots=True)
class Command:
    """A command that makes sense, on its way to evcc; times are those of the monotonic clock.

    `message` is None for one that the bridge sends by itself, which nobody waits for.
    """

    found: Found
    value: Value | Clear
    call: Call
    arrived: float
    deadline: float
    message: Message | None = None


@dataclass(slots=True)
class Lane:
    """Commands that wait for their turn, by setting, and the one that evcc has now."""

    waiting: dict[str, Command] = field(default_factory=dict)
    current: Command | None = None
    # why evcc did not take the last one
    problem: str = ""

    def add(self, command: Command) -> Command | None:
        """Queue a command behind all others; the older one of the same setting that it supersedes, if any."""
        older = self.waiting.pop(command.found.setting.leaf, None)
        self.waiting[command.found.setting.leaf] = command
        return older

    def take(self) -> Command:
        """The command whose turn it is."""
        self.current = self.waiting.pop(next(iter(self.waiting)))
        return self.current

    def put_back(self, command: Command) -> bool:
        """Give a command its turn again; False when a newer one of the same setting waits."""
        if command.found.setting.leaf in self.waiting:
            return False
        self.waiting = {command.found.setting.leaf: command, **self.waiting}
        return True

    def expire(self, now: float) -> list[Command]:
        """Take out the waiting commands whose deadline is over."""
        late = [command for command in self.waiting.values() if command.deadline <= now]
        for command in late:
            del self.waiting[command.found.setting.leaf]
        return late

    def commands(self) -> list[Command]:
        """Everything that has no answer yet, the one that evcc has included."""
        return [*([self.current] if self.current else []), *self.waiting.values()]

    def asked(self, leaf: str) -> Value | Clear | None:
        """What was asked of a setting last, if that has no answer yet."""
        asked = [command.value for command in self.commands() if command.found.setting.leaf == leaf]
        return asked[-1] if asked else None

    def drain(self) -> list[Command]:
        """Take out everything."""
        commands = self.commands()
        self.waiting, self.current = {}, None
        return commands
