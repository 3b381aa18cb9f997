"""A whole house: a simulated evcc, a real broker, and the bridge between them as a user runs it."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from bridge.entities.entities import entities
from bridge.export.homeassistant import HomeAssistant
from bridge.state.document import from_document
from evcc_simulator import Evcc
from evcc_simulator.messages import Request
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.clients.process import Process
from tests.patience import PATIENCE


class House:
    """evcc, broker and bridge; everything is announced once it has been entered.

    Meters stand still, unless `start` (seconds since 1970) sets the house's clock.
    """

    def __init__(self, broker: Mosquitto, recorder: Recorder, directory: Path, *, start: float | None = None) -> None:
        self.broker, self.recorder = broker, recorder
        self.evcc = Evcc(interval=1, still=start is None, start=start)
        self._log = directory / "bridge.util.logging"
        self.bridge: Process

    async def __aenter__(self) -> Self:
        await self.evcc.start()
        options = {"evcc.url": self.evcc.url, "mqtt.url": self.broker.url, "evcc.grace": "1", "log.format": "text"}
        arguments = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
        # a container's zone, whatever the machine's is
        self.bridge = Process([sys.executable, "-m", "bridge", "run", *arguments], self._log, {"TZ": "UTC"})
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.bridge.stop()
        await self.evcc.stop()

    async def start(self) -> None:
        """Start the bridge, and wait until Home Assistant would know everything."""
        await self.bridge.start()
        await self.recorder.value("evcc/status", "online")
        wanted = HomeAssistant().configs(entities(from_document(self.evcc.state))).keys()
        await self.recorder.until(lambda: wanted <= self.recorder.tree().keys())

    async def called(self, path: str, method: str = "POST") -> Request:
        """Wait for a call of evcc with this path, a regular expression; those before are not looked at again."""
        found = await self.evcc.requests.find(method, path, timeout=PATIENCE)
        self.evcc.requests.clear()
        return found
