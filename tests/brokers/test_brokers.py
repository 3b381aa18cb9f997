"""The bridge's behaviour that depends on the broker, on each of them."""

import asyncio
import socket
from contextlib import closing, suppress
from signal import SIGCONT, SIGSTOP

import orjson
import pytest

from bridge.mqtt.ownership import MARKER
from tests.broker.mosquitto import HOST
from tests.broker.proxy import Proxy
from tests.brokers.house import House
from tests.brokers.kinds import V5, V311, Kind
from tests.patience import PATIENCE, limit

pytestmark = pytest.mark.brokers

MODE, LIMIT = "loadpoints/1/mode", "loadpoints/1/limitSoc"
MODE_CALLS = "/api/loadpoints/1/mode/.*"
LIMIT_CALLS = "/api/loadpoints/1/limitsoc/.*"
STALL = 4.0  # seconds
LONG_PAUSE = 6.0  # seconds; a pause doubles from 1 s on, with jitter
SOON = limit(8)  # seconds after which commands must work again


async def restart_broker(house: House, *, keep_store: bool) -> None:
    """Restart the broker below a running bridge, and wait until the tree is what it was."""
    await house.start()
    tree = await house.complete()
    await house.broker.restart(keep_store=keep_store)
    await house.watcher.until(lambda: house.state() == tree)
    await house.watcher.value("status", "online")
    await house.until_stored(tree)
    await house.until_commands_work()


async def until_taken_over(house: House, identifier: str) -> float:
    """Connect with the bridge's client id, and wait until the bridge has come back; how long that took, in seconds.

    By a bare socket: an aiomqtt client that is taken over before its CONNACK waits until its timeout. It returns only
    when the bridge publishes: mochi does not end a connection for one that begins while it is being accepted.
    """
    clock = asyncio.get_running_loop()
    begun, before = clock.time(), len(house.watcher.records)
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(HOST, house.broker.port)
        with closing(writer), suppress(ConnectionError):
            writer.write(connect_packet(identifier))
            await reader.read(-1)
    taken = clock.time() - begun
    await house.watcher.until(lambda: any(one.topic.startswith(MARKER) for one in house.watcher.records[before:]))
    return taken


def connect_packet(identifier: str) -> bytes:
    """An MQTT 3.1.1 CONNECT with a clean session and without a keepalive."""
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(identifier).to_bytes(2, "big") + identifier.encode()
    return bytes((0x10, len(body))) + body


class Suite:
    """What is tested with each kind of broker."""

    kind: Kind

    async def test_values_and_commands_pass(self, house: House) -> None:
        await house.start()
        house.evcc.set("loadpoints.0.chargePower", 1234.5678)
        await house.watcher.value("loadpoints/1/chargePower", "1234.568")
        await house.publish(f"{LIMIT}/set", "77", response="answers" if house.kind.version == V5 else "")
        await house.watcher.value(LIMIT, "77")
        await house.watcher.until(lambda: house.statuses(LIMIT) == ["ok"])
        assert house.calls() == ["POST /api/loadpoints/1/limitsoc/77"]
        if house.kind.version == V5:
            await house.watcher.until(lambda: house.watcher.payloads("answers"))
            assert orjson.loads(house.watcher.payloads("answers")[0])["status"] == "ok"
        await house.until_stored(await house.complete())

    async def test_a_restart_publishes_differences_only(self, house: House) -> None:
        bridge = await house.start()
        tree = await house.complete()
        await house.stop(bridge)
        await house.publish(MODE, "now", retain=True)
        house.evcc.set("loadpoints.0.chargePower", 1234.5678)
        await house.watcher.value(MODE, "now")
        before = len(house.watcher.records)
        await house.start()
        changed = {MODE: tree[MODE], "loadpoints/1/chargePower": b"1234.568"}
        await house.watcher.until(lambda: house.state() == tree | changed)
        await house.watcher.value("status", "online")
        assert house.published(before) == changed
        assert all(len(house.watcher.payloads(topic, before)) == 1 for topic in changed)

    async def test_a_reconnection_publishes_differences_only(self, house: House) -> None:
        async with Proxy(house.broker.port) as proxy:
            await house.start(MQTT_URL=f"mqtt://127.0.0.1:{proxy.port}")
            tree = await house.complete()
            before = len(house.watcher.records)
            proxy.cut(reset=True)
            house.evcc.set("loadpoints.0.chargePower", 1234.5678)
            changed = {"loadpoints/1/chargePower": b"1234.568"}
            await house.watcher.until(lambda: house.state() == tree | changed)
            await house.watcher.until(lambda: house.watcher.payloads("status", before)[-1:] == [b"online"])
            assert house.published(before) == changed
            await house.until_commands_work()

    async def test_orphans_are_erased_after_a_restart(self, house: House) -> None:
        house.evcc.set("ofTomorrow", {"newThing": 5})
        bridge = await house.start()
        await house.watcher.value("site/ofTomorrow/newThing", "5")
        tree = await house.complete()
        await house.stop(bridge)
        house.evcc.delete("ofTomorrow")
        orphans = ["vehicles/gone/soc", "loadpoints/9/mode", "loadpoints/1/vehicleSoC"]
        theirs = {"site/mySensor": b"1", "loadpoints/1/charger/temperature": b"1"}
        for topic in [*orphans, *theirs]:
            await house.publish(topic, "1", retain=True)
        await house.watcher.until(lambda: house.state().keys() >= {*orphans, *theirs})
        await house.start()
        for topic in [*orphans, "site/ofTomorrow/newThing"]:
            await house.watcher.value(topic, "")
        del tree["site/ofTomorrow/newThing"]
        await house.until_stored(tree | theirs)

    async def test_foreign_writes_are_put_right_and_named(self, house: House) -> None:
        await house.start()
        tree = await house.complete()
        await house.publish(MODE, "now", retain=True)
        await house.watcher.until(lambda: b"now" in house.watcher.payloads(MODE))
        await house.watcher.value(MODE, tree[MODE].decode())
        await house.watcher.until(lambda: f"{MODE}/set".encode() in house.watcher.tree.get("bridge/problem", b""))
        before = len(house.watcher.records)
        await house.publish("status", "offline", retain=True)
        await house.watcher.until(lambda: house.watcher.payloads("status", before))
        await house.watcher.value("status", "online")
        await house.until_stored(tree)

    async def test_a_retained_live_command_runs_once(self, house: House) -> None:
        bridge = await house.start()
        assert await house.command(MODE, "now", retain=True) == "ok"
        await house.watcher.value(f"{MODE}/set", "")
        await house.watcher.value(MODE, "now")
        assert f"{MODE}/set" not in await house.stored()
        await house.stop(bridge)
        await house.start()
        await house.until_commands_work()
        assert house.calls(MODE_CALLS) == ["POST /api/loadpoints/1/mode/now"]

    async def test_a_command_stored_before_the_start_is_stale(self, house: House) -> None:
        """Where the broker sends its store without the retain flag after every subscription, too."""
        await house.publish(f"{MODE}/set", "off", retain=True)
        await house.start()
        await house.watcher.until(lambda: house.statuses(MODE))
        await house.until_commands_work()
        assert set(house.statuses(MODE)) == {"stale"}
        assert house.calls(MODE_CALLS) == []
        await house.watcher.value(f"{MODE}/set", "")

    async def test_commands_of_a_time_without_connection_are_stale(self, house: House) -> None:
        async with Proxy(house.broker.port) as proxy:
            await house.start(MQTT_URL=f"mqtt://127.0.0.1:{proxy.port}")
            proxy.refuse()
            proxy.cut(reset=True)
            await house.watcher.value("status", "offline")
            await house.publish(f"{MODE}/set", "now", retain=True)
            await house.publish(f"{LIMIT}/set", "55")
            await proxy.accept()
            await house.watcher.until(lambda: house.statuses(MODE))
            await house.until_commands_work()
            assert {*house.statuses(MODE), *house.statuses(LIMIT)} == {"stale"}
            assert [*house.calls(MODE_CALLS), *house.calls(LIMIT_CALLS)] == []
            await house.watcher.value(f"{MODE}/set", "")

    async def test_commands_of_a_stall_are_stale_and_later_ones_work(self, house: House) -> None:
        bridge = await house.start()
        bridge.signal(SIGSTOP)
        for soc in range(20, 30):
            await house.publish(f"{LIMIT}/set", str(soc))
        await asyncio.sleep(STALL)
        bridge.signal(SIGCONT)
        async with asyncio.timeout(SOON):
            await house.until_commands_work()
        assert set(house.statuses(LIMIT)) <= {"stale"}
        assert house.calls(LIMIT_CALLS) == []
        assert await house.command(LIMIT, "70") == "ok"

    async def test_a_restart_of_the_broker_leaves_the_tree_complete(self, house: House) -> None:
        await restart_broker(house, keep_store=True)

    async def test_a_restart_of_the_broker_without_its_store_leaves_the_tree_complete(self, house: House) -> None:
        await restart_broker(house, keep_store=False)

    async def test_the_will_is_published(self, house: House) -> None:
        bridge = await house.start()
        await bridge.kill()
        await house.watcher.value("status", "offline")

    async def test_a_second_bridge_is_silent_until_the_first_is_gone(self, house: House) -> None:
        first = await house.start(MQTT_CLIENT_ID=f"{house.root}-1")
        before = len(house.watcher.records)
        await house.launch(MQTT_CLIENT_ID=f"{house.root}-2")
        host = socket.gethostname().encode()
        await house.watcher.until(lambda: host in house.watcher.tree.get("bridge/problem", b""))
        house.evcc.set("loadpoints.0.chargePower", 1234.5678)
        await house.watcher.value("loadpoints/1/chargePower", "1234.568")
        assert await house.command(MODE, "now") == "ok"
        await house.until_commands_work()
        assert house.calls(MODE_CALLS) == ["POST /api/loadpoints/1/mode/now"]
        assert house.statuses(MODE) == ["ok"]
        assert len(house.watcher.payloads("loadpoints/1/chargePower", before)) == 1
        assert b"offline" not in house.watcher.payloads("status", before)
        await first.stop()
        await house.until_commands_work()
        await house.watcher.value("status", "online")
        assert await house.command(MODE, "off") == "ok"

    async def test_another_client_with_its_id_makes_the_pauses_grow(self, house: House) -> None:
        identifier = f"{house.root}-bridge"
        await house.start(MQTT_CLIENT_ID=identifier)
        pauses: list[float] = []
        while sum(pauses) < PATIENCE and max(pauses, default=0) < LONG_PAUSE:
            pauses.append(await until_taken_over(house, identifier))
        assert max(pauses) >= LONG_PAUSE, pauses
        await house.watcher.until(
            lambda: any(identifier.encode() in text for text in house.watcher.payloads("bridge/problem"))
        )
        await house.until_commands_work()


class TestHiveMQ(Suite):
    kind = Kind("HiveMQ", "hivemq")


class TestMosquitto(Suite):
    """It delivers a message once for each of a client's overlapping subscriptions."""

    kind = Kind("mosquitto", "mosquitto")


class TestMosquitto311(Suite):
    kind = Kind("mosquitto 3.1.1", "mosquitto", version=V311, mqtt_version="3.1.1")


class TestMochi(Suite):
    kind = Kind("mochi", "mochi")


class TestAedes(Suite):
    kind = Kind("aedes", "aedes", version=V311)


class TestEmqx(Suite):
    """EMQX's readings of No Local and of overlapping subscriptions, by a small broker of ours."""

    kind = Kind("EMQX-like", "readings", ("emqx",))


class TestIoBroker(Suite):
    """ioBroker's readings: all is stored, and sent without the retain flag after every SUBACK."""

    kind = Kind("ioBroker-like", "readings", ("iobroker",), V311)
