"""A link that keeps what is sent and acknowledges it when the test does, a clock that the test sets, and a reader."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from bridge.mqtt.message import Acknowledged, Limits, Message
from bridge.state.document import from_document
from bridge.state.state import State

if TYPE_CHECKING:
    from bridge.evcc.reader import Reader
    from bridge.mqtt.client import Link
    from bridge.mqtt.publisher import Publisher


@dataclass
class FakeLink:
    """Messages in the order sent; `waiting` are those that are not acknowledged."""

    v5: bool = True
    limits: Limits = field(default_factory=Limits)
    largest: int = 1_000_000
    congested: bool = False
    ended: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    """Filters that are refused."""
    sent: list[Message] = field(default_factory=list)
    waiting: list[tuple[int, Message]] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)
    _token: int = 0

    async def subscribe(self, filters: tuple[str, ...]) -> dict[str, str]:
        self.filters += filters
        return {name: self.refused[name] for name in filters if name in self.refused}

    def expect_echoes(self, root: str) -> None: ...

    def end(self) -> None:
        self.ended = True

    def fits(self, message: Message) -> bool:
        return len(message.topic) + len(message.payload) <= self.largest

    def send(self, message: Message, **_: bool) -> int | None:
        self._token += 1
        self.sent.append(message)
        self.waiting.append((self._token, message))
        return self._token

    def acknowledge(self, publisher: "Publisher", count: int = 1, code: int = 0, reason: str = "") -> None:
        """Acknowledge the oldest."""
        for _ in range(count):
            publisher.acknowledged(Acknowledged(self.waiting.pop(0)[0], code, reason))

    def acknowledge_all(self, publisher: "Publisher") -> None:
        while self.waiting:
            self.acknowledge(publisher)

    def take(self) -> dict[str, bytes]:
        """What was sent since the last time, by topic; more than one message on a topic is an error."""
        taken, self.sent = self.sent, []
        assert len({message.topic for message in taken}) == len(taken)
        return {message.topic: message.payload for message in taken}

    @property
    def link(self) -> "Link":
        return cast("Link", self)


@dataclass
class Clock:
    """An event loop that only has a time, which the test sets."""

    now: float = 1000.0

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    @contextmanager
    def running(self) -> Iterator["Clock"]:
        """The running loop while the block runs."""
        asyncio._set_running_loop(cast("Any", self))
        try:
            yield self
        finally:
            asyncio._set_running_loop(None)


class Timed:
    """An object whose methods run in a loop that has the time of a clock: for state machines, which have no loop."""

    def __init__(self, target: Any, clock: Clock) -> None:
        self._target = target
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        with self._clock.running():
            found = getattr(self._target, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            with self._clock.running():
                return found(*args, **options)

        return call


@dataclass
class FakeReader:
    """evcc's state as the test has it."""

    state: State = field(default_factory=State)
    settled: bool = False

    @classmethod
    def of(cls, document: dict[str, Any], *, settled: bool = False) -> "FakeReader":
        return cls(from_document(document), settled)

    @property
    def reader(self) -> "Reader":
        return cast("Reader", self)


def everything(_: str) -> bool:
    """Every topic is ours to erase."""
    return True


def nothing(_: str) -> bool:
    """No topic is."""
    return False
