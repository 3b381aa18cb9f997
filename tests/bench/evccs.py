"""Many simulated evccs in one process, each on a port of its own, driven over a pipe."""

import asyncio
import time
from asyncio import AbstractEventLoop
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from typing import Any

from evcc_simulator import Evcc
from evcc_simulator.house import Frame
from tests.bench.spawned import Spawned

CYCLE = 4.0  # seconds
_START = 120.0  # seconds until all of them are there


class Evccs(Spawned):
    """A process with `count` evccs whose control cycles are spread over time."""

    def __init__(self, count: int) -> None:
        super().__init__(_run, count, duplex=True)
        if not self._pipe.poll(_START):
            raise TimeoutError
        self.ports: list[int] = self._pipe.recv()

    def set(self, number: int, path: str, value: Any) -> float:
        """Set a value of one evcc; the monotonic second just before."""
        return float(self._ask(("set", number, path, value)))

    def frames(self) -> int:
        """How many frames all evccs have sent so far."""
        return int(self._ask(("frames",)))

    def _ask(self, question: tuple[Any, ...]) -> Any:
        self._pipe.send(question)
        return self._pipe.recv()


def _run(pipe: Connection, count: int) -> None:
    asyncio.run(_serve(pipe, count))


async def _serve(pipe: Connection, count: int) -> None:
    async with AsyncExitStack() as stack:
        evccs = [Evcc() for _ in range(count)]
        for evcc in evccs:
            evcc.house.state["interval"] = CYCLE
            await stack.enter_async_context(evcc)
        counted = [_Counted(evcc) for evcc in evccs]
        pipe.send([evcc.port for evcc in evccs])
        asyncio.get_running_loop().add_reader(pipe.fileno(), _answer, pipe, evccs, counted)
        await _cycles(evccs, asyncio.get_running_loop())


async def _cycles(evccs: list[Evcc], loop: AbstractEventLoop) -> None:
    """Let one evcc after the other run its cycle, so that each does every four seconds."""
    due, number = loop.time(), 0
    while True:
        due = max(due + CYCLE / len(evccs), loop.time() - CYCLE)
        await asyncio.sleep(max(due - loop.time(), 0))
        evccs[number].simulation.cycle()
        number = (number + 1) % len(evccs)


class _Counted:
    """Counts the frames of one evcc on their way to its clients."""

    def __init__(self, evcc: Evcc) -> None:
        self.frames = 0
        self._hub = evcc.hub
        evcc.simulation.listen(self.broadcast)

    def broadcast(self, frame: Frame) -> None:
        """Count a frame, and send it."""
        self.frames += 1
        self._hub.broadcast(frame)


def _answer(pipe: Connection, evccs: list[Evcc], counted: list[_Counted]) -> None:
    match pipe.recv():
        case ("set", int(number), str(path), value):
            pipe.send(time.monotonic())
            evccs[number].set(path, value)
        case ("frames",):
            pipe.send(sum(each.frames for each in counted))
