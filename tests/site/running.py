"""A bridge that runs: in this process, to be looked into, or as the process that a user starts."""

import asyncio
import os
import sys
from asyncio import TaskGroup
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from types import TracebackType
from typing import Any, Self

from bridge.settings import Settings
from bridge.site import Site
from evcc_simulator import Evcc
from tests.broker.client import retained
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.patience import PATIENCE
from tests.state.whole import whole

ABOUT = ("evcc/bridge/", "homeassistant/")
BESIDE = ("evcc/tariffs/", "evcc/sessions", "evcc/history/", "evcc/jq/", "evcc/site/telemetry")


def settings(evcc: Evcc | str, broker: Mosquitto | str, /, **sections: Mapping[str, Any]) -> Settings:
    """Settings with quick intervals, for tests."""
    evcc_url = evcc if isinstance(evcc, str) else evcc.url
    mqtt_url = broker if isinstance(broker, str) else broker.url
    quick: dict[str, dict[str, Any]] = {
        "evcc": {"url": evcc_url, "interval": 0.2, "push_interval": 0.5},
        "mqtt": {"url": mqtt_url},
    }
    return Settings.model_validate(
        {name: {**quick.get(name, {}), **sections.get(name, {})} for name in {*quick, *sections}}
    )


@asynccontextmanager
async def running(options: Settings, wait: float = PATIENCE, *, published: bool = True) -> AsyncIterator[Site]:
    """A site that has brought the whole tree to the broker (`published`), or has just begun; it ends as on SIGTERM."""
    async with TaskGroup() as group:
        site = Site(options)
        task = group.create_task(site.run())
        try:
            if published:
                async with asyncio.timeout(wait):
                    await site.report.published()
            yield site
        finally:
            task.cancel()


def expected(state: Mapping[str, Any]) -> dict[str, bytes]:
    """The topics, below `evcc/`, that a state document must have given."""
    return state_topics({f"evcc/{topic}": payload.encode() for topic, payload in whole(state).items()})


def state_topics(tree: Mapping[str, bytes]) -> dict[str, bytes]:
    """The part of a retained tree that comes from the state document."""
    clock = {"evcc/status", "evcc/updated"}
    return {
        topic: payload
        for topic, payload in tree.items()
        if topic not in clock and not topic.startswith((*ABOUT, *BESIDE)) and not topic.endswith("/planDetails")
    }


async def until_equal(recorder: Recorder, evcc: Evcc, wait: float = PATIENCE) -> None:
    """Wait until a subscriber's tree is evcc's state, which may move on meanwhile: no more and no less."""
    async with asyncio.timeout(wait):
        while True:
            tree = expected(evcc.state)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await recorder.until(lambda tree=tree: state_topics(recorder.tree()) == tree, wait)  # type: ignore[misc]
                    return


async def stored_state(broker: Mosquitto) -> dict[str, bytes]:
    """The state topics that the broker would give a new client."""
    return state_topics(await retained(broker, "evcc/#"))


class Bridge:
    """The daemon as a process: `python -m bridge run`, configured by environment and, where given, `arguments`."""

    def __init__(self, evcc: Evcc | str, broker: Mosquitto | str, log: Path, **environment: str) -> None:
        evcc_url = evcc if isinstance(evcc, str) else evcc.url
        mqtt_url = broker if isinstance(broker, str) else broker.url
        quick = {"EVCC_URL": evcc_url, "MQTT_URL": mqtt_url, "EVCC_INTERVAL": "0.2", "EVCC_PUSH_INTERVAL": "0.5"}
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(("EVCC_", "MQTT_"))}
        self.environment = inherited | quick | environment
        self.arguments: tuple[str, ...] = ()
        self.log = log
        self.process: Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.returncode is None:
            await self.kill()

    async def start(self) -> None:
        """Start the process; whether it is up is for the test to see at the broker."""
        with self.log.open("ab") as log:
            self.process = await create_subprocess_exec(
                *(sys.executable, "-m", "bridge", "run", *self.arguments),
                stdout=log,
                stderr=log,
                stdin=PIPE,
                env=self.environment,
            )

    async def command(self, *words: str) -> Process:
        """Start another command of the command line with the same environment; its output is to be read."""
        return await create_subprocess_exec(
            *(sys.executable, "-m", "bridge", *words), stdout=PIPE, stderr=PIPE, env=self.environment
        )

    async def kill(self) -> None:
        """End it without a word, as a power cut does."""
        await self._end(SIGKILL)

    async def stop(self, number: Signals = SIGTERM) -> int:
        """End it as systemd does; the exit code."""
        return await self._end(number)

    def signal(self, number: Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def text(self) -> str:
        """Its log so far."""
        return self.log.read_text()

    async def _end(self, number: Signals) -> int:
        self.signal(number)
        assert self.process is not None
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()
