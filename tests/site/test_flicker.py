"""Nothing flickers: a client that stays connected never sees a value vanish because something restarted."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM, Signals

import orjson
import pytest

from bridge.mqtt import conflicts, subscriptions
from evcc_simulator import Evcc, Stage
from tests.broker.client import client, plant, retained
from tests.broker.mosquitto import Mosquitto
from tests.broker.proxy import Faults, Proxy
from tests.broker.recorder import Recorder
from tests.site.running import Bridge, expected, running, settings, state_topics, stored_state, until_equal

pytestmark = pytest.mark.broker
Record = Callable[..., Awaitable[Recorder]]
RECORDINGS = Path(__file__).parents[1] / "recordings"


def erased(recorder: Recorder) -> set[str]:
    """State topics that were erased since the recorder was cleared."""
    empty = {one.topic: one.payload for one in recorder.records if not one.payload and not one.topic.endswith("/set")}
    return set(state_topics(empty))


@pytest.mark.parametrize("era", ["0.131.4", "0.313.2"])
@pytest.mark.parametrize("push", ["auto", "off"])
async def test_evcc_restarts(broker: Mosquitto, recorder: Recorder, era: str, push: str) -> None:
    """A 30 s interval with 3 loadpoints, a hundred times as fast."""
    async with Evcc(era, interval=0.3, loadpoints=3, still=True) as evcc:
        options = settings(evcc, broker, evcc={"push": push, "interval": 0.05, "push_interval": 0.2})
        async with running(options) as site:
            await until_equal(recorder, evcc)
            await recorder.value("evcc/status", "online")
            async with asyncio.timeout(20):  # the first start, too, is not known to be none
                while not site.reader.settled:  # noqa: ASYNC110 - time is what it waits for
                    await asyncio.sleep(0.05)
            await recorder.fresh()
            await evcc.restart()
            await recorder.value("evcc/status", "offline")
            await recorder.value("evcc/bridge/evcc", "starting")
            await evcc.complete()
            await recorder.value("evcc/bridge/evcc", "online")
            await recorder.value("evcc/status", "online")
            await until_equal(recorder, evcc)
            assert not erased(recorder) & set(expected(evcc.state))


async def test_evcc_restarts_between_two_polls(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc={"push": "off"})):
        await until_equal(recorder, evcc)
        await recorder.fresh()
        complete = orjson.dumps(evcc.state)
        growing = evcc.state
        for loadpoint in growing["loadpoints"][1:]:
            for key in ("charging", "connected", "chargedEnergy", "effectiveLimitSoc", "enabled", "chargeDuration"):
                del loadpoint[key]
        evcc.replace(orjson.dumps(growing))
        await recorder.value("evcc/bridge/evcc", "starting")
        evcc.replace(complete)
        await recorder.value("evcc/bridge/evcc", "online")
        assert not erased(recorder)


async def test_what_a_restart_took_away_goes_after_the_grace_period(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc={"push": "off", "grace": 2})):
        evcc.set("circuits.second", {"power": 5})
        await recorder.value("evcc/site/circuits/second/power", "5")
        await recorder.fresh()
        evcc.fault("gateway", "/api/state")
        await recorder.value("evcc/status", "offline")
        evcc.delete("circuits.second")
        evcc.fault(None)
        await recorder.value("evcc/bridge/evcc", "starting")
        back = time.monotonic()
        await recorder.value("evcc/site/circuits/second/power", b"")
        assert time.monotonic() - back > 1
        await recorder.value("evcc/bridge/evcc", "online")


async def test_the_bridge_is_killed_and_started_again(broker: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log", EVCC_GRACE="0.5") as bridge:
        await recorder.value("evcc/status", "online")
        await until_equal(recorder, evcc)
        evcc.set("tariffGrid", 0.5)
        await recorder.value("evcc/site/tariffGrid", "0.5")
        await recorder.fresh()
        await bridge.kill()
        await recorder.value("evcc/status", "offline")
        evcc.set("tariffGrid", 0.6)
        evcc.delete("circuits")
        await bridge.start()
        await recorder.value("evcc/status", "online")
        await recorder.value("evcc/site/tariffGrid", "0.6")
        await until_equal(recorder, evcc)
        changed = set(state_topics({one.topic: one.payload for one in recorder.records}))
        gone = {topic for topic in changed if topic.startswith("evcc/site/circuits/")}
        assert changed == gone | {"evcc/site/tariffGrid"}
        assert erased(recorder) == gone


@pytest.mark.parametrize("keep_store", [True, False])
async def test_the_broker_is_killed_and_started_again(
    keeping_broker: Mosquitto, record: Record, keep_store: bool
) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, keeping_broker)) as site:
        recorder = await record(keeping_broker)
        await until_equal(recorder, evcc)
        await recorder.value("evcc/status", "online")
        await recorder.fresh()
        reconnects, seen = site.mirror.reconnects, recorder.connections
        keeping_broker.kill()
        evcc.set("tariffGrid", 0.7)
        await keeping_broker.restart(keep_store=keep_store)
        await recorder.reconnected(seen)
        await recorder.value("evcc/site/tariffGrid", "0.7")
        await recorder.value("evcc/status", "online")
        await until_equal(recorder, evcc)
        assert site.mirror.reconnects > reconnects
        assert not erased(recorder)
        assert await stored_state(keeping_broker) == expected(evcc.state)


async def test_evccs_own_mqtt_publishes_too(
    broker: Mosquitto, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = orjson.loads((RECORDINGS / "0.313.2" / "topics.json").read_bytes())
    monkeypatch.setattr(conflicts, "_GONE_AFTER", 2.0)
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc={"grace": 0.5})):
        await until_equal(recorder, evcc)
        monkeypatch.setattr(subscriptions, "_COPY", -1.0)  # as half a minute after the start
        async with client(broker) as evccs:
            for _ in range(2):
                for topic, payload in own.items():
                    await evccs.publish(f"evcc/{topic}", payload, qos=1, retain=True)
            await recorder.until(lambda: b"evcc's own MQTT" in (recorder.last("evcc/bridge/problem") or b""))
            await recorder.fresh()
            await evccs.publish("evcc/site/homePower", "815", qos=1, retain=True)
            evcc.set("tariffGrid", 0.9)
            await recorder.value("evcc/bridge/problem", b"", wait=10)
        await until_equal(recorder, evcc)
        assert recorder.payloads("evcc/site/homePower") == [b"815", b"0"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_slow_line_is_not_taken_for_somebody_who_publishes(
    broker: Mosquitto, recorder: Recorder, proxy: Proxy, version: str
) -> None:
    async with Evcc(still=True) as evcc:
        async with running(settings(evcc, broker, mqtt={"version": version})):
            await until_equal(recorder, evcc)
        await recorder.fresh()
        proxy.faults = Faults(rate=60_000)  # what is stored takes longer than a silent broker is waited for
        slow = f"mqtt://127.0.0.1:{proxy.port}"
        async with running(settings(evcc, slow, mqtt={"version": version}), wait=60):
            evcc.set("homePower", 4321)
            await recorder.value("evcc/site/homePower", "4321")
            await until_equal(recorder, evcc)
            assert not recorder.payloads("evcc/bridge/problem")
            assert not erased(recorder)


async def test_a_second_bridge_is_named(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker)):
        await until_equal(recorder, evcc)
        async with running(settings(evcc, broker, mqtt={"client_id": "second"})):
            await recorder.until(lambda: b"second bridge" in (recorder.last("evcc/bridge/problem") or b""))
            assert state_topics(recorder.tree()) == expected(evcc.state)


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
async def test_the_process_ends_at_once_and_leaves_offline(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path, number: Signals
) -> None:
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log") as bridge:
        await recorder.value("evcc/status", "online")
        began = time.monotonic()
        assert await bridge.stop(number) == 0
        assert time.monotonic() - began < 2
        await recorder.value("evcc/status", "offline")


async def test_the_process_ends_at_once_when_nobody_answers(tmp_path: Path) -> None:
    async with Bridge("http://127.0.0.1:9", "mqtt://no-such-host.invalid", tmp_path / "log") as bridge:
        async with asyncio.timeout(10):
            while "cannot be reached" not in bridge.text():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
        began = time.monotonic()
        assert await bridge.stop() == 0
        assert time.monotonic() - began < 2


async def test_a_new_configuration_is_taken_without_losing_a_value(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    config = tmp_path / "bridge.toml"
    config.write_text("[topics]\nexclude = []\n")
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log", CONFIG=str(config)) as bridge:
        await recorder.value("evcc/status", "online")
        await until_equal(recorder, evcc)
        await recorder.fresh()
        config.write_text("[topics]\naliases = false\n[evcc]\ngrace = 0.3\n")
        bridge.signal(SIGHUP)
        await recorder.value("evcc/site/gridPower", b"")
        await recorder.until(lambda: recorder.payloads("evcc/status") == [b"offline", b"online"])
        assert all(
            "grid" in topic or "batter" in topic or "Current" in topic or "phases" in topic
            for topic in erased(recorder)
        )


async def test_evcc_is_away_at_the_start(broker: Mosquitto, recorder: Recorder) -> None:
    await plant(broker, {"evcc/loadpoints/1/mode": "pv", "evcc/vehicles/gone/soc": "1", "evcc/status": "online"})
    async with Evcc(still=True) as evcc:
        await evcc.refuse()
        async with running(settings(evcc, broker), published=False):
            await recorder.value("evcc/status", "offline")
            await recorder.value("evcc/bridge/evcc", "unreachable")
            held = await retained(broker, "evcc/#")
            assert held["evcc/loadpoints/1/mode"] == b"pv"
            assert held["evcc/vehicles/gone/soc"] == b"1"
            await evcc.accept()
            await recorder.value("evcc/status", "online")
            await recorder.value("evcc/vehicles/gone/soc", b"")
            await until_equal(recorder, evcc)


async def test_a_starting_evcc_at_the_bridges_start(broker: Mosquitto, record: Record) -> None:
    """Leaves that only the broker knows wait; vehicles that evcc does not list do not."""
    async with Evcc(still=True, interval=0.3) as evcc:
        async with running(settings(evcc, broker)):
            await until_equal(await record(broker), evcc)
        await plant(broker, {"evcc/vehicles/gone/soc": "1"})
        recorder = await record(broker)
        await recorder.fresh()
        await evcc.restart(scale=None)
        while evcc.stage is not Stage.GROWING:
            await evcc.step()
        async with running(settings(evcc, broker)):
            await recorder.value("evcc/vehicles/gone/soc", b"")
            await recorder.value("evcc/bridge/evcc", "starting")
            await evcc.complete()
            await recorder.value("evcc/bridge/evcc", "online")
            await until_equal(recorder, evcc)
            assert not erased(recorder) & set(expected(evcc.state))
