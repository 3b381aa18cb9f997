"""A second client that records every message, to see what the bridge's clients see."""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self
from uuid import uuid4

from aiomqtt import Client, MqttError
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.broker.client import MARKER, Record, client, stored
from tests.broker.mosquitto import Mosquitto
from tests.patience import PATIENCE

_RECONNECT_PAUSE = 0.02
_SHOWN_ON_TIMEOUT = 30


class Recorder:
    """Records everything on a connection of its own, which it makes again whenever the broker is back.

    With QoS 0 (the default) nothing is lost in the broker's queues however fast it comes, but `Record.qos` is 0;
    with `qos=2` that is the publisher's, and mosquitto drops what goes beyond 1,000 queued messages.
    """

    def __init__(self, broker: Mosquitto, under: str = "#", *, qos: int = 0) -> None:
        self.records: list[Record] = []
        self.connections = 0
        self._tree: dict[str, bytes] = {}
        self._broker, self._under = broker, under
        self._mark = f"{MARKER}/{uuid4().hex}"
        self._connection: Client | None = None
        self._rounds = 0
        self._options = SubscribeOptions(qos=qos, retainAsPublished=True)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="recorder")
        try:
            await self.reconnected(0)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self._end()

    def tree(self) -> dict[str, bytes]:
        """What the broker holds, as far as told: all retained topics since the last connection."""
        return dict(self._tree)

    def history(self, topic: str) -> list[Record]:
        """All messages on one topic, oldest first."""
        return [record for record in self.records if record.topic == topic]

    def payloads(self, topic: str) -> list[bytes]:
        """The payloads on one topic, oldest first."""
        return [record.payload for record in self.history(topic)]

    async def fresh(self) -> None:
        """Forget the records, not the tree: what is published from now on is looked at alone.

        What the broker has had is not only what has come: a message on its way would be taken for a new one.
        """
        assert self._connection is not None, "not connected"
        rounds = self._rounds
        await self._connection.publish(self._mark)
        await self.until(lambda: self._rounds > rounds)
        self.records.clear()

    async def until(self, predicate: Callable[[], object], wait: float = PATIENCE) -> None:
        """Return as soon as `predicate` holds; it is asked after each message and each reconnection."""
        try:
            async with asyncio.timeout(wait):
                while not predicate():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {wait} s; the last messages:\n{self._tail()}") from None

    async def value(self, topic: str, payload: bytes | str, wait: float = PATIENCE) -> None:
        """Wait until a topic's last payload is this one."""
        expected = payload.encode() if isinstance(payload, str) else payload
        await self.until(lambda: self.last(topic) == expected, wait)

    def last(self, topic: str) -> bytes | None:
        """The last payload on a topic, if there was one."""
        return next((record.payload for record in reversed(self.records) if record.topic == topic), None)

    async def message(self, topic: str, wait: float = PATIENCE) -> Record:
        """The next message on a topic, not one that has come already."""
        seen = len(self.history(topic))
        await self.until(lambda: len(self.history(topic)) > seen, wait)
        return self.history(topic)[seen]

    async def reconnected(self, than: int, wait: float = PATIENCE) -> None:
        """Wait until there have been more than this many connections, and the store has been read."""
        await self.until(lambda: self.connections > than, wait)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(MqttError):
                async with client(self._broker) as self._connection:
                    await self._record(self._connection)
            self._connection = None
            await asyncio.sleep(_RECONNECT_PAUSE)

    async def _record(self, connection: Client) -> None:
        self._tree.clear()
        async for message in stored(connection, self._under, self._options):
            self._add(Record.of(message, stored=True))
        await connection.subscribe(self._mark)
        self.connections += 1
        self._changed.set()
        async for message in connection.messages:
            if message.topic.value == self._mark:
                self._rounds += 1
                self._changed.set()
            else:
                self._add(Record.of(message, stored=False))

    def _add(self, record: Record) -> None:
        self.records.append(record)
        if record.retain and record.payload:
            self._tree[record.topic] = record.payload
        elif record.retain:
            self._tree.pop(record.topic, None)
        self._changed.set()

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()  # what ended it before its time

    def _tail(self) -> str:
        return "\n".join(f"  {one.topic} {one.payload[:80]!r}" for one in self.records[-_SHOWN_ON_TIMEOUT:]) or "  none"
