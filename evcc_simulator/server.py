"""The simulated evcc on a TCP port."""

import asyncio
import base64
import ssl
from types import TracebackType
from typing import Any, Self

from evcc_simulator.clock import Clock
from evcc_simulator.connection import Connection
from evcc_simulator.faults import FAULTS, Fault
from evcc_simulator.house import ERAS, JSON, House, Path
from evcc_simulator.messages import NOT_FOUND, Answer, Journal, Pulse, Request, text
from evcc_simulator.push import Hub, PushFault, Socket
from evcc_simulator.reads import UNAUTHORIZED
from evcc_simulator.routes import respond
from evcc_simulator.sessions import Sessions
from evcc_simulator.simulation import Simulation, Stage

_SOCKET = "/ws"
_PROTECTED = "/api/config/"


class Evcc:
    """A whole evcc, to be used as an async context manager.

    `interval` is the seconds between control cycles, None for cycles by hand (`cycle`). `speed` lets the house's
    clock run faster than real time from `start` (seconds since 1970, default now). `prefix`, `login` and
    `tls` stand for a reverse proxy before it; with `api_key` evcc has such a key. With `still` the meters do not move.
    """

    def __init__(  # noqa: PLR0913 - every option has a default that suits most
        self,
        era: str = "0.313.2",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        interval: float | None = None,
        start: float | None = None,
        speed: float = 1,
        still: bool = False,
        loadpoints: int | None = None,
        sessions: int | None = None,
        fatal: bool = False,
        prefix: str = "",
        login: tuple[str, str] | None = None,
        api_key: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        clock = Clock(speed=speed) if start is None else Clock(start, speed)
        self.simulation = Simulation(ERAS[era], clock, loadpoints)
        self.simulation.still = still
        self.host, self.port, self.interval, self.prefix = host, port, interval, prefix
        self.requests = Journal()
        self.turn = Pulse()
        """Beats after every regular cycle and every stage of a start."""
        self.hub = Hub(self.simulation)
        self.simulation.listen(self.hub.broadcast)
        self.connections: set[Connection] = set()
        self.faults: list[Fault] = []
        self._login, self._api_key, self._tls = login, api_key, tls
        self._server: asyncio.Server | None = None
        self._chores: dict[str, asyncio.Task[None]] = {}
        self._body: bytes | None = None
        if interval is not None:
            self.house.state["interval"] = interval
            self.simulation.settle()
        if sessions is not None:
            self.generate_sessions(sessions)
        if fatal:
            self.simulation.restart(fatal=True)
            self.simulation.stage = Stage.COMPLETE

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        await self.accept()
        if self.interval is not None:
            self._begin("cycles", self._cycles(self.interval))

    async def stop(self) -> None:
        """End everything at once; an error of a background part is raised here."""
        try:
            for name in tuple(self._chores):
                await self._end(name)
        finally:
            await self.refuse()

    # What it is

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}{self.prefix}"

    @property
    def house(self) -> House:
        return self.simulation.house

    @property
    def sessions(self) -> Sessions:
        return self.simulation.sessions

    @property
    def stage(self) -> Stage:
        return self.simulation.stage

    @property
    def state(self) -> dict[str, Any]:
        """A copy of the document that REST shows now, without `result`."""
        return self.house.copy()

    # The house

    def get(self, path: str | Path) -> Any:
        return self.house.get(path)

    def set(self, path: str | Path, value: Any) -> None:
        """Set any value, such as `loadpoints.0.chargePower` (0-based), and send it to /ws."""
        self.house.set(path, value)

    def delete(self, path: str | Path) -> None:
        """Take a key away, as evcc would: only the next poll shows it."""
        self.house.delete(path)

    def replace(self, body: bytes | None) -> None:
        """Answer `GET /api/state` with exactly these bytes; None for the true state again."""
        self._body = body

    async def cycle(self, count: int = 1) -> None:
        """Run control cycles by hand. Where they do not run by themselves, the clock goes on by one interval each."""
        for _ in range(count):
            if self.interval is None:
                self.simulation.clock.advance(self.house.state["interval"])
            self.simulation.cycle()
            self.turn.beat()
            await asyncio.sleep(0)

    def connect(self, loadpoint: int, vehicle: str = "") -> None:
        """A vehicle comes to a loadpoint (0-based)."""
        self.simulation.connect(loadpoint, vehicle)

    def finish_session(self, loadpoint: int) -> dict[str, Any]:
        """The vehicle leaves a loadpoint (0-based). Gives the session that REST lists from now on."""
        return self.simulation.finish_session(loadpoint)

    def generate_sessions(self, count: int, seed: int = 0) -> None:
        self.sessions.generate(count, self.simulation.now(), seed)

    # The start

    async def restart(self, *, scale: float | None = 1, fatal: bool = False) -> None:
        """Stop, and start as evcc does: refused, 404, then one more loadpoint a cycle.

        `scale` stretches the recorded times of the stages before the first cycle; with None they pass by `step`.
        Returns when it refuses.
        """
        await self._end("start")
        await self.refuse()
        self.simulation.restart(fatal=fatal)
        if scale is not None:
            self._begin("start", self._start_up(scale))

    async def step(self) -> Stage:
        """Go on by one stage of the start by hand."""
        stage = self.simulation.step()
        self.turn.beat()
        if stage is not Stage.REFUSED:
            await self.accept()
        return stage

    async def complete(self, timeout: float | None = None) -> None:
        """Wait until a restarted evcc has published everything. Needs cycles that run by themselves."""
        async with asyncio.timeout(timeout):
            while self.stage is not Stage.COMPLETE:
                await self.turn.wait()

    async def _start_up(self, scale: float) -> None:
        seconds = self.simulation.era.seed["startup"]
        await asyncio.sleep(seconds["refused"] * scale)
        while self.stage not in (Stage.GROWING, Stage.COMPLETE):
            stage = await self.step()
            await asyncio.sleep(seconds.get(stage.value, 0) * scale)

    async def _cycles(self, interval: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + interval, loop.time())
            await asyncio.sleep(due - loop.time())
            if self.stage in (Stage.GROWING, Stage.COMPLETE):
                self.simulation.cycle()
                self.turn.beat()

    # What goes wrong

    async def refuse(self) -> None:
        """Nobody listens any more; every connection is reset."""
        if self._server:
            self._server.close()
            for connection in tuple(self.connections):
                connection.abort()
            await self._server.wait_closed()
            self._server = None

    async def accept(self) -> None:
        """Listen (again), on the same port."""
        if not self._server:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: Connection(self), self.host, self.port, ssl=self._tls, reuse_address=True
            )
            self.port = self._server.sockets[0].getsockname()[1]

    def fault(self, name: str | None, path: str = "/", times: int | None = None) -> None:
        """Switch a fault on (see `faults.FAULTS`) for paths that begin so, and for so many requests; None: all off."""
        if name is None:
            self.faults.clear()
        elif name in FAULTS:
            self.faults.append(Fault(name, path, times))
        else:
            raise ValueError(f"no fault {name!r}; there are {', '.join(FAULTS)}")

    def push_fault(self, name: str | None) -> None:
        """Let /ws be wrong (see `push.PushFault`); None: right again."""
        self.hub.break_with(None if name is None else PushFault(name))

    def drop_sockets(self) -> None:
        """Close every /ws connection; clients may connect again."""
        for socket in tuple(self.hub.sockets):
            socket.close()

    # What its connections ask

    def respond(self, request: Request) -> Answer | None:
        self.requests.add(request)
        if self._login and request.headers.get("authorization") != _basic(*self._login):
            return text(401, "Unauthorized")
        if not request.path.startswith(f"{self.prefix}/"):
            return NOT_FOUND
        path = request.path.removeprefix(self.prefix)
        if path == _SOCKET and "upgrade" in request.headers:
            return NOT_FOUND if self.hub.fault is PushFault.MISSING else None
        answer = NOT_FOUND if any(fault.refuses(path) for fault in self.faults) else self._answer(request, path)
        for fault in self.faults:
            answer = fault.spoil(path, answer)
        return answer

    def _answer(self, request: Request, path: str) -> Answer:
        if self.stage in (Stage.REFUSED, Stage.SILENT):
            return NOT_FOUND
        if path.startswith(_PROTECTED) and not self.simulation.era.old and not self._has_key(request):
            return UNAUTHORIZED
        if self._body is not None and path == "/api/state":
            return Answer(200, JSON, self._body)
        answer = respond(self.simulation, request.method, path, dict(request.query), request.body)
        if self.simulation.due:
            asyncio.get_running_loop().call_soon(self.simulation.catch_up)
        return answer

    def _has_key(self, request: Request) -> bool:
        return bool(self._api_key) and request.headers.get("authorization") == f"Bearer {self._api_key}"

    def join(self, socket: Socket) -> None:
        self.hub.join(socket)

    def leave(self, socket: Socket) -> None:
        self.hub.leave(socket)

    # Its background parts

    def _begin(self, name: str, chore: Any) -> None:
        self._chores[name] = asyncio.create_task(chore, name=f"evcc {name}")

    async def _end(self, name: str) -> None:
        task = self._chores.pop(name, None)
        if task:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
