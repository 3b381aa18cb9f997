"""What would go to the broker."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from bridge.mqtt.message import Message, may_respond


class Outlet:
    """Keeps what is sent; `next` waits for it."""

    def __init__(self) -> None:
        self.sources: dict[str, Mapping[str, bytes]] = {}
        self.erased: list[str] = []
        self.responses: list[tuple[str, bytes, bytes | None]] = []
        self.sent: asyncio.Queue[Message] = asyncio.Queue()

    def send(self, message: Message) -> None:
        self.sent.put_nowait(message)

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        if not may_respond(topic):
            return False
        self.responses.append((topic, payload, correlation))
        self.sent.put_nowait(Message(topic, payload))
        return True

    def want(self, source: str, topics: Mapping[str, bytes]) -> None:
        self.sources[source] = topics

    def erase(self, topic: str) -> None:
        self.erased.append(topic)

    @property
    def topics(self) -> dict[str, bytes]:
        """All retained topics."""
        return {topic: payload for topics in self.sources.values() for topic, payload in topics.items() if payload}

    async def next(self) -> tuple[str, Any]:
        """The next message's topic and JSON."""
        message = await asyncio.wait_for(self.sent.get(), 5)
        return message.topic, orjson.loads(message.payload)

    def all(self) -> list[Any]:
        """The JSON of the messages that nobody has taken yet."""
        return [orjson.loads(self.sent.get_nowait().payload) for _ in range(self.sent.qsize())]
