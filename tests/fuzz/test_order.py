"""The dispatcher against a model of evcc that comes, goes, hangs and restarts: each promise to clients always holds."""

import asyncio
import re
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.errors import BridgeError
from bridge.evcc.client import Reply
from bridge.evcc.reader import Update
from tests.commands.fakes import AWAY, NO_ROUTE, World, reply, running, settle
from tests.settable.house import TODAY
from tests.virtual import VirtualLoop, monotonic

_TOPICS = (
    "site/residualPower",
    "site/smartCostLimit",
    "loadpoints/1/enableThreshold",
    "loadpoints/1/disableThreshold",
)
_MOODS: dict[str, Reply | BridgeError] = {
    "well": reply(),
    "away": AWAY,
    "broken": reply(502, b"", "text/html"),
    "starting": NO_ROUTE,
}
_DEADLINE = 10.0
_SECONDS = st.sampled_from([0.0, 0.05, 0.5, 3.0, 11.0])
_COMMANDS = st.lists(
    st.tuples(st.sampled_from(_TOPICS), st.sampled_from([None, 1, 5, 60]), st.sampled_from([False, False, True])),
    min_size=1,
    max_size=6,
)


@dataclass
class _Sent:
    """A command by its number, which is also its value."""

    topic: str
    arrived: float
    patience: float
    stale: bool
    waited: float
    status: str = ""

    @property
    def target(self) -> str:
        return self.topic.rpartition("/")[0]


class Order(RuleBasedStateMachine):
    """Clients, time, an evcc in any mood, and a bridge that is stopped and started again."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=VirtualLoop)
        self._sent: list[_Sent] = []
        self._called: list[int] = []
        self._run(self._start())

    def _run(self, waiting: Coroutine[Any, Any, None]) -> None:
        self._runner.run(waiting)

    @property
    def _now(self) -> float:
        return self._runner.get_loop().time()

    async def _start(self) -> None:
        self._stack = AsyncExitStack()
        self._world: World = await self._stack.enter_async_context(running(deadline=_DEADLINE))
        self._answers = self._calls = 0

    @rule(
        commands=_COMMANDS,
        evcc=st.sampled_from(sorted(_MOODS)),
        hangs=st.booleans(),
        seconds=_SECONDS,
        waited=st.sampled_from([0.0, 0.0, 0.0, 2.0, 20.0]),
    )
    def commands_come(
        self, commands: list[tuple[str, int | None, bool]], evcc: str, *, hangs: bool, seconds: float, waited: float
    ) -> None:
        """Several at once, to an evcc in a mood of its own."""
        self._world.evcc.otherwise = _MOODS[evcc]
        self._world.evcc.routes = evcc == "well"
        self._world.evcc.gate.clear() if hangs else self._world.evcc.gate.set()
        self._run(self._send(commands, waited))
        self._run(asyncio.sleep(seconds))

    async def _send(self, commands: list[tuple[str, int | None, bool]], waited: float) -> None:
        for topic, expiry, stale in commands:
            number = len(self._sent)
            patience = min(_DEADLINE, expiry or _DEADLINE)
            self._sent.append(_Sent(topic, monotonic() - waited, patience, stale, waited))
            self._world.set(topic, str(number), stale=stale, expiry=expiry, waited=waited)
        await settle()

    @rule(seconds=_SECONDS)
    def time_passes(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))

    @rule()
    def evcc_has_restarted(self) -> None:
        self._world.dispatcher.update(Update(TODAY, (), complete=True, restarted=True))

    @rule()
    def the_bridge_restarts(self) -> None:
        self._run(self._stack.aclose())
        self._look()
        assert all(sent.status for sent in self._sent), "a bridge that stops answers everything"
        self._run(self._start())

    @invariant()
    def promises_hold(self) -> None:
        self._look()

    def teardown(self) -> None:
        self._world.evcc.gate.set()
        self._run(asyncio.sleep(30))
        self._look()
        self._run(self._stack.aclose())
        self._runner.close()
        assert all(sent.status for sent in self._sent), "every command has an answer"

    def _look(self) -> None:
        """Take what was called and answered since the last look."""
        evcc = self._world.evcc
        for time, call in zip(evcc.times[self._calls :], evcc.calls[self._calls :], strict=True):
            self._take_call(time, int(re.sub(r".*/", "", call)))
        for topic, answer in self._world.mirror.sent[self._answers :]:
            self._take_answer(topic, int(answer["value"]), answer["status"])
        self._calls, self._answers = len(evcc.calls), len(self._world.mirror.sent)

    def _take_call(self, time: float, number: int) -> None:
        sent = self._sent[number]
        assert not sent.stale
        assert not sent.status, "what has its answer is not called any more"
        assert sent.arrived <= time < sent.arrived + sent.patience
        others = [other for other in self._called if self._sent[other].target == sent.target]
        assert number >= max(others, default=0), "in the order in which they came"
        self._called.append(number)

    def _take_answer(self, topic: str, number: int, status: str) -> None:
        sent = self._sent[number]
        assert not sent.status, "one answer"
        assert topic == sent.topic
        assert (status == "stale") is (sent.stale or sent.waited >= sent.patience)
        if status == "ok":
            assert number in self._called
        if status == "superseded":
            assert any(later.topic == topic and not later.stale for later in self._sent[number + 1 :])
        sent.status = status


TestOrder = pytest.mark.filterwarnings("error")(Order.TestCase)
TestOrder.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=40)
