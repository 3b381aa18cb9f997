"""A simulated evcc in a process of its own is driven over a second port: `POST /demo/<action>`, arguments as JSON."""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h11
import orjson

from evcc_simulator.messages import Request
from evcc_simulator.server import Evcc

_READ = 65_536

ACTIONS: dict[str, Callable[..., Any]] = {
    "accept": Evcc.accept,
    "connect": Evcc.connect,
    "cycle": Evcc.cycle,
    "delete": Evcc.delete,
    "drop_sockets": Evcc.drop_sockets,
    "fault": Evcc.fault,
    "finish_session": Evcc.finish_session,
    "generate_sessions": Evcc.generate_sessions,
    "get": Evcc.get,
    "push_fault": Evcc.push_fault,
    "refuse": Evcc.refuse,
    "replace": lambda evcc, body: evcc.replace(None if body is None else body.encode()),
    "restart": Evcc.restart,
    "set": Evcc.set,
    "step": Evcc.step,
}
"""What can be done from outside: the methods of Evcc, their arguments by name."""


class Control:
    """`POST /demo/<action>` acts; `GET /demo/requests?after=N` and `GET /demo/state` show what is.

    Every answer is JSON: `result`, and `at`, the monotonic second just before the action (comparable between the
    processes of one machine); 400 with `error` when it cannot be done. One request a connection.
    """

    def __init__(self, evcc: Evcc, host: str = "127.0.0.1", port: int = 0) -> None:
        self._evcc, self._host, self.port = evcc, host, port
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h11.Connection(h11.SERVER)
        try:
            method, target, body = await _receive(http, reader)
            status, answer = await self._answer(method, target, body)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(answer)), "Connection": "close"}
            head = http.send(h11.Response(status_code=status, headers=list(headers.items()))) or b""
            writer.write(head + answer)
            await writer.drain()
        except (ConnectionError, h11.RemoteProtocolError):
            pass  # the client is gone, or speaks no HTTP: there is nobody to answer
        finally:
            writer.close()

    async def _answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        at = time.monotonic()
        try:
            result = await self._do(method, target, body)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            return 400, orjson.dumps({"error": f"{type(error).__name__}: {error}"})
        return 200, orjson.dumps({"result": result, "at": at}, default=str)

    async def _do(self, method: str, target: str, body: bytes) -> Any:
        parts = urlsplit(target)
        name = parts.path.removeprefix("/demo/")
        match method, name:
            case "GET", "state":
                return self._evcc.state
            case "GET", "stage":
                return self._evcc.stage.value
            case "GET", "requests":
                after = int(parse_qs(parts.query).get("after", ["0"])[0])
                return [_told(request) for request in self._evcc.requests[after:]]
            case _:
                result = ACTIONS[name](self._evcc, **(orjson.loads(body) if body else {}))
                return await result if isawaitable(result) else result


async def _receive(http: h11.Connection, reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    method, target, body = "", "", b""
    while True:
        match http.next_event():
            case h11.Request() as head:
                method, target = head.method.decode(), head.target.decode("latin-1")
            case h11.Data() as data:
                body += data.data
            case h11.EndOfMessage():
                return method, target, body
            case h11.ConnectionClosed():
                raise ConnectionError
            case _:
                http.receive_data(await reader.read(_READ))


def _told(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "target": request.target,
        "body": request.body.decode(errors="replace"),
        "at": request.at,
    }
