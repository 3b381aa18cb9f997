"""`evcc-bridge demo`: a simulated evcc, a broker, the bridge, and the topics as they come."""

import asyncio
import os
import secrets
import signal
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import bridge
from bridge.cli.arguments import overrides
from bridge.cli.broker import broker, end
from bridge.errors import BridgeError
from bridge.mqtt.connection import Connection
from bridge.mqtt.message import Message
from bridge.settings import Mqtt, Settings
from bridge.util.redact import sanitize

if TYPE_CHECKING:
    from evcc_simulator import Evcc

_HERE = str(Path(bridge.__file__).parents[1])
_WIDTH = 100
_INTERVAL = 2.0  # seconds between evcc's control cycles
_MISSING = "the simulated evcc needs jq for topics.jq: pip install 'evcc-mqtt-bridge[demo]'"
_HINT = """
Everything above and below is at {url}, below {root}. In another terminal:
  mosquitto_sub -h {host} -p {port} -v -t '{root}/#'
  mosquitto_pub -h {host} -p {port} -t {root}/loadpoints/1/mode/set -m now
Ctrl-C ends the demo.
"""


def run(arguments: Namespace, load: Callable[[], Settings]) -> int:
    """Run everything until Ctrl-C; where `mqtt.url` is configured, at that broker instead of one of its own."""
    return asyncio.run(_demo(arguments, load()))


async def _demo(arguments: Namespace, settings: Settings) -> int:
    mqtt = settings.mqtt
    async with AsyncExitStack() as stack:
        evcc = await stack.enter_async_context(_simulated(arguments.era, settings))
        options = {"evcc.url": evcc.url}
        if "url" not in mqtt.model_fields_set:
            options["mqtt.url"] = await stack.enter_async_context(broker())
            mqtt = mqtt.model_copy(update={"url": options["mqtt.url"]})
        running = await _bridge({**overrides(arguments), **options}, getattr(arguments, "config", None))
        stack.push_async_callback(end, running)
        await _first(_interrupted(), running.wait(), _show(mqtt))
        return running.returncode or 0


def _simulated(era: str, settings: Settings) -> "Evcc":
    from evcc_simulator import Evcc

    if settings.topics.jq and find_spec("jq") is None:
        raise BridgeError(_MISSING)
    return Evcc(era, interval=_INTERVAL)


async def _bridge(options: Mapping[str, str], config: str | None) -> asyncio.subprocess.Process:
    """The bridge as a user starts it, in a process of its own that Ctrl-C does not reach before us."""
    arguments = [part for name, text in options.items() for part in ("--set", f"{name}={text}")]
    paths = os.pathsep.join(path for path in (_HERE, os.environ.get("PYTHONPATH")) if path)
    env = os.environ | {"PYTHONPATH": paths} | ({"CONFIG": config} if config else {})
    return await asyncio.create_subprocess_exec(  # -P: what is in the working directory is not ours
        sys.executable, "-P", "-m", "bridge", "run", *arguments, env=env, start_new_session=True
    )


async def _show(mqtt: Mqtt) -> None:
    """Print every message below the root, for ever."""
    watcher = mqtt.model_copy(update={"client_id": f"evcc-demo-{secrets.token_hex(4)}"})
    hint = _HINT.format(url=mqtt.url, root=mqtt.root, host=mqtt.address.host, port=mqtt.address.port)

    def receive(message: Message) -> None:
        print(f"{message.topic} = {sanitize(message.payload.decode(errors='replace'), _WIDTH)}")
        if message.topic == f"{mqtt.root}/status" and message.payload == b"online":
            print(hint)
        sys.stdout.flush()

    connection = Connection(watcher, Message(f"{mqtt.root}/evcc_simulator", b""))
    async with connection.open(receive) as link:
        await link.subscribe(f"{mqtt.root}/#", qos=0)
        await link.ended()


async def _interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def _first(*things: Awaitable[object]) -> None:
    """Wait until one of these ends, and end the others; an error of the first is raised."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    for task in done:
        task.result()
