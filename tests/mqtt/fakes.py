"""A link to nowhere: it keeps what it is to send, and acknowledges when the test says so."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from bridge.errors import BrokerError
from bridge.mqtt.link import Done
from bridge.mqtt.message import Message
from bridge.mqtt.wire import Limits

if TYPE_CHECKING:
    from bridge.mqtt.link import Link


def _nobody(_: str | None) -> None: ...


@dataclass
class FakeLink:
    """Messages in the order sent; `waiting` are those that are not acknowledged."""

    v5: bool = True
    limits: Limits = field(default_factory=Limits)
    largest: int = 1_000_000
    at_once: bool = False
    """Acknowledge from within `send`, as QoS 0 does."""
    refuses: bool = False
    """Refuse every subscription."""
    sent: list[Message] = field(default_factory=list)
    waiting: list[tuple[Message, Done]] = field(default_factory=list)

    async def subscribe(self, topic: str, **_: object) -> None:
        if self.refuses:
            raise BrokerError(f"the broker does not let us subscribe to {topic}")

    def fits(self, topic: str, payload: bytes) -> bool:
        return len(topic) + len(payload) <= self.largest

    def send(self, message: Message, done: Done | None = None, **_: bool) -> None:
        self.sent.append(message)
        if self.at_once and done:
            done(None)
        else:
            self.waiting.append((message, done or _nobody))

    def acknowledge(self, count: int = 1, reason: str | None = None) -> None:
        """Acknowledge the oldest."""
        for _ in range(count):
            self.waiting.pop(0)[1](reason)

    def acknowledge_all(self) -> None:
        while self.waiting:
            self.acknowledge()

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
    """Seconds that go by when they are told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def everything(_: str) -> bool:
    """Every topic is ours to erase."""
    return True


def nothing(_: str) -> bool:
    """No topic is."""
    return False
