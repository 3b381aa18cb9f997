"""Many sites in one process: memory and CPU of each, delays beside all others, start, and a restart of the broker."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.bench.evccs import Evccs
from tests.bench.figures import Figure
from tests.bench.observers import Observer, mqtt
from tests.bench.programs import Program, broker, cpu_seconds, resident_megabytes
from tests.broker.mosquitto import HOST, Mosquitto

_PATIENCE = 120.0
_KEY = "residualPower"
_SECONDS = 8.0  # two cycles of every evcc
_GRACE = 24.0  # seconds after which evcc is known to have started, and what it has is looked through once more
_PAUSES = (0.01, 0.05)  # seconds between two changes


class Measured(NamedTuple):
    """What one number of sites gave: megabytes, seconds."""

    memory: float
    start: float
    back: float
    back_from_nothing: float
    cpu_per_frame: float
    share: float
    delays: list[float]
    commands: list[float]


def figures(counts: Sequence[int], changes: int) -> list[Figure]:
    """Every figure for each number of sites; the first one is what a site more is compared with."""
    found: list[Figure] = []
    least: Measured | None = None
    for count in counts:
        one = measure(count, changes)
        least = least or one
        found += _rows(count, one)
        if count > counts[0]:
            more = (one.memory - least.memory) / (count - counts[0])
            found.append(Figure(f"{count} sites: memory of a site more", more, "MB", "", 2.5))
    return found


def measure(count: int, changes: int) -> Measured:
    """Run so many sites, and look at them."""
    with Evccs(count) as evccs, broker(keeps=True) as mosquitto:
        urls = [f"http://{HOST}:{port}" for port in evccs.ports]
        sites = [{"name": f"s{number}", "evcc": {"url": url}} for number, url in enumerate(urls)]
        environment = {
            "SITES": json.dumps(sites),
            "MQTT_URL": mosquitto.url,
            "DISCOVERY_HOMEASSISTANT": "false",
            "LOG_LEVEL": "error",
        }
        with Observer(mqtt, mosquitto.port, ["evcc/+/status"]) as statuses:
            began = time.monotonic()
            bridge = Program("-m", "bridge", "run", **environment)
            with bridge:
                start = _all_online(statuses, count) - began
                time.sleep(_GRACE)
                memory = resident_megabytes(bridge.pid)
                frames, cpu, at = evccs.frames(), cpu_seconds(bridge.pid), time.monotonic()
                time.sleep(_SECONDS)
                frames, cpu = evccs.frames() - frames, cpu_seconds(bridge.pid) - cpu
                share = cpu / (time.monotonic() - at)
                delays = _delays(evccs, mosquitto, changes)
                commands = _commands(mosquitto, count, changes)
                back = _broker_restart(mosquitto, count, keep=True)
                time.sleep(_SECONDS)
                from_nothing = _broker_restart(mosquitto, count, keep=False)
    return Measured(memory, start, back, from_nothing, cpu / max(frames, 1), share, delays, commands)


def _rows(count: int, one: Measured) -> list[Figure]:
    name = f"{count} site{'s' * (count > 1)}"
    return [
        Figure(f"{name}: resident memory", one.memory, "MB"),
        Figure(f"{name}: start to all online", one.start, "s"),
        Figure(f"{name}: CPU of a frame", one.cpu_per_frame * 1e6, "us", f"{100 * one.share:.0f} % of a core"),
        Figure(f"{name}: change -> subscriber, median", median(one.delays) * 1_000, "ms"),
        Figure(f"{name}: change -> subscriber, p99", _p99(one.delays) * 1_000, "ms", "", 20),
        Figure(f"{name}: command -> answer, median", median(one.commands) * 1_000, "ms"),
        Figure(f"{name}: command -> answer, p99", _p99(one.commands) * 1_000, "ms", "", 1_000),
        Figure(f"{name}: restart of the broker -> all online", one.back, "s", "", 15),
        Figure(f"{name}: restart of the broker without what it had stored -> all online", one.back_from_nothing, "s"),
    ]


def _all_online(statuses: Observer, count: int) -> float:
    """When as many sites had become online as there are."""
    at = 0.0
    for _ in range(count):
        at = statuses.wait("online", _PATIENCE)
    return at


def _delays(evccs: Evccs, mosquitto: Mosquitto, changes: int) -> list[float]:
    found = []
    with Observer(mqtt, mosquitto.port, [f"evcc/+/site/{_KEY}"]) as messages:
        for number in range(changes):
            time.sleep(random.uniform(*_PAUSES))
            value = 1_000 + number
            at = evccs.set(random.randrange(len(evccs.ports)), _KEY, value)
            found.append(messages.wait(str(value), _PATIENCE) - at)
    return found


def _commands(mosquitto: Mosquitto, count: int, changes: int) -> list[float]:
    sender = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    sender.connect(HOST, mosquitto.port)
    sender.loop_start()
    found = []
    with Observer(mqtt, mosquitto.port, ["evcc/+/site/bufferSoc/result"]) as answers:
        for number in range(changes):
            time.sleep(random.uniform(*_PAUSES))
            at = time.monotonic()
            sender.publish(f"evcc/s{random.randrange(count)}/site/bufferSoc/set", str(number % 100), 1)
            found.append(answers.next(_PATIENCE)[0] - at)
    sender.disconnect()
    sender.loop_stop()
    return found


def _broker_restart(mosquitto: Mosquitto, count: int, *, keep: bool) -> float:
    """Seconds from the end of the broker until every site has published `online` again."""
    with Observer(mqtt, mosquitto.port, ["evcc/+/status"]) as statuses:
        began = time.monotonic()
        asyncio.run(mosquitto.restart(keep_store=keep))
        return _all_online(statuses, count) - began


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]
