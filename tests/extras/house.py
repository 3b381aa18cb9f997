"""The extras of a house: a fake evcc behind them, a fake reader and a fake mirror beside them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.evcc.reader import Update
from bridge.extras import Extras
from bridge.extras.periodic import Access
from bridge.extras.rest import Rest
from bridge.mqtt.message import Inbound, Message, MessageQueue, may_respond
from bridge.settings import Settings
from bridge.state.document import from_document
from bridge.state.flatten import Topics
from bridge.state.state import State, changes
from bridge.util.diagnostics import Diagnostics
from tests.extras.recorded import FakeEvcc, evcc_of, state


@dataclass
class FakeHealth:
    """evcc's health, as far as events need it."""

    fresh: bool = True
    reason: str = ""


class FakeReader:
    """Has a state, and notes what it is asked to do."""

    def __init__(self) -> None:
        self.state = State()
        self.settled = True
        self.health = FakeHealth()
        self.refreshed = 0
        self.hangs: list[bool] = []

    def refresh(self) -> None:
        self.refreshed += 1

    def hung(self, hung: bool) -> None:
        self.hangs.append(hung)


class FakeMirror:
    """Keeps what is desired and what is sent; `next` waits for a message."""

    def __init__(self, stored: Mapping[str, bytes] | None = None) -> None:
        self.left = stored or {}  # by an earlier run
        self.sources: dict[str, Mapping[str, bytes]] = {}
        self.aliases: dict[str, bytes] = {}
        self.unread: set[str] = set()
        self.erased: list[str] = []
        self.responses: list[tuple[str, bytes, bytes | None]] = []
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.requests = MessageQueue()
        self.largest_packet: int | None = None
        self.congested = False
        self.tree = self

    async def stored(self, topic: str) -> bytes:
        return self.left.get(topic, b"")

    def set(self, source: str, topics: Mapping[str, bytes]) -> None:
        self.sources[source] = topics

    def update(self, sources: Mapping[str, Topics]) -> None:
        for topics in sources.values():
            assert not topics.own
            self.aliases = dict(topics.alias)

    def wait(self, topic_filter: str) -> None:
        self.unread.add(topic_filter)

    def known(self, topic_filter: str) -> None:
        self.unread.discard(topic_filter)

    def send(self, topic: str, payload: bytes) -> bool:
        self.sent.put_nowait(Message(topic, payload))
        return True

    def respond(self, topic: str, payload: bytes, correlation: bytes | None) -> bool:
        if not may_respond(topic):
            return False
        self.responses.append((topic, payload, correlation))
        return self.send(topic, payload)

    def erase(self, topic: str) -> None:
        self.erased.append(topic)

    @property
    def topics(self) -> dict[str, bytes]:
        """All desired topics that have a payload."""
        sources = [self.aliases, *self.sources.values()]
        return {topic: payload for topics in sources for topic, payload in topics.items() if payload}

    async def next(self) -> tuple[str, Any]:
        """The next message's topic and JSON."""
        message = await asyncio.wait_for(self.sent.get(), 60)
        return message.topic, orjson.loads(message.payload)

    def all(self) -> list[Any]:
        """The JSON of the messages that nobody has taken yet."""
        return [orjson.loads(self.sent.get_nowait().payload) for _ in range(self.sent.qsize())]


class House:
    """What periodic reads and requests work with. `document` is evcc's state."""

    def __init__(
        self, evcc: FakeEvcc | None = None, document: Mapping[str, Any] | None = None, /, **settings: Any
    ) -> None:
        self.evcc = evcc or FakeEvcc()
        self.reader = FakeReader()
        self.mirror = FakeMirror()
        self.diagnostics = Diagnostics()
        self.settings = Settings(**({"commands": {"timezone": "Europe/Berlin"}} | settings))
        client: Any = self.evcc
        reader: Any = self.reader
        mirror: Any = self.mirror
        self.rest = Rest(client)
        self.access = Access(self.rest, reader, mirror, self.settings, self.diagnostics)
        self.document = dict(document or {})
        self.reader.state = from_document({"loadpoints": []} | self.document) if document else State()

    @property
    def state(self) -> State:
        return self.reader.state

    def new(self, document: Mapping[str, Any], *, complete: bool = True, restarted: bool = False) -> Update:
        """The update that another document brings."""
        old, self.document = self.state, dict(document)
        self.reader.state = from_document({"loadpoints": []} | self.document)
        return Update(self.state, changes(old, self.state), complete, restarted)

    def first(self, *, complete: bool = True) -> Update:
        """The update that brings what is there at the start."""
        return Update(self.state, changes(State(), self.state), complete, restarted=False)

    def idle(self, *, complete: bool = True, restarted: bool = False) -> Update:
        """An update without a change of the state."""
        return Update(self.state, (), complete, restarted)

    def loadpoint(self, number: int, values: Mapping[str, Any], *, complete: bool = True) -> Update:
        """The update that other values of one loadpoint bring."""
        loadpoints = list(self.document["loadpoints"])
        loadpoints[number - 1] = loadpoints[number - 1] | values
        return self.new(self.document | {"loadpoints": loadpoints}, complete=complete)

    def request(self, name: str, payload: bytes = b"{}", **fields: Any) -> None:
        """A message on `bridge/request/<name>`."""
        arrived = asyncio.get_running_loop().time()
        self.mirror.requests.put(Inbound(f"bridge/request/{name}", payload, arrived=arrived, **fields))


class Recorded(House):
    """All extras of a recorded house."""

    def __init__(self, era: str = "0.313.2", **settings: Any) -> None:
        super().__init__(evcc_of(era), state(era), **settings)
        client: Any = self.evcc
        access = self.access
        self.extras = Extras(client, access.reader, access.mirror, self.settings, self.diagnostics)

    def change(self, number: int = 1, *, complete: bool = True, **values: Any) -> None:
        """Values of a loadpoint change."""
        self.extras.update(self.loadpoint(number, values, complete=complete))

    @asynccontextmanager
    async def running(self, *, complete: bool = True) -> AsyncIterator[None]:
        task = asyncio.create_task(self.extras.run())
        self.extras.update(self.first(complete=complete))
        await asyncio.sleep(1)
        yield
        task.cancel()
