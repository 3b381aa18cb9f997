"""Commands on their way to evcc: tried again while evcc does not answer, until their deadline."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bridge.commands.answer import SUPERSEDED, Outcome, Status, judge
from bridge.commands.lane import Command, Lane
from bridge.commands.pace import Pace
from bridge.commands.text import shown
from bridge.errors import Invalid, Refused, Unreachable
from bridge.evcc.client import Caller, Reply, has_routes
from bridge.settable.setting import Scope, Setting
from bridge.util.backoff import Backoff

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
# the names that evcc's routes take: with another one, the 404 says nothing about the setting
_ROUTED = re.compile(r"[a-zA-Z0-9_.:-]*")


@dataclass(slots=True)
class Sender:
    """Sends the commands of a lane one after another.

    `ready` says whether evcc is complete: until then its 404 only means that it is starting.
    `missing` are the settings that this evcc turned out not to have.
    """

    evcc: Caller
    ready: Callable[[], bool]
    finish: Callable[[Command, Outcome], None]
    pace: Pace
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    missing: set[tuple[Scope, str]] = field(default_factory=set)

    async def work(self, lane: Lane) -> None:
        """Send what waits in a lane until nothing does; every command gets its outcome."""
        pause = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while lane.waiting:
            await self.pace.turn()
            self._expire(lane)
            if not lane.waiting:
                break
            if await self._one(lane, lane.take()):
                pause.reset()
            else:
                await self.sleep(min(pause.next(), self._until_deadline(lane)))

    async def _one(self, lane: Lane, command: Command) -> bool:
        """Try one command; whether it is done with."""
        outcome = await self._attempt(lane, command)
        if lane.current is not command:  # answered meanwhile: the bridge is stopping
            return True
        lane.current = None
        if outcome is None and not command.found.setting.once:
            if lane.put_back(command):
                return False
            outcome = SUPERSEDED
        self.finish(command, outcome or Outcome(Status.FAILED, f"{lane.problem}; it is not tried again"))
        lane.problem = ""
        return True

    async def _attempt(self, lane: Lane, command: Command) -> Outcome | None:
        call = command.call
        left = command.deadline - self.monotonic()
        try:
            reply = await self.evcc.call(call.method, call.path, json=call.json, timeout=left)
        except Unreachable as error:
            lane.problem = str(error)
            return None
        except Invalid as error:
            return Outcome(Status.FAILED, str(error))
        except Refused as error:
            return Outcome(Status.REFUSED, str(error))
        if reply.status >= 500:
            lane.problem = f"evcc, or a proxy before it, answers {reply.status}: {reply.error()}"
            return None
        if reply.lacks_route:
            return await self._no_route(lane, command, reply)
        return judge(reply)

    async def _no_route(self, lane: Lane, command: Command, reply: Reply) -> Outcome | None:
        if not self.ready() or not await has_routes(self.evcc, command.deadline - self.monotonic()):
            lane.problem = "evcc is starting (404)"
            return None
        setting, name = command.found.setting, command.found.target.name
        if not _ROUTED.fullmatch(name):
            return Outcome(Status.REFUSED, f"evcc's API takes no name such as {shown(name)}", reply.status)
        self.missing.add((setting.scope, setting.leaf))
        return Outcome(Status.REFUSED, no_such(setting), reply.status)

    def _expire(self, lane: Lane) -> None:
        for command in lane.expire(self.monotonic()):
            seconds = command.deadline - command.arrived
            reason = f"{lane.problem or 'it was not its turn'}; given up after {seconds:g} s"
            self.finish(command, Outcome(Status.FAILED, reason))

    def _until_deadline(self, lane: Lane) -> float:
        return max(0.0, min(command.deadline for command in lane.waiting.values()) - self.monotonic())


def no_such(setting: Setting) -> str:
    """The sentence for a setting that this evcc does not have."""
    return f"this evcc has no such setting: {setting.leaf}"
