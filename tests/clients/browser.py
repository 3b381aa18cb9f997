"""A headless Chromium, driven through its debugging protocol: to look at what a person would see."""

import asyncio
import base64
import itertools
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import websockets

from tests.broker.ports import free_port
from tests.clients import programs
from tests.clients.process import Process
from tests.patience import PATIENCE

_PAUSE = 0.2


class Browser:
    """One page of a browser."""

    def __init__(self, directory: Path, width: int = 1280, height: int = 900) -> None:
        program = programs.chromium()
        self._port = free_port()
        self._size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en", "--force-color-profile=srgb"]
        where = [f"--remote-debugging-port={self._port}", f"--user-data-dir={directory / 'profile'}", "about:blank"]
        self._process = Process([program, *options, *where], directory / "chromium.log")
        self._numbers = itertools.count(1)
        self._socket: websockets.ClientConnection

    async def __aenter__(self) -> Self:
        await self._process.start()
        self._socket = await websockets.connect(await self._target(), max_size=None)
        await self._ask("Emulation.setDeviceMetricsOverride", **self._size)
        return self

    async def resize(self, width: int, height: int) -> None:
        """Give the page another size."""
        self._size |= {"width": width, "height": height}
        await self._ask("Emulation.setDeviceMetricsOverride", **self._size)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()
        await self._process.stop()

    async def open(self, url: str) -> None:
        """Go to a page; it may still be loading."""
        await self._ask("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of JavaScript in the page."""
        answer = await self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    async def until(self, script: str, wait: float = PATIENCE) -> None:
        """Wait until JavaScript in the page is true."""
        async with asyncio.timeout(wait):
            while not await self.run(f"Boolean({script})"):  # noqa: ASYNC110  the page cannot set an event here
                await asyncio.sleep(_PAUSE)

    async def picture(self, *, settle: float = 2.0) -> bytes:
        """What the page shows as PNG, after it had time to draw it."""
        await asyncio.sleep(settle)
        answer = await self._ask("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])

    async def _target(self) -> str:
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as http:
            while True:
                try:
                    pages = (await http.get(f"http://127.0.0.1:{self._port}/json")).json()
                except httpx.TransportError:
                    await asyncio.sleep(_PAUSE)
                else:
                    return next(str(page["webSocketDebuggerUrl"]) for page in pages if page["type"] == "page")

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == number:
                found: dict[str, Any] = answer.get("result", {})
                return found
