"""From a `/set` to evcc, to the answer, and to the new state."""

import itertools
import socket
import time
from http.client import HTTPConnection
from statistics import median
from typing import Any, NamedTuple

import httpx
import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.bench.figures import Figure, milliseconds
from tests.bench.observers import Observer, mqtt
from tests.bench.programs import Evcc, house
from tests.broker.mosquitto import HOST

_TOPIC, _PATH = "evcc/site/residualPower", "/api/residualpower"
_ANSWERS, _HOP = "answers/bench", "bench/hop"
_LOADPOINTS = 16
_UNLIMITED = "tests.bench.unlimited"
_LEAVES = ("limitSoc", "minCurrent", "priority")
_PAUSE = 0.02


class Trip(NamedTuple):
    """When a command was where, in monotonic seconds."""

    published: float
    requested: float
    answered: float
    state: float


def delay_figures(count: int) -> list[Figure]:
    """The delays of single commands; the reference is a blocking POST of the same, in turn with them."""
    with (
        house("--still", module=_UNLIMITED) as (evcc, broker, _),
        Observer(mqtt, broker.port, [_TOPIC]) as state,
        Observer(mqtt, broker.port, [_ANSWERS]) as answers,
        Observer(mqtt, broker.port, [_HOP]) as hops,
        httpx.Client(base_url=evcc.url, trust_env=False) as bare_httpx,
    ):
        client = _client(broker.port)
        hop = median(_hop(client, hops, n) for n in range(count))
        rounds = [
            (_trip(evcc, client, state, answers, 3 * n), _post(evcc, 3 * n + 1), _by_httpx(evcc, bare_httpx, 3 * n + 2))
            for n in range(count)
        ]
    trips, bare, by_httpx = zip(*rounds, strict=True)
    after_evcc = [trip.answered - trip.requested - median(bare) for trip in trips]
    hop_takes = f"a message through the broker: {hop * 1_000:.2f}"
    httpx_takes = f"{hop_takes}, a bare httpx POST: {median(by_httpx) * 1_000:.2f} ms"
    evcc_takes = f"{hop_takes}, evcc's answer to a bare POST: {median(bare) * 1_000:.2f} ms"
    return [
        *milliseconds(
            "command -> request at evcc", [trip.requested - trip.published for trip in trips], 1.5, httpx_takes
        ),
        *milliseconds("evcc's answer -> answer at the client", after_evcc, 1, evcc_takes),
        *milliseconds("command -> answer at the client", [trip.answered - trip.published for trip in trips]),
        *milliseconds("command -> state topic at a subscriber", [trip.state - trip.published for trip in trips], 6),
    ]


def _hop(client: paho.Client, hops: Observer, value: int) -> float:
    """Seconds that a message takes from one client to another, without the bridge."""
    time.sleep(_PAUSE)
    began = time.monotonic()
    client.publish(_HOP, str(value))
    return hops.wait(str(value)) - began


def _trip(evcc: Evcc, client: paho.Client, state: Observer, answers: Observer, value: int) -> Trip:
    time.sleep(_PAUSE)
    before = len(evcc.requests())
    answers.taken()
    published = time.monotonic()
    client.publish(f"{_TOPIC}/set", str(value), properties=_properties(value))
    new = state.wait(str(value))
    answered, text = answers.next()
    assert orjson.loads(text)["status"] == "ok", text
    return Trip(published, _arrival(evcc, before), answered, new)


def _post(evcc: Evcc, value: int) -> float:
    """Seconds from the arrival of a POST at evcc to its answer at a client that does nothing else."""
    time.sleep(_PAUSE)
    connection = HTTPConnection(HOST, evcc.port)
    connection.connect()
    before = len(evcc.requests())
    connection.request("POST", f"{_PATH}/{value}")
    connection.getresponse().read()
    end = time.monotonic()
    connection.close()
    return end - _arrival(evcc, before)


def _by_httpx(evcc: Evcc, client: httpx.Client, value: int) -> float:
    """Seconds from a call of httpx to the arrival of its POST at evcc."""
    time.sleep(_PAUSE)
    before = len(evcc.requests())
    began = time.monotonic()
    client.post(f"{_PATH}/{value}")
    return _arrival(evcc, before) - began


def _arrival(evcc: Evcc, before: int) -> float:
    """When the first POST after so many requests arrived."""
    return float(next(each["at"] for each in evcc.requests(before) if each["method"] == "POST"))


def rate_figures(count: int) -> list[Figure]:
    """Many commands, each topic's next one when it has been answered, against httpx one after another."""
    with house("--still", "--loadpoints", str(_LOADPOINTS), module=_UNLIMITED) as (evcc, broker, bridge):
        bare = count / _loop(evcc, count)
        began = time.monotonic()
        statuses = _flood(broker.port, count)
        rate = count / (time.monotonic() - began)
        assert bridge.process.poll() is None
    assert statuses == {"ok": count}, statuses
    what = f"rate of {count:,} commands, share of a bare httpx loop"
    return [Figure(what, 100 * rate / bare, "%", f"{rate:.0f} of {bare:.0f} a second")]


def _loop(evcc: Evcc, count: int) -> float:
    began = time.monotonic()
    with httpx.Client(base_url=evcc.url, trust_env=False) as client:
        for number in range(count):
            path = f"/api/loadpoints/{number % _LOADPOINTS + 1}/limitsoc/{number % 100}"
            assert client.post(path).status_code == 200
    return time.monotonic() - began


def _flood(port: int, count: int) -> dict[str, int]:
    """Send `count` commands, one at a time for each topic; how many had which answer."""
    topics = [f"evcc/loadpoints/{1 + n}/{leaf}" for leaf in _LEAVES for n in range(_LOADPOINTS)]
    numbers = itertools.count()
    client, statuses = _client(port), dict[str, int]()

    def send(topic: str) -> None:
        if (number := next(numbers)) < count:
            client.publish(f"{topic}/set", str(number % 10 + 6 if topic.endswith("Current") else number % 10))

    def answered(_: object, __: object, message: paho.MQTTMessage) -> None:
        status = orjson.loads(message.payload)["status"]
        statuses[status] = statuses.get(status, 0) + 1
        send(message.topic.removesuffix("/result"))

    client.on_message = answered
    client.subscribe("evcc/loadpoints/+/+/result")
    for topic in topics:
        send(topic)
    while sum(statuses.values()) < count:
        client.loop(1)
    client.disconnect()
    return statuses


def _client(port: int) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect(HOST, port, keepalive=3600)
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[union-attr]
    while not client.is_connected():
        client.loop(1)
    return client


def _properties(value: int) -> Any:
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's class has types but here
    properties.ResponseTopic, properties.CorrelationData = _ANSWERS, str(value).encode()
    return properties
