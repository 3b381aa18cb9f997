"""An evcc that answers as asked for, a mirror that remembers, and a dispatcher between them, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import orjson

from bridge.commands.dispatcher import Dispatcher
from bridge.errors import BridgeError, Unreachable
from bridge.evcc.client import EvccClient, Reply
from bridge.evcc.health import Health
from bridge.mqtt.message import Inbound, MessageQueue
from bridge.settings import Commands
from bridge.state.contract import Contract
from bridge.state.state import State
from bridge.util.diagnostics import Diagnostics
from tests.settable.house import TODAY
from tests.virtual import in_virtual_time, monotonic

if TYPE_CHECKING:
    from bridge.evcc.reader import Reader
    from bridge.mqtt.mirror import Mirror


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in virtual time."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        in_virtual_time(test(*args, **kwargs))

    return run


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
    """Answers with the next of `replies`, else with `otherwise`; holds its answers while `gate` is shut."""

    routes: bool = True
    replies: list[Reply | BridgeError | str] = field(default_factory=list)
    otherwise: Reply | BridgeError = field(default_factory=reply)
    calls: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    params: list[Mapping[str, str] | None] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def has_routes(self, _: float | None = None) -> bool:
        return self.routes

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> Reply:
        self.calls.append(f"{method} {path.removeprefix('/api/')}")
        self.times.append(monotonic())
        self.params.append(params)
        self.bodies.append(json)
        await self.gate.wait()
        answer = self.replies.pop(0) if self.replies else self.otherwise
        if isinstance(answer, str):
            await asyncio.sleep(timeout or 0)
            raise Unreachable(f"evcc did not answer within {timeout:g} s")
        if isinstance(answer, BridgeError):
            raise answer
        return answer


@dataclass
class FakeReader:
    """Holds a state, and remembers when it was asked to read again."""

    state: State
    complete: bool = True
    contract: Contract | None = None
    settled: bool = True
    polls: int = 0
    reads: list[float] = field(default_factory=list)
    unread: bool = False

    def __post_init__(self) -> None:
        self._health = Health()

    @property
    def health(self) -> Health:
        """The state is read all the time, unless it is `unread`."""
        if not self.unread:
            self._health.seen = monotonic()
        return self._health

    def after_command(self) -> None:
        self.reads.append(monotonic())

    def refresh(self) -> None:
        self.polls += 1


@dataclass
class FakeMirror:
    """Remembers what is published."""

    commands: MessageQueue = field(default_factory=MessageQueue)
    connected: bool = True
    congested: bool = False
    silent: bool = False
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    responses: list[tuple[str, dict[str, Any], bytes | None]] = field(default_factory=list)
    retained: dict[str, bytes] = field(default_factory=dict)
    erased: list[str] = field(default_factory=list)

    @property
    def tree(self) -> "FakeMirror":
        return self

    def send(self, topic: str, payload: bytes) -> bool:
        self.sent.append((topic.removesuffix("/result"), orjson.loads(payload)))
        return True

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        self.responses.append((topic, orjson.loads(payload), correlation))
        return True

    def set(self, source: str, topics: Mapping[str, bytes]) -> None:
        assert topics.keys() <= {source}
        self.retained.pop(source, None)
        self.retained.update(topics)

    async def stored(self, topic: str) -> bytes:
        return self.retained.get(topic, b"")

    def erase(self, topic: str) -> None:
        self.erased.append(topic)


class World:
    """A dispatcher and what is around it."""

    def __init__(self, state: State = TODAY, evcc: FakeEvcc | None = None, **options: Any) -> None:
        self.evcc, self.reader, self.mirror = evcc or FakeEvcc(), FakeReader(state), FakeMirror()
        self.diagnostics = Diagnostics()
        self.dispatcher = Dispatcher(
            cast("EvccClient", self.evcc),
            cast("Reader", self.reader),
            cast("Mirror", self.mirror),
            Commands(timezone="Europe/Berlin", **options),
            self.diagnostics,
        )

    @property
    def statuses(self) -> list[str]:
        return [answer["status"] for _, answer in self.mirror.sent]

    @property
    def errors(self) -> list[str]:
        return [answer["error"] for _, answer in self.mirror.sent]

    def set(self, topic: str, payload: str | bytes, *, waited: float = 0, **options: Any) -> None:
        """Let a client set a topic; `waited` is how long ago the message arrived, in seconds."""
        data = payload.encode() if isinstance(payload, str) else payload
        self.mirror.commands.put(Inbound(f"{topic}/set", data, arrived=monotonic() - waited, **options))

    async def taken(self) -> None:
        """Wait until every command has been read."""
        while len(self.mirror.commands):  # noqa: ASYNC110 - the product waits for no such event
            await asyncio.sleep(0)
        await settle()

    async def answered(self, topic: str, payload: str | bytes, **options: Any) -> dict[str, Any]:
        """Let a client set a topic, and give its answer."""
        self.set(topic, payload, **options)
        await settle()
        [(answered, answer)] = self.mirror.sent[-1:]
        assert answered == topic
        return answer


@asynccontextmanager
async def running(
    state: State = TODAY, evcc: FakeEvcc | None = None, *, rate: float = 10_000, **options: Any
) -> AsyncIterator[World]:
    """A world whose dispatcher runs."""
    with mock.patch("bridge.commands.dispatcher.CALLS_A_SECOND", rate):
        world = World(state, evcc, **options)
    task = asyncio.create_task(world.dispatcher.run())
    await settle()
    try:
        yield world
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
