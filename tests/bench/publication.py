"""The first publication of a whole tree, against paho alone with the same window."""

import asyncio
import socket
import threading
import time
from asyncio import TaskGroup
from statistics import median

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bridge.mqtt.mirror import Mirror
from bridge.mqtt.publisher import WINDOW
from bridge.settings import Settings
from bridge.util.diagnostics import Diagnostics
from tests.bench.figures import Figure
from tests.bench.programs import broker
from tests.broker.mosquitto import HOST, Mosquitto
from tests.mqtt.fakes import FakeReader

_SIZES = (400, 5_000)


def figures(rounds: int) -> list[Figure]:
    """(b), each round on fresh topics, the two in turn."""
    found = []
    with broker() as mosquitto:
        for size in _SIZES:
            topics = {f"site/x/{number}": b"%d" % (number * 7) for number in range(size)}
            pairs = [_pair(mosquitto, f"b{size}-{number}", topics) for number in range(rounds)]
            ours, raw = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
            share = median(mine / bare for mine, bare in pairs)
            what = f"b first publication of {size} topics, share of raw paho"
            found.append(Figure(what, 100 * share, "%", f"{ours:.0f} of {raw:.0f} messages/s", 70, at_least=True))
    return found


def _pair(mosquitto: Mosquitto, name: str, topics: dict[str, bytes]) -> tuple[float, float]:
    """Messages a second: ours, and paho's."""
    bare = _raw(mosquitto.port, f"{name}-raw", topics)
    return asyncio.run(_ours(mosquitto.url, name, topics)), bare


async def _ours(url: str, root: str, topics: dict[str, bytes]) -> float:
    settings = Settings.model_validate({"mqtt": {"url": url, "root": root}})
    mirror = Mirror(settings, FakeReader().reader, Diagnostics())
    async with TaskGroup() as group:
        group.create_task(mirror.run())
        await mirror.complete.wait()
        began = time.perf_counter()
        mirror.tree.set("bench", topics)
        await mirror.tree.settled()
        seconds = time.perf_counter() - began
        await mirror.close()
    return len(topics) / seconds


def _raw(port: int, root: str, topics: dict[str, bytes]) -> float:
    acknowledged = threading.Semaphore(0)
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(WINDOW)
    client.on_publish = lambda *_: acknowledged.release()
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect(HOST, port)
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[union-attr]
    client.loop_start()
    connected.wait()
    began = time.perf_counter()
    for topic, payload in topics.items():
        client.publish(f"{root}/{topic}", payload, 1, retain=True)
    for _ in topics:
        acknowledged.acquire()
    seconds = time.perf_counter() - began
    client.disconnect()
    client.loop_stop()
    return len(topics) / seconds
