"""Processes that note when something reaches them, by the monotonic clock that all processes share."""

import asyncio
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from websockets.asyncio.client import connect

from tests.bench.spawned import Spawned
from tests.broker.mosquitto import HOST

_READY = "ready"
_RECONNECT = 0.1  # seconds
_START = 20.0  # seconds that a process may take to be there


class Observer(Spawned):
    """A process with one connection, `mqtt` or `push` below; it is connected when it has been made."""

    def __init__(self, look: Callable[..., None], *arguments: Any) -> None:
        super().__init__(look, *arguments, duplex=False)
        self.wait(_READY, _START)

    def wait(self, value: str, timeout: float = 10.0) -> float:
        """When `value` arrived; what came before it is passed over."""
        end = time.monotonic() + timeout
        while self._pipe.poll(max(0.0, end - time.monotonic())):
            at, seen = self._pipe.recv()
            if seen == value:
                return float(at)
        raise TimeoutError(value)

    def next(self, timeout: float = 10.0) -> tuple[float, str]:
        """The next that arrives, whatever it is."""
        if not self._pipe.poll(timeout):
            raise TimeoutError
        at, seen = self._pipe.recv()
        return float(at), str(seen)

    def taken(self) -> list[tuple[float, str]]:
        """Everything that has arrived and was not waited for."""
        found = []
        while self._pipe.poll(0):
            found.append(self._pipe.recv())
        return found


def mqtt(pipe: Connection, port: int, topics: list[str]) -> None:
    """Tell the payloads on these topics as they are published; connects again when the broker has been restarted."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)

    def on_connect(*_: object) -> None:
        client.subscribe([(topic, 0) for topic in topics])

    def on_message(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if not message.retain:  # not one that was stored
            pipe.send((time.monotonic(), message.payload.decode()))

    client.on_message = on_message
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: pipe.send((time.monotonic(), _READY))
    client.reconnect_delay_set(_RECONNECT, _RECONNECT)  # type: ignore[arg-type] # any number of seconds will do
    client.connect(HOST, port)
    client.loop_forever()


def push(pipe: Connection, url: str, key: str) -> None:
    """Tell the values that frames of evcc's `/ws` have for a key."""
    asyncio.run(_push(pipe, f"ws{url.removeprefix('http')}/ws", key))


async def _push(pipe: Connection, url: str, key: str) -> None:
    async with connect(url, compression=None, max_size=None, proxy=None) as connection:
        await connection.recv()
        pipe.send((time.monotonic(), _READY))
        async for message in connection:
            at, frame = time.monotonic(), orjson.loads(message)
            if key in frame:
                pipe.send((at, str(frame[key])))
