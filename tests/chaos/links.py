"""The two connections of the bridge, through proxies that remember what matters."""

import asyncio
import re
import time
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass, field

from tests.broker.proxy import Proxy

_CALL = re.compile(rb"(POST|DELETE|PATCH) (\S+) HTTP/1\.1\r\n")


@dataclass(slots=True)
class Continuity:
    """When messages could reach the bridge: from the moment when it said that it listens until something broke."""

    _turns: list[tuple[float, bool]] = field(default_factory=list)

    def broke(self, at: float) -> None:
        self._turns.append((at, False))

    def proved(self, at: float) -> None:
        self._turns.append((at, True))

    def held(self, begin: float, end: float) -> bool:
        """Whether nothing broke from `begin` to `end`, and all was well at `begin`."""
        before = [good for at, good in self._turns if at <= begin]
        return before[-1:] == [True] and all(good for at, good in self._turns if begin < at <= end)


class BrokerLink(Proxy):
    """Between bridge and broker."""

    def __init__(self, target: int, seed: int) -> None:
        super().__init__(target, seed=seed)
        self.continuity = Continuity()

    async def _pump(self, source: StreamReader, sink: StreamWriter) -> None:
        """Forward one direction; its end is the connection's, though a frozen end may not know it yet."""
        try:
            await super()._pump(source, sink)
        finally:
            self.continuity.broke(time.monotonic())


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the bridge has made, at the moment when it left the bridge."""

    at: float
    method: str
    path: str


class EvccLink(Proxy):
    """Between bridge and evcc."""

    def __init__(self, target: int, seed: int) -> None:
        super().__init__(target, seed=seed)
        self.calls: list[Call] = []

    async def _forward(self, chunk: bytes, sink: asyncio.StreamWriter) -> None:
        if found := _CALL.match(chunk):
            self.calls.append(Call(time.monotonic(), found[1].decode(), found[2].decode()))
        await super()._forward(chunk, sink)
