"""Requests over MQTT: `bridge/request/<name>` in, an answer out."""

import asyncio
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from bridge.commands.inbox import Outlet
from bridge.errors import EvccError, Refused
from bridge.extras import questions
from bridge.extras.ledger import each
from bridge.extras.rest import SESSIONS, Rest
from bridge.extras.sessions import TIMEOUT
from bridge.mqtt.message import OVERHEAD, Message
from bridge.state.payload import text
from bridge.util.redact import redact_logins

PREFIX = "bridge/request/"
_RESPONSE = "bridge/response/"
_MOST_WAITING = 100
_LONGEST_ROOT = 256
_STALE = "kept by the broker while nobody listened, and not answered"

Answer = Mapping[str, Any]


class Requests:
    """Answers questions, `limit` at the same time. `largest` gives the broker's maximum packet size in bytes, if any.

    `refresh` has everything read anew; `state` is evcc's newest state.
    """

    def __init__(  # noqa: PLR0913  everything that the outside is, given from outside
        self,
        rest: Rest,
        state: Callable[[], Mapping[str, Any]],
        outlet: Outlet,
        limit: int,
        *,
        refresh: Callable[[], None],
        largest: Callable[[], int | None],
    ) -> None:
        self._rest = rest
        self._state = state
        self._outlet = outlet
        self._refresh = refresh
        self._largest = largest
        self._turns = asyncio.Semaphore(limit)
        self._waiting = 0
        self._group: TaskGroup | None = None
        self._answers: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = {
            "state": self._of_state,
            "tariff": self._of_tariff,
            "sessions": self._of_sessions,
            "plan": self._of_plan,
            "health": self._of_health,
            "refresh": self._of_refresh,
        }

    def receive(self, message: Message, *, stale: bool = False) -> None:
        """Take a message on a topic below `bridge/request/`; never blocks, never raises.

        An empty one asks without fields, unless it erases a retained one: 3.1.1 does not tell the two apart, nor
        does anything that is replayed.
        """
        erases = not message.payload and (message.retain or stale)
        if erases or not message.topic.startswith(PREFIX):
            return
        if message.retain:
            self._outlet.erase(message.topic)
        name = message.topic.removeprefix(PREFIX)
        try:
            group = self._accepting(stale=stale)
            fields = questions.read(name, message.payload or b"{}")
        except Refused as error:
            self._answer(message, _refused(str(error)))
        else:
            self._waiting += 1
            group.create_task(self._work(name, fields, message), name=f"request {name}")

    async def run(self) -> None:
        """Answer until cancelled."""
        try:
            async with TaskGroup() as group:
                self._group = group
                await asyncio.Event().wait()
        finally:
            self._group = None

    def _accepting(self, *, stale: bool) -> TaskGroup:
        if stale:
            raise Refused(_STALE)
        if self._group is None:
            raise Refused("the bridge is starting or stopping")
        if self._waiting >= _MOST_WAITING:
            raise Refused(f"{self._waiting} requests wait already")
        return self._group

    async def _work(self, name: str, fields: Mapping[str, Any], message: Message) -> None:
        try:
            async with self._turns:
                self._answer(message, await self._tried(name, fields))
        finally:
            self._waiting -= 1

    async def _tried(self, name: str, fields: Mapping[str, Any]) -> Answer:
        try:
            return {"status": "ok", "data": await self._answers[name](fields), "error": None}
        except Refused as error:
            return _refused(str(error))
        except EvccError as error:
            return {"status": "failed", "data": None, "error": str(error)}

    def _answer(self, message: Message, answer: Answer) -> None:
        payload = text(answer)
        topic = message.response_topic
        room = self._room(message)
        if room is not None and len(payload) > room:
            reason = f"the answer has {len(payload)} bytes, and the broker takes {room} here: ask for less"
            payload = orjson.dumps(_refused(reason))
        if topic is None or not self._outlet.respond(topic, payload, message.correlation):
            self._outlet.send(Message(_RESPONSE + message.topic.removeprefix(PREFIX), payload))

    def _room(self, message: Message) -> int | None:
        """How long an answer may be, in bytes."""
        largest = self._largest()
        if largest is None:
            return None
        topic = message.response_topic
        levels = _LONGEST_ROOT + len(message.topic.encode()) + 1 if topic is None else len(topic.encode())
        return max(largest - OVERHEAD - levels - len(message.correlation or b""), 0)

    async def _of_state(self, fields: Mapping[str, Any]) -> Any:
        return await self._rest.jq(fields["jq"])

    async def _of_tariff(self, fields: Mapping[str, Any]) -> Any:
        return (await self._rest.get(f"/api/tariff/{fields['type']}")).json()

    async def _of_sessions(self, fields: Mapping[str, Any]) -> Any:
        if fields.get("month") and not fields.get("year"):
            raise Refused("a month needs its year")
        params = {key: str(value) for key, value in fields.items() if (key, value) != ("format", "json")}
        reply = await self._rest.get(SESSIONS, params, timeout=TIMEOUT)
        if params.get("format") == "csv":
            return redact_logins(reply.body.decode(errors="replace"))
        listed = [text(row) async for row in each(reply.body)]
        return orjson.Fragment(b"[" + b",".join(listed) + b"]")

    async def _of_plan(self, fields: Mapping[str, Any]) -> Any:
        loadpoints = self._state().get("loadpoints")
        number, count = fields["loadpoint"], len(loadpoints) if isinstance(loadpoints, list) else 0
        if number > count:
            raise Refused(f"there is no loadpoint {number}: evcc has {count}")
        return (await self._rest.get(f"/api/loadpoints/{number}/plan")).json()

    async def _of_health(self, _: Mapping[str, Any]) -> Any:
        return redact_logins((await self._rest.get("/api/health")).body.decode(errors="replace").strip())

    async def _of_refresh(self, _: Mapping[str, Any]) -> None:
        self._refresh()


def _refused(reason: str) -> Answer:
    return {"status": "refused", "data": None, "error": reason}
