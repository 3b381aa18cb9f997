"""A broker as a process that is started with a port and a directory, and writes `ready` when clients may come."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.broker.mosquitto import HOST, NotRunningError
from tests.broker.ports import free_port, listens

_START_TIMEOUT = 120.0  # seconds; HiveMQ takes 5 s on an idle machine
_STOP_TIMEOUT = 60.0  # likewise
_PROBE_INTERVAL = 0.02


class Program:
    """One broker process, used like `Mosquitto`. Its port stays the same over restarts."""

    def __init__(self, command: Sequence[str], directory: Path) -> None:
        self.log_file = directory / "log"
        self.port = free_port()
        self._command = command
        self._store = directory / "store"
        self._process: subprocess.Popen[bytes] | None = None
        self._store.mkdir(parents=True)

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        """Everything that all starts have logged."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    async def start(self) -> None:
        """Start, and return once clients may come."""
        ready = self._ready_lines()
        with self.log_file.open("ab") as log:
            command = [*self._command, str(self.port), str(self._store)]
            # a plain child: asyncio's own could not be killed and waited for without the loop
            self._process = subprocess.Popen(  # noqa: ASYNC220
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(_START_TIMEOUT):
            while self._ready_lines() == ready or not listens(self._process.pid, self.port):
                if self._process.poll() is not None:
                    raise NotRunningError(f"{self._command[0]} ended with {self._process.returncode}:\n{self.log}")
                await asyncio.sleep(_PROBE_INTERVAL)

    async def restart(self, *, keep_store: bool = True) -> None:
        """End in order and start again, on demand without what was stored."""
        await asyncio.to_thread(self._end, signal.SIGTERM if keep_store else signal.SIGKILL)
        if not keep_store:
            shutil.rmtree(self._store)
            self._store.mkdir()
        await self.start()

    def kill(self) -> None:
        """End by SIGKILL."""
        self._end(signal.SIGKILL)

    def _ready_lines(self) -> int:
        return self.log.splitlines().count("ready")

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process and process.poll() is None:
            process.send_signal(number)
            process.wait(timeout=_STOP_TIMEOUT)
