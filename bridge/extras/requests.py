"""Requests over MQTT: `bridge/request/<name>` in, an answer out."""

import asyncio
from asyncio import CancelledError, Queue, TaskGroup
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from bridge.errors import EvccError, Refused
from bridge.extras.periodic import Access, Periodic
from bridge.extras.request import Request
from bridge.extras.request_kinds import KINDS
from bridge.extras.request_schemas import read_fields
from bridge.mqtt.message import OVERHEAD, Inbound
from bridge.state.values import text
from bridge.util.redact import sanitize

PREFIX = "bridge/request/"
_RESPONSE = "bridge/response/"
_AT_ONCE = 4
_LONGEST_WAIT = 60.0  # seconds that a request may wait for its turn
_PAUSE = 0.05
_LONGEST_ROOT = 256
_LONGEST_SHOWN = 60

Answer = Mapping[str, Any]


def _without(status: str, reason: str) -> Answer:
    return {"status": status, "data": None, "error": reason}


_STALE = _without("refused", "kept by the broker while nobody listened, and not answered")
_TOO_MANY = _without("refused", "too many requests")
_STOPPING = _without("failed", "the bridge is stopping")


class Requests:
    """Answers requests, four at the same time; others wait in the mirror's queue, which is bounded."""

    def __init__(self, access: Access, periodics: Sequence[Periodic]) -> None:
        self._mirror = access.mirror
        self._kinds: Mapping[str, Request] = {kind.name: kind(access, periodics) for kind in KINDS}
        self._waiting: Queue[tuple[Inbound, Request, Mapping[str, Any]]] = Queue(_AT_ONCE)

    async def run(self) -> None:
        """Answer until cancelled; whatever has no answer then, gets one."""
        try:
            async with TaskGroup() as group:
                for number in range(_AT_ONCE):
                    group.create_task(self._work(), name=f"requests {number}")
                async for message in self._mirror.requests:
                    self._receive(message)
                    await self._wait_for_room()
        finally:
            self._stop()

    def _receive(self, message: Inbound) -> None:
        """Take a message below `bridge/request/`.

        An empty one is a request without fields, unless it erases a retained one: with MQTT 3.1.1 the two cannot be
        distinguished, nor when it is replayed.
        """
        erases = not message.payload and not message.excess and (message.retain or message.stale)
        if erases or not message.topic.startswith(PREFIX):
            return
        if message.retain:
            self._mirror.erase(message.topic)
        if message.stale or message.excess:
            self._answer(message, _STALE if message.stale else _TOO_MANY)
            return
        try:
            kind = self._kind(message.topic.removeprefix(PREFIX))
            self._waiting.put_nowait((message, kind, read_fields(kind.fields, message.payload)))
        except Refused as error:
            self._answer(message, _without("refused", str(error)))

    async def _wait_for_room(self) -> None:
        """Wait while all are busy, or while the broker takes answers more slowly than they come."""
        while self._waiting.full() or self._mirror.congested:  # noqa: ASYNC110  for it may be either
            await asyncio.sleep(_PAUSE)

    def _kind(self, name: str) -> Request:
        if name not in self._kinds:
            raise Refused(f"there is no request {sanitize(name, _LONGEST_SHOWN)}: there are {', '.join(self._kinds)}")
        return self._kinds[name]

    async def _work(self) -> None:
        """Answer one request after another."""
        while True:
            message, kind, fields = await self._waiting.get()
            try:
                answer = await _answer_of(message, kind, fields)
            except CancelledError:
                self._answer(message, _STOPPING)
                raise
            self._answer(message, answer)

    def _stop(self) -> None:
        while not self._waiting.empty():
            self._answer(self._waiting.get_nowait()[0], _STOPPING)
        for message in self._mirror.requests.drain():
            if message.payload:
                self._answer(message, _STALE if message.stale else _STOPPING)

    def _answer(self, message: Inbound, answer: Answer) -> None:
        """Publish an answer where the client asked for it, or on `bridge/response/<name>`."""
        payload = text(answer)
        room = self._room(message)
        if room is not None and len(payload) > room:
            reason = f"the answer has {len(payload)} bytes, and the broker takes {room} here: ask for less"
            payload = orjson.dumps(_without("refused", reason))
        topic = message.response_topic
        if topic is None or not self._mirror.respond(topic, payload, message.correlation):
            self._mirror.send(_RESPONSE + message.topic.removeprefix(PREFIX), payload)

    def _room(self, message: Inbound) -> int | None:
        """How long an answer may be, in bytes; None without a limit."""
        largest = self._mirror.largest_packet
        if largest is None:
            return None
        topic = message.response_topic
        levels = _LONGEST_ROOT + len(message.topic.encode()) + 1 if topic is None else len(topic.encode())
        return max(largest - OVERHEAD - levels - len(message.correlation or b""), 0)


async def _answer_of(message: Inbound, kind: Request, fields: Mapping[str, Any]) -> Answer:
    limit = _LONGEST_WAIT if message.expiry is None else min(message.expiry, _LONGEST_WAIT)
    if asyncio.get_running_loop().time() > message.arrived + limit:
        return _without("refused", f"its turn did not come within {limit:.0f} s")
    try:
        return {"status": "ok", "data": await kind.answer(fields), "error": None}
    except Refused as error:
        return _without("refused", str(error))
    except EvccError as error:
        return _without("failed", str(error))
