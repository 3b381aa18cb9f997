"""One connection to the broker: messages out with a token each, subscriptions, and what comes back in batches."""

import asyncio
import contextlib
from asyncio import TaskGroup
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import count

from bridge.mqtt.client import Client
from bridge.mqtt.message import Inbound, Message
from bridge.mqtt.protocol import ConnectionFailed, ConnectOptions, Event, Limits

_LONGEST_TOPIC = 65_535  # bytes
_MOST_UNACKNOWLEDGED = 1000  # messages, answers above all, that the broker has not acknowledged
_MOST_BYTES = 4 * 2**20  # of answers among them
_DISCONNECT_WITHIN = 1.0  # seconds for a clean DISCONNECT


class Link:
    """One connection, from CONNECT to its end. Topics are absolute here."""

    def __init__(self, options: ConnectOptions, *, v5: bool) -> None:
        self.v5 = v5
        self.version = "5" if v5 else "3.1.1"
        self._client = Client(options, v5=v5)
        self._tokens = count()
        self._urgent: deque[tuple[int, Message, bool]] = deque()
        self._outbox: deque[tuple[int, Message, bool]] = deque()

    @property
    def limits(self) -> Limits:
        """What the broker announced."""
        return self._client.limits

    @property
    def last_acknowledgement(self) -> float:
        """Loop time of the broker's last acknowledgement, at first of the connection."""
        return self._client.last_acknowledgement

    async def connect(self) -> None:
        """Connect. VersionRefused where the broker does not speak this version, ConnectionFailed otherwise."""
        try:
            async with TaskGroup() as group:  # Python 3.11's `wait_for` swallows a cancellation beside a result
                attempt = group.create_task(self._client.enter())
        except BaseException:
            self._client.dispose()
            raise
        if (error := attempt.result()) is not None:
            self._client.dispose()
            raise error

    async def close(self) -> None:
        """End the connection with a DISCONNECT, so that the will is not published."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DISCONNECT_WITHIN):
                    await self._client.leave()
        finally:
            self._client.dispose()

    @property
    def error(self) -> ConnectionFailed:
        """Why the connection has ended."""
        return self._client.reason()

    @property
    def in_flight(self) -> int:
        """How many messages the broker has not acknowledged, those that wait to be sent included."""
        return len(self._client.waiting) + len(self._urgent) + len(self._outbox)

    @property
    def congested(self) -> bool:
        """Whether so much waits for the broker that no further answer is sent."""
        return self.in_flight >= _MOST_UNACKNOWLEDGED or self._client.bytes_waiting > _MOST_BYTES

    def fits(self, message: Message) -> bool:
        """Whether a message is within the broker's Maximum Packet Size, and its topic within MQTT's."""
        limit = self.limits.maximum_packet
        return len(message.topic.encode()) <= _LONGEST_TOPIC and (limit is None or message.size <= limit)

    def send(self, message: Message, *, first: bool = False, returns: bool = False) -> int | None:
        """Publish; the token comes back in an `Acknowledged`, unless the connection ends before.

        More than the broker's Receive Maximum wait their turn here; `first` puts an answer before state, and there
        the result is None where too many wait. `returns`: the message is wanted back from our own subscription.
        """
        if first and self.congested:
            return None
        token = next(self._tokens)
        (self._urgent if first else self._outbox).append((token, message, returns))
        self._pump()
        return token

    def send_last(self, message: Message) -> None:
        """Publish a message in place of all that waits for its turn; what has been sent stands before it."""
        self._outbox.clear()
        self.send(message)

    async def publish(self, message: Message) -> str | None:
        """Publish, and wait for the broker: None where it has taken the message, else its reason."""
        token = self.send(message)
        return await self._client.outcome(token) if token is not None else "too many messages wait"

    async def messages(self) -> AsyncIterator[Inbound]:
        """The messages that come, stored ones too; ConnectionFailed when the connection has ended."""
        async for events in self.events():
            for event in events:
                if isinstance(event, Inbound):
                    yield event

    def end(self) -> None:
        """End the connection soon: `events` then raise ConnectionFailed."""
        self._client.end()

    async def subscribe(self, filters: Sequence[str]) -> dict[str, str]:
        """Subscribe with one packet; returns the filters that the broker refuses, with its reasons.

        With QoS 0: as much waits in sockets as the broker would queue, and what is retained is not cut off at the
        broker's limit for queued messages. The retain flag is not taken as published, so that it means `stored`.
        """
        return await self._client.subscribe_all(filters)

    def expect_echoes(self, root: str) -> None:
        """Note that all below a root is subscribed to: our own messages come back from there, and are left out."""
        self._client.echoes.expect_below(root)

    def unsubscribe(self, topic_filter: str) -> None:
        """End a subscription; its confirmation is not waited for."""
        self._client.unsubscribe_soon(topic_filter)

    async def events(self) -> AsyncIterator[list[Event]]:
        """What comes from the broker, in batches; ConnectionFailed when the connection has ended."""
        while True:
            events = await self._client.next_events()
            self._pump()
            yield events

    async def drained(self) -> None:
        """Wait until the broker has acknowledged everything that was sent, or the connection has ended."""
        while self.in_flight and not self._client.ended:
            await self._client.acknowledgement()
            self._pump()

    def _pump(self) -> None:
        while (queue := self._urgent or self._outbox) and len(self._client.waiting) < self.limits.receive_maximum:
            self._client.transmit(*queue.popleft())
