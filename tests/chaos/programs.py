"""The bridge and the simulated evcc as processes that can be killed, frozen and asked."""

import asyncio
import fcntl
import os
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGCONT, SIGHUP, SIGKILL, SIGSTOP, SIGTERM, Signals
from typing import Any, BinaryIO

import httpx
import orjson

from tests.broker.mosquitto import HOST
from tests.broker.ports import free_port, listens
from tests.patience import PATIENCE

_PIPE = 4096  # bytes of the pipe that the log goes into: the smallest that Linux has


class Ended(AssertionError):
    """A process ended that should not have."""


class Program:
    """A Python program that is started, ended and started again; its log goes to a file."""

    def __init__(self, log: Path, *command: str, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._command = command
        self._environment = environment
        self._process: Process | None = None
        self.starts = 0

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise Ended(f"{self.log.stem} does not run")
        return self._process

    async def start(self) -> None:
        """Start the process; it may not be ready yet."""
        with self.log.open("ab") as log:
            await self._start(log.fileno())

    async def _start(self, stderr: int) -> None:
        self.starts += 1
        self._process = await create_subprocess_exec(
            sys.executable, "-m", *self._command, stdin=PIPE, stdout=PIPE, stderr=stderr, env=self._environment
        )

    def check(self) -> None:
        """Ended is raised when it has ended by itself."""
        if self._process is not None and self._process.returncode is not None:
            raise Ended(f"{self.log.stem} has ended with {self._process.returncode}:\n{self.tail()}")

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self) -> str:
        return self.text()[-4000:]

    async def kill(self) -> None:
        await self._end(SIGKILL)

    async def stop(self) -> None:
        await self._end(SIGTERM)

    def pause(self) -> None:
        self.signal(SIGSTOP)

    def resume(self) -> None:
        self.signal(SIGCONT)

    def signal(self, number: Signals) -> None:
        self._running.send_signal(number)

    async def _end(self, number: Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        process.send_signal(SIGCONT)
        async with asyncio.timeout(PATIENCE):
            await process.wait()


class Bridge(Program):
    """The daemon, in surroundings that can be put wrong. It logs into a pipe, whose reader can stall."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        super().__init__(log, "tests.chaos.disturbed", "run", environment=environment)
        self._pipes: list[int] = []
        self._stalled = False

    async def start(self) -> None:
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE)
        os.set_blocking(reader, False)
        self._pipes.append(reader)
        try:
            await self._start(writer)
            if self._stalled:
                _fill(writer)
            else:
                asyncio.get_running_loop().add_reader(reader, self._copy, reader)
        finally:
            os.close(writer)

    async def close(self) -> None:
        """End it, and its log."""
        await self.kill()
        self.read_log()

    def stall_log(self) -> None:
        """Read nothing more of its log, which is full: not one byte can be written."""
        self._stalled = True
        for reader in self._pipes:
            asyncio.get_running_loop().remove_reader(reader)
            _fill(reader)

    def read_log(self) -> None:
        """Read its log again."""
        self._stalled = False
        for reader in [*self._pipes]:
            asyncio.get_running_loop().add_reader(reader, self._copy, reader)
            self._copy(reader)

    def text(self) -> str:
        if not self._stalled:
            for reader in [*self._pipes]:
                self._copy(reader)
        return super().text()

    def _copy(self, reader: int) -> None:
        """Bring what has been logged to the file; at its end the pipe is closed."""
        with suppress(BlockingIOError), self.log.open("ab") as log:
            while text := os.read(reader, _PIPE):
                log.write(text)
            asyncio.get_running_loop().remove_reader(reader)
            os.close(reader)
            self._pipes.remove(reader)

    def check(self) -> None:
        """Ended is raised also when it has logged an error that nobody foresaw."""
        super().check()
        if "Traceback" in self.text():
            raise Ended(f"{self.log.stem} has failed:\n{self.tail()}")

    def reload(self) -> None:
        self.signal(SIGHUP)

    async def surround(self, **changes: Any) -> list[str]:
        """Put its clock or its resolver wrong, or right again; what its tasks run."""
        process = self._running
        assert process.stdin
        assert process.stdout
        process.stdin.write(orjson.dumps(changes) + b"\n")
        async with asyncio.timeout(PATIENCE):
            return list(orjson.loads(await process.stdout.readline()))

    def memory(self) -> int:
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * 4096

    def files(self) -> int:
        """Open file descriptors."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


class Simulator(Program):
    """The simulated evcc, driven over its second port."""

    def __init__(self, directory: Path, era: str, **options: object) -> None:
        self.port, self._control_port = free_port(), free_port()
        self.diary = directory / "diary"
        given = {"era": era, "port": self.port, "control": self._control_port, "diary": self.diary, **options}
        arguments = [text for name, value in given.items() for text in _option(name, value)]
        super().__init__(directory / "evcc.log", "tests.chaos.simulator", *arguments)
        control = f"http://{HOST}:{self._control_port}/demo"
        self._http = httpx.AsyncClient(base_url=control, trust_env=False, timeout=PATIENCE)
        self._file: BinaryIO | None = None

    async def start(self) -> None:
        await super().start()
        async with asyncio.timeout(PATIENCE):
            while not listens(self.pid, self._control_port):  # noqa: ASYNC110 - another process's socket has no event
                await asyncio.sleep(0.01)

    async def act(self, action: str, **arguments: Any) -> Any:
        """Do something to it; httpx.HTTPError when it is away."""
        return _result(await self._http.post(f"/{action}", content=orjson.dumps(arguments)))

    async def ask(self, what: str) -> Any:
        return _result(await self._http.get(f"/{what}"))

    async def complete(self) -> None:
        """Wait until it has nothing to hide any more."""
        async with asyncio.timeout(PATIENCE):
            while await self.ask("stage") != "complete":  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)

    def read_diary(self) -> list[dict[str, Any]]:
        """What has been written since the last time."""
        if self._file is None:
            self._file = self.diary.open("rb")
        where = self._file.tell()
        lines = self._file.readlines()
        if lines and not lines[-1].endswith(b"\n"):  # half written
            lines.pop()
            self._file.seek(where + sum(map(len, lines)))
        return [orjson.loads(line) for line in lines]

    async def close(self) -> None:
        await self.kill()
        await self._http.aclose()
        if self._file:
            self._file.close()


def _fill(end: int) -> None:
    """Fill a pipe to the last byte, through a description of its own: that of the process must go on to block."""
    writer = os.open(f"/proc/self/fd/{end}", os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"\n")
    os.close(writer)


def _option(name: str, value: object) -> tuple[str, ...]:
    return (f"--{name}",) if value is True else (f"--{name}", str(value))


def _result(response: httpx.Response) -> Any:
    answer = response.json()
    if response.status_code != 200:
        raise ValueError(answer["error"])
    return answer["result"]
