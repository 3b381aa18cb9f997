"""The mirror against a real broker."""

import asyncio
import threading
import time
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from bridge.mqtt.message import Inbound
from bridge.mqtt.mirror import Mirror
from bridge.settings import Settings
from bridge.state.flatten import Topics
from bridge.util.diagnostics import Diagnostics
from tests.broker.client import publish, retained
from tests.broker.mosquitto import HOST, Config, Mosquitto
from tests.broker.proxy import Proxy
from tests.mqtt.fakes import FakeReader

pytestmark = pytest.mark.broker

Start = Callable[[Config], Awaitable[Mosquitto]]
_VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])
_LIMIT = 60.0  # seconds; nothing here needs nearly as many
_STATE = {"version": "1", "loadpoints": [{"mode": "pv"}], "vehicles": {}}


class _House:
    """A mirror, with the state that it is to know of."""

    def __init__(self, url: str, *, settled: bool = True, **options: Any) -> None:
        self.reader = FakeReader.of(_STATE, settled=settled)
        self.diagnostics = Diagnostics()
        settings = Settings.model_validate({"mqtt": {"url": url, **options}})
        self.mirror = Mirror(settings, self.reader.reader, self.diagnostics)
        self.mirror.set_fresh(True)

    @asynccontextmanager
    async def running(self, **topics: bytes) -> AsyncIterator[Mirror]:
        """The mirror, connected and complete."""
        self.mirror.tree.set("test", {topic.replace("__", "/"): payload for topic, payload in topics.items()})
        async with asyncio.timeout(_LIMIT), TaskGroup() as group:
            group.create_task(self.mirror.run())
            await self.mirror.complete.wait()
            yield self.mirror
            await self.mirror.close()

    async def command(self) -> Inbound:
        return await anext(aiter(self.mirror.commands))


async def _until(broker: Mosquitto, check: Callable[[Mapping[str, bytes]], object]) -> dict[str, bytes]:
    """Wait until what the broker holds is as it should be."""
    async with asyncio.timeout(_LIMIT):
        while not check(held := await retained(broker)):  # noqa: ASYNC110 - what a broker holds has no event
            await asyncio.sleep(0.05)
        return held


# read back


@_VERSIONS
async def test_only_differences_are_published_after_a_restart(broker: Mosquitto, version: str) -> None:
    topics = {f"site__x{number}": b"%d" % number for number in range(300)}
    async with _House(broker.url, version=version).running(**topics):
        assert (await retained(broker))["evcc/status"] == b"online"
    assert (await retained(broker))["evcc/status"] == b"offline"
    async with _House(broker.url, version=version).running(**topics | {"site__x7": b"new"}) as mirror:
        assert mirror.tree.publisher.outcome.published == 2  # the value, and status
        held = await retained(broker)
        assert (held["evcc/site/x7"], held["evcc/site/x8"]) == (b"new", b"8")


@_VERSIONS
async def test_what_an_earlier_run_published_and_is_not_desired_is_erased(broker: Mosquitto, version: str) -> None:
    everywhere = ("tariffs__grid__now", "jq__x", "by-title__garage__mode", "sessions__last", "site__own__value")
    async with _House(broker.url, version=version).running(**dict.fromkeys(everywhere, b"1")):
        await publish(broker, "evcc/loadpoints/1/charger/power", b"1", retain=True)
        await publish(broker, "evcc/mine", b"1", retain=True)
    async with _House(broker.url, version=version).running(site__y=b"1"):
        held = await _until(
            broker, lambda held: not any(f"evcc/{name.replace('__', '/')}" in held for name in everywhere)
        )
    assert held["evcc/mine"] == held["evcc/loadpoints/1/charger/power"] == b"1"


async def test_what_is_read_by_itself_is_kept_until_it_has_been(broker: Mosquitto) -> None:
    async with _House(broker.url).running(tariffs__grid__now=b"1", site__x=b"1"):
        pass
    house = _House(broker.url)
    house.mirror.tree.wait("tariffs/#")
    async with house.running():
        held = await _until(broker, lambda held: "evcc/site/x" not in held)
        assert held["evcc/tariffs/grid/now"] == b"1"
        house.mirror.tree.known("tariffs/#")
        await _until(broker, lambda held: "evcc/tariffs/grid/now" not in held)


async def test_leaves_wait_until_evcc_is_settled_and_what_it_does_not_list_does_not(broker: Mosquitto) -> None:
    for topic in ("loadpoints/1/vehicleSoC", "loadpoints/2/mode", "vehicles/bike/title", "site/somebodys"):
        await publish(broker, f"evcc/{topic}", b"1", retain=True)
    house = _House(broker.url, settled=False)
    async with house.running(site__x=b"1") as mirror:
        held = await _until(
            broker, lambda held: not {"evcc/loadpoints/2/mode", "evcc/vehicles/bike/title"} & held.keys()
        )
        assert held["evcc/loadpoints/1/vehicleSoC"] == b"1"
        assert mirror.tree.orphans_waiting == 1
        house.reader.settled = True
        held = await _until(broker, lambda held: "evcc/loadpoints/1/vehicleSoC" not in held)
        assert held["evcc/site/somebodys"] == b"1"


async def test_a_store_that_was_lost_is_filled_again(broker: Mosquitto) -> None:
    async with _House(broker.url).running(site__x=b"1", loadpoints__1__mode=b"pv"):
        await broker.restart(keep_store=False)
        held = await _until(broker, lambda held: held.get("evcc/status") == b"online")
        assert held["evcc/site/x"] == b"1"


async def test_what_an_earlier_run_left_about_the_bridge_can_be_read(broker: Mosquitto) -> None:
    await publish(broker, "evcc/bridge/leases", b"[1]", retain=True)
    house = _House(broker.url)
    async with house.running():
        assert await house.mirror.stored("bridge/leases") == b"[1]"
        assert await house.mirror.stored("bridge/journal") == b""


# what others publish


@_VERSIONS
async def test_foreign_writes_are_corrected(broker: Mosquitto, version: str) -> None:
    house = _House(broker.url, version=version)
    async with house.running(site__x=b"1", loadpoints__1__mode=b"pv") as mirror:
        await publish(broker, "evcc/loadpoints/1/mode", b"off", retain=True)
        await _until(
            broker, lambda held: held.get("evcc/loadpoints/1/mode") == b"pv" and mirror.tree.publisher.outcome.corrected
        )
        assert "evcc/loadpoints/1/mode/set" in house.diagnostics.text
        await publish(broker, "evcc/status", b"offline", retain=True)
        await _until(broker, lambda held: held.get("evcc/status") == b"online")
        assert mirror.tree.publisher.outcome.corrected == 2


@_VERSIONS
async def test_our_own_messages_are_not_foreign(broker: Mosquitto, version: str) -> None:
    house = _House(broker.url, version=version)
    async with house.running() as mirror:
        for number in range(500):
            mirror.tree.set("x", {"site/x": b"%d" % number, "site/y": b"%d" % (number % 3)})
            if number % 10 == 0:
                await mirror.tree.settled()
        await mirror.tree.settled()
        assert mirror.tree.publisher.outcome.corrected == 0
        assert house.diagnostics.text == ""


# commands


@_VERSIONS
async def test_a_stored_command_is_stale_and_a_live_one_is_not(broker: Mosquitto, version: str) -> None:
    await publish(broker, "evcc/loadpoints/1/mode/set", b"off", retain=True)
    house = _House(broker.url, version=version)
    async with house.running() as mirror:
        stored = await house.command()
        assert (stored.topic, stored.payload, stored.stale) == ("loadpoints/1/mode/set", b"off", True)
        mirror.erase(stored.topic)
        for number in range(20):
            await publish(broker, "evcc/loadpoints/1/limitSoc/set", b"%d" % number, retain=number % 2 == 0)
            live = await house.command()
            assert (live.payload, live.stale) == (b"%d" % number, False)
            mirror.erase(live.topic)
        await _until(broker, lambda held: not any(topic.endswith("/set") for topic in held))
        assert not len(mirror.commands)


@_VERSIONS
async def test_after_a_stall_what_has_waited_is_stale_and_what_comes_then_is_not(
    broker: Mosquitto, version: str
) -> None:
    house = _House(broker.url, version=version)
    async with house.running():
        publishing = threading.Thread(target=_publish_from_a_thread, args=(broker.port, 50))
        publishing.start()
        time.sleep(3.0)  # noqa: ASYNC251 - the stall
        publishing.join()
        assert [(await house.command()).stale for _ in range(50)] == [True] * 50
        assert house.mirror._link is not None
        async with asyncio.timeout(5):
            while True:
                await publish(broker, "evcc/loadpoints/1/mode/set", b"now")
                if not (await house.command()).stale:
                    break


def _publish_from_a_thread(port: int, count: int) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect(HOST, port)
    client.loop_start()
    time.sleep(1.0)
    for number in range(count):
        client.publish("evcc/loadpoints/1/mode/set", b"%d" % number, 1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


async def test_requests_have_a_queue_of_their_own(broker: Mosquitto) -> None:
    house = _House(broker.url)
    async with house.running() as mirror:
        await publish(broker, "evcc/bridge/request/state", b"{}", response_topic="answers", correlation=b"7")
        request = await anext(aiter(mirror.requests))
        assert (request.topic, request.stale, request.correlation) == ("bridge/request/state", False, b"7")


async def test_an_answer_does_not_take_the_place_of_a_value(broker: Mosquitto) -> None:
    async with _House(broker.url).running(site__x=b"1") as mirror:
        assert not mirror.respond("evcc/site/x", b"{}", None)
        assert not mirror.respond("lamp/set", b"{}", None)
        assert mirror.respond("evcc/site/y", b"{}", None)
        assert mirror.send("site/x/result", b"{}")


async def test_without_a_connection_answers_are_dropped() -> None:
    mirror = _House("mqtt://localhost:1").mirror
    assert not mirror.send("site/x/result", b"{}")
    assert not mirror.respond("answers/1", b"{}", None)
    assert not mirror.congested


# bounds


@_VERSIONS
async def test_a_message_beyond_the_largest_packet_is_not_read(broker: Mosquitto, version: str) -> None:
    await publish(broker, "evcc/site/huge", b"x" * 5_000_000, retain=True)
    house = _House(broker.url, version=version, max_packet=100_000)
    async with house.running(site__x=b"1") as mirror:
        await publish(broker, "evcc/site/large", b"x" * 5_000_000)
        await publish(broker, "evcc/loadpoints/1/mode/set", b"now")
        assert not (await house.command()).stale
        assert mirror.reconnects == 0
        assert ("mqtt.max_packet" in house.diagnostics.text) is (version == "3.1.1")


@pytest.mark.parametrize(
    ("version", "config"), [("5", Config(lines=("message_size_limit 2000",))), ("3.1.1", Config(max_packet_size=2000))]
)
async def test_a_brokers_largest_message_is_learnt(start_broker: Start, version: str, config: Config) -> None:
    broker = await start_broker(config)
    house = _House(broker.url, version=version)
    sizes = {f"site__large{number}": b"x" * (2500 + number) for number in range(5)}
    async with house.running(site__x=b"1", **sizes) as mirror:
        held = await _until(broker, lambda held: held.get("evcc/status") == b"online")
        assert held["evcc/site/x"] == b"1"
        await mirror.tree.settled()
        assert "site/large0" in house.diagnostics.text or await _comes(house, "site/large0")
        assert mirror.reconnects <= 3
        assert "client id" not in house.diagnostics.text


async def _comes(house: _House, text: str) -> bool:
    async with asyncio.timeout(_LIMIT):
        while text not in house.diagnostics.text:
            house.diagnostics.changed.clear()
            await house.diagnostics.changed.wait()
    return True


# two bridges


@_VERSIONS
async def test_a_second_bridge_is_silent_until_the_first_is_gone(broker: Mosquitto, version: str) -> None:
    first = _House(broker.url, version=version, client_id="first")
    second = _House(broker.url, version=version, client_id="second")
    async with second_running(second) as start:
        async with first.running(site__x=b"1", bridge__info=_info(first.mirror)):
            await start()
            await _comes(first, "second")
            assert first.mirror.host in first.diagnostics.text
            assert second.mirror.silent
            assert "publishes below evcc" in second.diagnostics.text or await _comes(second, "publishes below evcc")
            await publish(broker, "evcc/loadpoints/1/mode/set", b"now")
            assert (await first.command()).payload == b"now"
            assert not len(second.mirror.commands)
            assert (await retained(broker))["evcc/site/x"] == b"1"
        await _until(broker, lambda held: held.get("evcc/site/x") == b"2" and held.get("evcc/status") == b"online")
        assert not second.mirror.silent
        assert second.mirror.connected


@asynccontextmanager
async def second_running(house: _House) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    async with asyncio.timeout(_LIMIT), TaskGroup() as group:

        async def start() -> None:
            house.mirror.tree.set("test", {"site/x": b"2", "bridge/info": _info(house.mirror)})
            group.create_task(house.mirror.run())
            await house.mirror.complete.wait()

        yield start
        await house.mirror.close()


def _info(mirror: Mirror) -> bytes:
    return orjson.dumps({"instance": mirror.instance, "host": mirror.host})


# stopping


@pytest.mark.parametrize("after", [0.0, 0.01, 0.03, 0.1, 0.2, 0.35])
async def test_a_stop_in_any_phase_is_quick_and_leaves_offline(broker: Mosquitto, after: float) -> None:
    for number in range(50):
        await publish(broker, f"evcc/site/somebodys/{number}", b"1", retain=True)
    await publish(broker, "evcc/status", b"online", retain=True)
    house = _House(broker.url)
    house.mirror.tree.set("test", {f"site/x{number}": b"1" for number in range(3000)})
    async with TaskGroup() as group:
        group.create_task(house.mirror.run())
        await asyncio.sleep(after)
        connected = house.mirror._link is not None
        async with asyncio.timeout(2):
            await house.mirror.close()
    status = (await retained(broker))["evcc/status"]
    assert status == b"offline" or not connected


async def test_a_stop_while_the_broker_does_not_answer_is_quick(proxy: Proxy) -> None:
    house = _House(f"mqtt://{HOST}:{proxy.port}")
    async with TaskGroup() as group:
        group.create_task(house.mirror.run())
        await asyncio.sleep(0.2)
        async with asyncio.timeout(2):
            await house.mirror.close()


async def test_a_mirror_that_was_never_started_can_be_closed() -> None:
    await _House("mqtt://localhost:1").mirror.close()


async def test_topics_by_title_are_copies(broker: Mosquitto) -> None:
    house = _House(broker.url)
    house.reader.state = FakeReader.of({"version": "1", "loadpoints": [{"title": "Garage"}]}).state
    mirror = Mirror(
        Settings.model_validate({"mqtt": {"url": broker.url}, "topics": {"by_title": True}}),
        house.reader.reader,
        house.diagnostics,
    )
    mirror.tree.update({"mode": Topics({"loadpoints/1/mode": b"pv"}, {})})
    assert mirror.tree.topics["by-title/garage/mode"] == b"pv"
    mirror.tree.update({"mode": Topics({}, {})})
    assert "by-title/garage/mode" not in mirror.tree.topics
