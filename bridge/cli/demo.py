"""`evcc-bridge demo`: a simulated evcc, a broker, the bridge, and what it publishes."""

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
from bridge.cli.house import picture
from bridge.cli.observer import Observer, observing
from bridge.cli.watch import Changes, is_of_interest
from bridge.errors import BridgeError
from bridge.mqtt.message import Inbound
from bridge.settings import Mqtt, Settings

if TYPE_CHECKING:
    from evcc_simulator import Evcc

_PACKAGE_PARENT = str(Path(bridge.__file__).parents[1])
_INTERVAL = 2.0  # seconds between evcc's control cycles
_MISSING = "the simulated evcc needs jq for topics.jq: pip install 'evcc-mqtt-bridge[demo]'"
_TRY = """\

A simulated house on {url}, topics below {root}. In another terminal:

  {program} set loadpoints/1/mode now {options}
  {program} watch loadpoints/1 {options}
  {program} status {options}
  mosquitto_sub -h {host} -p {port} -v -t '{root}/#'
  mosquitto_pub -h {host} -p {port} -t {root}/loadpoints/1/mode/set -m now

Ctrl-C ends the demo. What changes from now on:
"""


def run(
    settings: Settings, era: str, overrides: Mapping[str, str], environment: Mapping[str, str], *, verbose: bool = False
) -> int:
    """Run everything until Ctrl-C or the end of the terminal, and give the bridge's exit code.

    The bridge is configured by `overrides` and `environment`, as is `settings`; where `mqtt.url` is configured, that
    broker is used instead of one of the demo's own. `verbose`: every topic is printed as it is first published.
    """
    return asyncio.run(_demo(settings, era, overrides, environment, verbose=verbose))


async def _demo(
    settings: Settings, era: str, overrides: Mapping[str, str], environment: Mapping[str, str], *, verbose: bool
) -> int:
    mqtt = settings.mqtt
    async with AsyncExitStack() as stack:
        evcc = await stack.enter_async_context(_simulated(era, settings))
        options = {"evcc.url": evcc.url}
        if "url" not in mqtt.model_fields_set:
            options["mqtt.url"] = await stack.enter_async_context(broker())
            mqtt = mqtt.model_copy(update={"url": options["mqtt.url"]})
        process = await start_bridge({**overrides, **options}, environment)
        stack.push_async_callback(end, process)
        await _until_ended(process, mqtt, verbose=verbose)
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


async def _until_ended(process: Process, mqtt: Mqtt, *, verbose: bool) -> None:
    """Print what is published, until a signal comes, the bridge ends or the broker is lost (BrokerError)."""
    async with TaskGroup() as group:
        tasks = [
            group.create_task(_interrupted(), name="signals"),
            group.create_task(process.wait(), name="bridge"),
            group.create_task(_show(mqtt, verbose=verbose), name="show"),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


async def _interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def _show(mqtt: Mqtt, *, verbose: bool) -> None:
    """Print a picture of the house once the bridge is online, and then what changes; `verbose`: also what is first."""
    changes, started = Changes(), False
    async with observing(mqtt, "demo") as observer:
        await observer.subscribe("#")
        async for event in observer.events():
            if not isinstance(event, Inbound):
                continue
            line = changes.note(event)
            if line and (verbose or (started and is_of_interest(event.topic))):
                print(line, flush=True)
            if not started and observer.text("status") == "online" and not event.retain:
                started = True
                print(_introduction(observer, mqtt), flush=True)


def _introduction(observer: Observer, mqtt: Mqtt) -> str:
    is_installed = Path(sys.argv[0]).name == "evcc-bridge"
    options = f"--mqtt-url {mqtt.url}" + ("" if mqtt.root == "evcc" else f" --root {mqtt.root}")
    address = mqtt.address
    text = _TRY.format(
        program="evcc-bridge" if is_installed else "scripts/run",
        options=options,
        url=mqtt.url,
        root=mqtt.root,
        host=address.host,
        port=address.port,
    )
    return f"\n{picture({topic: observer.text(topic) for topic in observer.payloads})}\n{text}"
