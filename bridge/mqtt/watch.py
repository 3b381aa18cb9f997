"""Reads what the broker holds below the root, then watches what others publish there."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bridge.errors import BrokerError
from bridge.mqtt.link import Link
from bridge.mqtt.message import Message

_PATIENCE = 5.0  # seconds of silence after which a broker that replays what it holds is not waited for any more
_LONGEST = 120.0  # seconds for all of it, on however slow a line
_SET = "/set"
_DEEPEST_COMMAND = 6
MARKER = "bridge/marker/"


class Watch:
    """One connection's view of the root, from the first subscription on.

    All that arrives before a marker of ours comes back was stored or replayed: that is what the broker holds,
    and a command in it is stale. What comes after it is live. Where the marker comes too late to be waited for, it
    still tells the two apart: else what is stored would look like somebody's who publishes just now. `extra` are
    absolute filters outside the root that are read in the same way. Messages are handed on with their absolute topics.
    """

    def __init__(
        self,
        root: str,
        extra: Sequence[str],
        *,
        command: Callable[[Message, bool], None],
        publication: Callable[[Message], None],
    ) -> None:
        self._filters = (f"{root}/#", *extra)
        self._root = root
        self._command = command
        self._publication = publication
        self._token = secrets.token_hex(8).encode()
        self._marker = f"{root}/{MARKER}{self._token.decode()}"
        self._came_back = asyncio.Event()
        self._held: dict[str, bytes] | None = {}
        self._reading = True
        self._limit: asyncio.Timeout | None = None
        self._latest = 0.0
        self._v5 = True

    def receive(self, message: Message) -> None:
        """Take a message off the wire."""
        self._wait_on()
        if message.topic == self._marker:
            self._reading = False
            self._came_back.set()
        elif _is_command(message.topic, self._root):
            self._receive_command(message)
        elif self._reading or self._held is not None:
            if self._held is not None and message.retain:
                self._held[message.topic] = message.payload
        elif self._came_back.is_set() or not message.retain:
            self._publication(message)

    async def read(self, link: Link) -> dict[str, bytes] | None:
        """What the broker holds; None when it does not let us read, or does not get to its end in time."""
        self._v5 = link.v5
        self._latest = asyncio.get_running_loop().time() + _LONGEST
        try:
            async with asyncio.timeout(_PATIENCE) as self._limit:
                await link.subscribe(self._marker, qos=0)
                for topic in self._filters:
                    await link.subscribe(topic, qos=0, own=False)
                link.send(Message(self._marker, self._token, qos=0))
                await link.unless_ended(self._came_back.wait())
        except (TimeoutError, BrokerError):  # the subscription stays: to give it up may take as long
            self._reading = False
            return None
        finally:
            self._limit = None
        await link.unsubscribe(self._marker)
        return self._held

    async def go_live(self, link: Link) -> str | None:
        """Take commands with QoS 1; see what others publish as it happens (MQTT 5).

        Returns the broker's reason where it refuses some of it; what it does not refuse is taken all the same.
        """
        if not link.v5:
            for topic in self._filters:  # first: it brings our own messages too, which nobody else has published
                await link.unsubscribe(topic)
        self._held = None
        if link.v5 and await _refusal(link, self._filters, retained=False, own=False) is None:
            return None
        commands = (f"{self._root}/{'+/' * depth}set" for depth in range(1, _DEEPEST_COMMAND))
        return await _refusal(link, (*commands, f"{self._root}/bridge/request/+", f"{self._root}/status"))

    def _wait_on(self) -> None:
        """The broker is at it, so there is time again."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(min(asyncio.get_running_loop().time() + _PATIENCE, self._latest))

    def _receive_command(self, message: Message) -> None:
        stored = message.retain and (not self._v5 or not self._came_back.is_set())
        stale = self._reading or stored
        if not self._v5 and not stale:
            # 3.1.1 does not show the retain flag of a live message: taken as set, so that it is erased
            message = replace(message, retain=True)
        self._command(message, stale)


def _is_command(topic: str, root: str) -> bool:
    return topic.startswith(f"{root}/") and (topic.endswith(_SET) or topic.startswith(f"{root}/bridge/request/"))


async def _refusal(link: Link, topics: Iterable[str], **options: bool) -> str | None:
    """Subscribe to each of these; the last of the broker's refusals."""
    refusal = None
    for topic in topics:
        try:
            await link.subscribe(topic, qos=1, **options)
        except BrokerError as error:
            refusal = str(error)
    return refusal
