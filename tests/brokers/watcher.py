"""A subscriber to everything below one root, which reads the broker's store again whenever the broker is back."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiomqtt import Client, MqttError, ProtocolVersion

from tests.broker.mosquitto import HOST
from tests.patience import PATIENCE

_RECONNECT_PAUSE = 0.05
_SHOWN_ON_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Record:
    """One message; `topic` is the part below the root."""

    topic: str
    payload: bytes


class Watcher:
    """Records every message below a root.

    `tree` has the last payload of each topic since the last connection, without topics that were erased.
    """

    def __init__(self, port: int, version: ProtocolVersion, root: str) -> None:
        self.records: list[Record] = []
        self.tree: dict[str, bytes] = {}
        self.connections = 0
        self._port, self._version, self._root = port, version, root
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="watcher")
        await self.until(lambda: self.connections)
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def until(self, predicate: Callable[[], object], patience: float = PATIENCE) -> None:
        """Return as soon as `predicate` holds, which is evaluated after each message and each connection."""
        try:
            async with asyncio.timeout(patience):
                while not predicate():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {patience:.0f} s; the last messages:\n{self._tail()}") from None

    async def value(self, topic: str, payload: str) -> None:
        """Wait until a topic has this payload; an empty one: until it is erased."""
        expected = payload.encode() or None
        await self.until(lambda: self.tree.get(topic) == expected)

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing has arrived for this time: the end of what a broker sends from its store has no mark."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return

    def payloads(self, topic: str, after: int = 0) -> list[bytes]:
        """The payloads on a topic, oldest first, from record number `after` on."""
        return [record.payload for record in self.records[after:] if record.topic == topic]

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(MqttError):
                async with Client(HOST, self._port, protocol=self._version, timeout=PATIENCE) as client:
                    await self._record(client)
            await asyncio.sleep(_RECONNECT_PAUSE)

    async def _record(self, client: Client) -> None:
        self.tree.clear()
        await client.subscribe(f"{self._root}/#")
        self.connections += 1
        self._changed.set()
        async for message in client.messages:
            self._add(Record(message.topic.value.removeprefix(f"{self._root}/"), bytes(message.payload)))

    def _add(self, record: Record) -> None:
        self.records.append(record)
        if record.payload:
            self.tree[record.topic] = record.payload
        else:
            self.tree.pop(record.topic, None)
        self._changed.set()

    def _tail(self) -> str:
        tail = self.records[-_SHOWN_ON_TIMEOUT:]
        return "\n".join(f"  {record.topic} {record.payload[:80]!r}" for record in tail) or "  none"


def state_topics(tree: Mapping[str, bytes]) -> dict[str, bytes]:
    """The part of a tree that comes from evcc's state document."""
    return {topic: payload for topic, payload in tree.items() if _is_state(topic)}


def _is_state(topic: str) -> bool:
    beside = topic.endswith(("/set", "/result", "/planDetails")) or topic == "site/telemetry"
    return topic.startswith(("site/", "loadpoints", "vehicles")) and not beside
