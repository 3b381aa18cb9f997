"""`evcc-bridge demo`: a simulated evcc, a broker, the bridge, and its topics as they are published."""

import asyncio
import os
import signal
import sys
from asyncio import TaskGroup
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import bridge
from bridge.cli.broker import broker, end
from bridge.cli.client import connected
from bridge.errors import BridgeError
from bridge.mqtt.message import Inbound
from bridge.settings import Mqtt, Settings
from bridge.util.redact import sanitize

if TYPE_CHECKING:
    from evcc_simulator import Evcc

_PACKAGE_PARENT = str(Path(bridge.__file__).parents[1])
_WIDTH = 100
_INTERVAL = 2.0  # seconds between evcc's control cycles
_MISSING = "the simulated evcc needs jq for topics.jq: pip install 'evcc-mqtt-bridge[demo]'"
_HINT = """
Everything above and below is at {url}, below {root}. In another terminal:
  mosquitto_sub -h {host} -p {port} -v -t '{root}/#'
  mosquitto_pub -h {host} -p {port} -t {root}/loadpoints/1/mode/set -m now
Ctrl-C ends the demo.
"""


def run(settings: Settings, era: str, overrides: Mapping[str, str], environment: Mapping[str, str]) -> int:
    """Run everything until Ctrl-C, and give the bridge's exit code.

    The bridge is configured by `overrides` and `environment`, as is `settings`; where `mqtt.url` is configured, that
    broker is used instead of one of the demo's own.
    """
    return asyncio.run(_demo(settings, era, overrides, environment))


async def _demo(settings: Settings, era: str, overrides: Mapping[str, str], environment: Mapping[str, str]) -> int:
    mqtt = settings.mqtt
    async with AsyncExitStack() as stack:
        evcc = await stack.enter_async_context(_simulated(era, settings))
        options = {"evcc.url": evcc.url}
        if "url" not in mqtt.model_fields_set:
            options["mqtt.url"] = await stack.enter_async_context(broker())
            mqtt = mqtt.model_copy(update={"url": options["mqtt.url"]})
        process = await start_bridge({**overrides, **options}, environment)
        stack.push_async_callback(end, process)
        await _until_ended(process, mqtt)
        return process.returncode or 0


def _simulated(era: str, settings: Settings) -> "Evcc":
    from evcc_simulator import Evcc

    if settings.topics.jq and find_spec("jq") is None:
        raise BridgeError(_MISSING)
    return Evcc(era, interval=_INTERVAL)


async def start_bridge(options: Mapping[str, str], environment: Mapping[str, str]) -> Process:
    """The bridge as a user starts it, in a process and a session of its own: Ctrl-C reaches the demo first."""
    arguments = [part for name, text in options.items() for part in ("--set", f"{name}={text}")]
    paths = os.pathsep.join(path for path in (_PACKAGE_PARENT, environment.get("PYTHONPATH")) if path)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # no module of the working directory is imported
        *("-m", "bridge", "run", *arguments),
        env={**environment, "PYTHONPATH": paths},
        start_new_session=True,
    )


async def _until_ended(process: Process, mqtt: Mqtt) -> None:
    """Print what is published, until a signal comes, the bridge ends or the broker is lost (BrokerError)."""
    async with TaskGroup() as group:
        tasks = [
            group.create_task(_interrupted(), name="signals"),
            group.create_task(process.wait(), name="bridge"),
            group.create_task(_show(mqtt), name="show"),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


async def _interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def _show(mqtt: Mqtt) -> None:
    """Print every message below the root; with `online` a hint what to do next."""
    async with connected(mqtt, "demo") as link:
        await link.subscribe([f"{mqtt.root}/#"])
        async for events in link.events():
            for event in events:
                if isinstance(event, Inbound):
                    _print_message(mqtt, event)
            sys.stdout.flush()
        raise link.error


def _print_message(mqtt: Mqtt, message: Inbound) -> None:
    print(f"{sanitize(message.topic)} = {sanitize(message.payload.decode(errors='replace'), _WIDTH)}")
    if message.topic == f"{mqtt.root}/status" and message.payload == b"online":
        print(_HINT.format(url=mqtt.url, root=mqtt.root, host=mqtt.address.host, port=mqtt.address.port))
