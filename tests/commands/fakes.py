"""A clock that only moves when told, an evcc that answers as told, an outlet that remembers, and an inbox between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from bridge.commands.inbox import Inbox
from bridge.errors import BridgeError, Unreachable
from bridge.evcc.client import Reply
from bridge.mqtt.message import Message
from bridge.settings import Commands
from tests.commands.house import TODAY

NOON = 1_795_608_000.0  # 2026-11-25T12:00:00Z


class Clock:
    """Time that stands still until it is advanced."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return NOON + self.time - 1000

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move on, waking every sleeper at its time."""
        end = self.time + seconds
        await settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end]:
            first = min(due, key=lambda sleeper: sleeper[0])
            self._sleepers.remove(first)
            self.time = max(self.time, first[0])
            if not first[1].done():
                first[1].set_result(None)
            await settle()
        self.time = end


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(30):
        await asyncio.sleep(0)


def reply(status: int = 200, body: Any = None, content_type: str = "application/json") -> Reply:
    return Reply(status, content_type, body if isinstance(body, bytes) else orjson.dumps(body))


AWAY = Unreachable("evcc cannot be reached: connection refused")
HANGS = "hangs"
NO_ROUTE = reply(404, b"404 page not found\n", "text/plain; charset=utf-8")


@dataclass
class FakeEvcc:
    """Answers with the next of `replies`, else with `otherwise`; holds its answers while `gate` is shut.

    A question about its state is answered with `state`, and not noted.
    """

    clock: Clock
    state: Reply | BridgeError = field(default_factory=reply)
    replies: list[Reply | BridgeError | str] = field(default_factory=list)
    otherwise: Reply | BridgeError = field(default_factory=reply)
    calls: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> Reply:
        if (method, path, params) == ("GET", "/api/state", {"jq": "null"}):
            return self._told(self.state)
        self.calls.append(f"{method} {path.removeprefix('/api/')}")
        self.times.append(self.clock.time - 1000)
        self.bodies.append(json)
        await self.gate.wait()
        answer = self.replies.pop(0) if self.replies else self.otherwise
        if isinstance(answer, str):
            await self.clock.sleep(timeout or 0)
            raise Unreachable(f"evcc did not answer within {timeout:g} s")
        return self._told(answer)

    def _told(self, answer: Reply | BridgeError) -> Reply:
        if isinstance(answer, BridgeError):
            raise answer
        return answer


@dataclass
class Outlet:
    """Remembers what is published."""

    sent: list[Message] = field(default_factory=list)
    responses: list[tuple[str, dict[str, Any], bytes | None]] = field(default_factory=list)
    retained: dict[str, bytes] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        self.responses.append((topic, orjson.loads(payload), correlation))
        return True

    def want(self, source: str, topics: Mapping[str, bytes]) -> None:
        assert source in topics
        self.retained.update(topics)

    def erase(self, topic: str) -> None:
        self.erased.append(topic)

    @property
    def answers(self) -> list[tuple[str, dict[str, Any]]]:
        return [(message.topic.removesuffix("/result"), orjson.loads(message.payload)) for message in self.sent]

    @property
    def statuses(self) -> list[str]:
        return [answer["status"] for _, answer in self.answers]


def options_of(**given: Any) -> Commands:
    """The options of commands, which may follow each other as fast as they come."""
    return Commands(**{"rate": 10_000, **given})


@dataclass
class World:
    """An inbox and what is around it."""

    clock: Clock
    evcc: FakeEvcc
    outlet: Outlet
    inbox: Inbox
    state: dict[str, Any]
    done: list[float]
    ready: bool = True

    def set(self, topic: str, payload: str | bytes, *, stale: bool = False, **options: Any) -> None:
        """Let a client set a topic."""
        data = payload.encode() if isinstance(payload, str) else payload
        self.inbox.receive(Message(f"{topic}/set", data, **options), stale=stale)

    async def answered(self, topic: str, payload: str | bytes, **options: Any) -> dict[str, Any]:
        """Let a client set a topic, and give its answer."""
        self.set(topic, payload, **options)
        await settle()
        [(answered, answer)] = self.outlet.answers[-1:]
        assert answered == topic
        return answer


def world(state: Mapping[str, Any] = TODAY, by_title: Callable[[str], Any] | None = None, **options: Any) -> World:
    clock = Clock()
    evcc, outlet, done = FakeEvcc(clock), Outlet(), list[float]()
    known = dict(state)
    inbox = Inbox(
        evcc,
        lambda: known,
        outlet,
        options_of(**options),
        ZoneInfo("Europe/Berlin"),
        ready=lambda: made.ready,
        done=lambda: done.append(clock.time),
        by_title=by_title,
        now=clock.now,
        monotonic=clock.monotonic,
        sleep=clock.sleep,
    )
    made = World(clock, evcc, outlet, inbox, known, done)
    return made


@asynccontextmanager
async def running(state: Mapping[str, Any] = TODAY, **options: Any) -> AsyncIterator[World]:
    """A world whose inbox runs."""
    made = world(state, **options)
    task = asyncio.create_task(made.inbox.run())
    await settle()
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
