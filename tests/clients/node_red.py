"""Node-RED, driven through its admin API as its editor does."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import websockets

from tests.broker.ports import free_port
from tests.clients.process import Process
from tests.patience import PATIENCE

_PAUSE = 0.2

Event = dict[str, Any]


class NodeRed:
    """A headless Node-RED with a directory of its own; `events` is what its editor would be told."""

    def __init__(self, node_modules: Path, directory: Path) -> None:
        directory.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        settings = {
            "uiHost": "127.0.0.1",
            "uiPort": self.port,
            "flowFile": "flows.json",
            "telemetry": {"enabled": False},
        }
        settings |= {"editorTheme": {"tours": False}}
        (directory / "settings.js").write_text(f"module.exports = {json.dumps(settings)};")
        red = str(node_modules / "node-red/red.js")
        self.process = Process(["node", red, "--userDir", str(directory)], directory / "node-red.log")
        self._http = httpx.AsyncClient(base_url=self.url, timeout=PATIENCE)
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.process.start()
        await self._until_started()
        self._listener = asyncio.create_task(self._listen(), name="node-red events")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        await self._http.aclose()
        await self.process.stop()

    async def deploy(self, nodes: list[Event]) -> None:
        """Import nodes as the only flows and start them, until they listen; fails where a type is not known."""
        reply = await self._http.post("/flows", json=nodes, headers={"Node-RED-Deployment-Type": "full"})
        assert reply.is_success, reply.text
        assert "missing types" not in self.process.log, self.process.log
        # the subflows show a value of their own instead, and disabled tabs nothing
        silent = {node["id"] for node in nodes if node["type"] == "subflow" or node.get("disabled") is True}
        listening = [node["id"] for node in nodes if node["type"] == "mqtt in" and node["z"] not in silent]
        # the text is a key of its translations, such as "node-red:common.status.connected"
        await self.until(lambda: all((self.status(node) or "").endswith(".connected") for node in listening))

    async def flows(self) -> list[Event]:
        """The nodes that run."""
        nodes: list[Event] = (await self._http.get("/flows")).json()
        return nodes

    async def press(self, node: str) -> None:
        """Press the button of an inject node."""
        reply = await self._http.post(f"/inject/{node}", json={})
        assert reply.is_success, reply.text

    async def page(self, path: str) -> str:
        """A page of what runs in it."""
        reply = await self._http.get(path, follow_redirects=True)
        assert reply.is_success, reply.text
        return reply.text

    def status(self, node: str) -> str | None:
        """The text below a node now."""
        told = [event["data"] for event in self.events if event["topic"] == f"status/{node}"]
        return told[-1].get("text") if told else None

    def shown(self) -> list[Any]:
        """What debug nodes have written to the sidebar, newest last, warnings included."""
        told = [event["data"] for event in self.events if event["topic"] == "debug"]
        return [_decoded(one) for one in told]

    async def until(self, predicate: Callable[[], object], wait: float = PATIENCE) -> None:
        """Return as soon as `predicate` holds; it is asked after each event."""
        try:
            async with asyncio.timeout(wait):
                while not predicate():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {wait} s:\n{self.events[-20:]}\n{self.process.log[-3000:]}") from None

    async def _until_started(self) -> None:
        """It listens, and answers 500, before it has its flows; nothing tells when a foreign program is ready."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._has_flows():  # noqa: ASYNC110 - a foreign program has no event for us
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise AssertionError(f"not started within {PATIENCE} s:\n{self.process.log}") from None

    async def _has_flows(self) -> bool:
        try:
            return (await self._http.get("/flows")).is_success
        except httpx.TransportError:
            return False

    async def _listen(self) -> None:
        async with websockets.connect(f"ws://127.0.0.1:{self.port}/comms", max_size=None) as socket:
            for topic in ("debug", "status/#", "notification/#"):
                await socket.send(json.dumps({"subscribe": topic}))
            async for frame in socket:
                events = json.loads(frame)
                self.events += events if isinstance(events, list) else [events]
                self._changed.set()


def _decoded(message: dict[str, Any]) -> Any:
    """The value of a message to the sidebar, which carries objects as JSON."""
    value = message.get("msg")
    return json.loads(value) if message.get("format", "").startswith("Object") and isinstance(value, str) else value
