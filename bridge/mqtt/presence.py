"""Recognizes a second bridge on the same root: the one that came first publishes, the other stays silent."""

import asyncio
import math
import secrets
import socket
import time
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.mqtt.client import Link
from bridge.mqtt.message import Message
from bridge.mqtt.ownership import MARKER

PRESENCE = f"{MARKER}present"
_ASK_EVERY = 4.0  # seconds between two questions of a silent bridge
_GONE_AFTER = 3 * _ASK_EVERY  # seconds without an answer
_ANSWER_WITHIN = 2.0  # seconds, where another bridge's `status` is online
_AFTER_OFFLINE = 1.5  # seconds in which one that is still there answers
_LONGEST_HOST = 255


@dataclass(frozen=True, slots=True)
class _Bridge:
    """A bridge as it presents itself; `since` is the time in Unix seconds from which on it has been active."""

    instance: str
    host: str
    active: bool
    since: float


class Presence:
    """Whether this bridge is the active one below `root`.

    Every bridge asks on each connection, and an active one answers, on the same topic: JSON with `instance`, `host`,
    `active`, `since`. Of two active ones the later yields.
    """

    def __init__(self, root: str) -> None:
        self.instance = secrets.token_hex(8)
        """Distinguishes this run of the bridge from all others."""
        self.host = socket.gethostname()
        self.silent = False
        """Whether another bridge is active, and this one therefore silent."""
        self.decided = False
        """Whether it is known on this connection which bridge is the active one."""
        self._topic = f"{root}/{PRESENCE}"
        self._root = root
        self._since = math.inf
        self._active: _Bridge | None = None
        self._seen = -math.inf
        self._asked = -math.inf
        self._waiting: _Bridge | None = None
        self._waiting_seen = -math.inf
        self._answer = asyncio.Event()

    def begin(self, link: Link) -> None:
        """Begin on a new connection: whoever has become active meanwhile came first."""
        self.decided = False
        self._since, self._seen = math.inf, -math.inf
        self.ask(link)

    def ask(self, link: Link) -> None:
        """Ask whether another bridge is active."""
        self._asked = _now()
        self._present(link, active=False)

    async def decide(self, link: Link, *, other_online: bool) -> None:
        """Become active, or silent where another bridge is. `other_online`: its `status` is online."""
        if other_online and not self._is_present():
            self._answer.clear()
            try:
                async with asyncio.timeout(_ANSWER_WITHIN):
                    await self._answer.wait()
            except TimeoutError:
                pass
        self.silent, self.decided = self._is_present(), True
        if not self.silent:
            self._since = min(self._since, time.time())
            self._present(link, active=True)

    def take(self, payload: bytes, link: Link) -> bool:
        """Take another bridge's message; True where this one must yield and connect again."""
        other = _parsed(payload)
        if other is None or other.instance == self.instance:
            return False
        if not other.active:
            self._waiting, self._waiting_seen = other, _now()
            if not self.silent and math.isfinite(self._since):
                self._present(link, active=True)
            return False
        return self._take_active(other, link)

    def tick(self, link: Link) -> bool:
        """Ask again while silent, about once a second; True when the other bridge is gone."""
        if not self.silent:
            return False
        if _now() - self._asked >= _ASK_EVERY:
            self.ask(link)
        return not self._is_present()

    def note_offline(self, link: Link) -> None:
        """Note that `status` has become offline: the other bridge may be gone."""
        self._seen = min(self._seen, _now() - _GONE_AFTER + _AFTER_OFFLINE)
        self.ask(link)

    def text(self) -> str | None:
        """The problem, if there is one."""
        if self.silent and self._active:
            return (
                f"another bridge, on {self._active.host}, publishes below {self._root}: "
                f"this one, on {self.host}, stays silent until that one is gone"
            )
        if self._waiting and _now() - self._waiting_seen < _GONE_AFTER:
            return (
                f"a second bridge, on {self._waiting.host}, is connected to {self._root} and stays silent "
                f"as long as this one, on {self.host}, which came first, is there"
            )
        return None

    def _take_active(self, other: _Bridge, link: Link) -> bool:
        first = (other.since, other.instance) < (self._since, self.instance)
        if not first:
            self._present(link, active=True)
            return False
        self._active, self._seen = other, _now()
        self._answer.set()
        must_yield = not self.silent and math.isfinite(self._since)
        self._since = math.inf
        return must_yield

    def _is_present(self) -> bool:
        return _now() - self._seen < _GONE_AFTER

    def _present(self, link: Link, *, active: bool) -> None:
        since = self._since if math.isfinite(self._since) else None
        own = {"instance": self.instance, "host": self.host, "active": active, "since": since}
        link.send(Message(self._topic, orjson.dumps(own)), first=True)


def _parsed(payload: bytes) -> _Bridge | None:
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    match found:
        case {"instance": str(instance), "host": str(host), "active": bool(active), "since": since}:
            return _Bridge(instance, host[:_LONGEST_HOST], active, _seconds(since))
    return None


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.inf


def _now() -> float:
    return asyncio.get_running_loop().time()
