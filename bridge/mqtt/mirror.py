"""Keeps the retained topics below the root equal to what is desired, over reconnects, restarts and foreign writes."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bridge.mqtt.message import MessageQueue

if TYPE_CHECKING:
    from bridge.evcc.reader import Reader
    from bridge.settings import Settings
    from bridge.state.flatten import Topics
    from bridge.util.diagnostics import Diagnostics


class Prefix:
    """Home Assistant's discovery topics, mirrored like those below the root. Topics are absolute here."""

    def set(self, topics: Mapping[str, bytes]) -> None:
        """Set the topics that are to be retained, whole; those of ours that are not among them are erased."""
        raise NotImplementedError

    def holds(self, topic: str, payload: bytes) -> bool:
        """Whether the broker is known to hold this payload."""
        raise NotImplementedError

    async def settled(self) -> None:
        """Wait until the broker has acknowledged everything."""
        raise NotImplementedError


class Mirror:
    """Desired topics against held ones. Topics are below the root, if not said otherwise."""

    commands: MessageQueue
    """What arrives on `…/set`."""
    requests: MessageQueue
    """What arrives below `bridge/request/`."""
    discovery: Prefix
    complete: asyncio.Event
    """Set once the broker has acknowledged everything for the first time, `status` included."""
    changed: asyncio.Event
    """Set whenever `connected` has changed; whoever waits for it clears it."""
    published: int
    corrected: int
    reconnects: int

    def __init__(self, settings: "Settings", reader: "Reader", diagnostics: "Diagnostics") -> None:
        raise NotImplementedError

    @property
    def topics(self) -> Mapping[str, bytes]:
        """Every desired topic with its payload."""
        raise NotImplementedError

    @property
    def shape(self) -> int:
        """A number that grows whenever a desired topic comes or goes."""
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        """Whether the broker is connected and has acknowledged what is desired, or was waited for long enough."""
        raise NotImplementedError

    @property
    def standby(self) -> bool:
        """Whether another bridge publishes below this root, and this one therefore publishes and carries out nothing."""
        raise NotImplementedError

    @property
    def version(self) -> str | None:
        """The MQTT version of the connection, `5` or `3.1.1`; None without one."""
        raise NotImplementedError

    @property
    def largest_packet(self) -> int | None:
        """The largest packet that the broker takes, in bytes; None where it did not announce one."""
        raise NotImplementedError

    @property
    def last_acknowledgement(self) -> float | None:
        """Loop time of the broker's last acknowledgement on this connection; None without a connection."""
        raise NotImplementedError

    def update(self, sources: "Mapping[str, Topics]") -> None:
        """Set the topics of parts of evcc's state, each whole; with `topics.by_title` also their copies by title."""
        raise NotImplementedError

    def set(self, source: str, topics: Mapping[str, bytes]) -> None:
        """Set the topics of one source, whole: what it had before and has no more is erased.

        `status` may be set at any time; it is published only while `connected`.
        """
        raise NotImplementedError

    def wait(self, topic_filter: str) -> None:
        """Keep held topics that match an MQTT topic filter until `known`: their source has not been read yet."""
        raise NotImplementedError

    def known(self, topic_filter: str) -> None:
        """Note that the source of these topics has been read: what is held and not desired is gone."""
        raise NotImplementedError

    def republish(self, topics: Iterable[str] | None = None) -> None:
        """Publish desired topics again although they are held; all of them by default."""
        raise NotImplementedError

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish a message that is not retained; False where it was dropped, as without a connection."""
        raise NotImplementedError

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        """Publish an answer on the absolute topic that a client named; False where none may go, or it was dropped."""
        raise NotImplementedError

    def erase(self, topic: str) -> None:
        """Erase a retained message that somebody left on a topic."""
        raise NotImplementedError

    async def stored(self, topic: str) -> bytes:
        """What an earlier run has left on a topic below `bridge/`, empty for none; waits for the first connection."""
        raise NotImplementedError

    async def settled(self) -> None:
        """Wait until the broker has acknowledged everything that is desired."""
        raise NotImplementedError

    async def run(self) -> None:
        """Hold a connection, for ever."""
        raise NotImplementedError

    async def close(self) -> None:
        """Publish `offline` and disconnect, in any phase, within about a second; `run` then returns."""
        raise NotImplementedError
