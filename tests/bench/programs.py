"""The programs that are measured, each a process of its own."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import orjson

from tests.bench.observers import Observer, mqtt
from tests.broker.mosquitto import HOST, Config, Mosquitto

PATIENCE = 60.0  # seconds until everything is up
# the user's own options; and compiling at every start takes memory that an installed program does not take
_NOT_INHERITED = ("EVCC_", "MQTT_", "PYTHONDONTWRITEBYTECODE")
_TOLD = re.compile(rb"at http://[^:]+:(\d+), driven at http://[^:]+:(\d+)/")


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process, exact to microseconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def resident_megabytes(pid: int) -> float:
    """The memory of a process that is in RAM, libraries included."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


class Program:
    """A Python program that ends with its context."""

    def __init__(self, *arguments: str, python: str = sys.executable, **environment: str) -> None:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        command = [python, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=inherited | environment)

    @property
    def pid(self) -> int:
        return self.process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()


class Evcc(Program):
    """The simulated evcc, driven over its second port."""

    def __init__(self, *options: str, era: str = "0.313.2") -> None:
        super().__init__("-m", "evcc_simulator", "--era", era, "--port", "0", "--control", "0", *options)
        assert self.process.stdout
        told = _TOLD.search(self.process.stdout.readline())
        assert told
        self.port, self._control = map(int, told.groups())
        self.url = f"http://{HOST}:{self.port}"

    def act(self, action: str, **arguments: Any) -> float:
        """Do something; the monotonic second just before."""
        return float(self._ask("POST", action, orjson.dumps(arguments))["at"])

    def state(self) -> dict[str, Any]:
        """The state document."""
        return dict(self._ask("GET", "state")["result"])

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """The requests that came, each with its time; from number `after` on."""
        return list(self._ask("GET", f"requests?after={after}")["result"])

    def _ask(self, method: str, what: str, body: bytes | None = None) -> dict[str, Any]:
        connection = HTTPConnection(HOST, self._control, timeout=PATIENCE)
        connection.request(method, f"/demo/{what}", body)
        answer: dict[str, Any] = orjson.loads(connection.getresponse().read())
        connection.close()
        return answer


class Bridge(Program):
    """The bridge as a user starts it; it has published everything when its context begins."""

    def __init__(
        self,
        evcc: Evcc,
        broker: Mosquitto,
        root: str = "evcc",
        *,
        python: str = sys.executable,
        module: str = "bridge",
        **more: str,
    ) -> None:
        self._ready = Observer(mqtt, broker.port, [f"{root}/status"])
        environment = {"EVCC_URL": evcc.url, "MQTT_URL": broker.url, "MQTT_ROOT": root, "LOG_LEVEL": "error"}
        super().__init__("-m", module, "run", python=python, **environment, **more)

    def __enter__(self) -> Self:
        with self._ready:
            self._ready.wait("online", PATIENCE)
        return self


@contextmanager
def broker(*, keeps: bool = False) -> Iterator[Mosquitto]:
    """A mosquitto that writes nothing to the disk, or (`keeps`) what it has stored when it is stopped."""
    with TemporaryDirectory() as directory:
        store = ("persistence true", f"persistence_location {directory}/") if keeps else ()
        one = Mosquitto(Path(directory), Config(store=False, lines=("max_queued_messages 0", *store)))
        asyncio.run(one.start())
        try:
            yield one
        finally:
            one.kill()


@contextmanager
def house(*options: str, module: str = "bridge", **environment: str) -> Iterator[tuple[Evcc, Mosquitto, Bridge]]:
    """Evcc, broker and bridge (`python -m module run`), all up."""
    with ExitStack() as stack:
        evcc = stack.enter_context(Evcc(*options))
        mosquitto = stack.enter_context(broker())
        yield evcc, mosquitto, stack.enter_context(Bridge(evcc, mosquitto, module=module, **environment))
