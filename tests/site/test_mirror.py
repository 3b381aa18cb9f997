"""The main path: evcc's state at the broker, by push and by polling, and what happens on the way."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
import pytest

from evcc_simulator import Evcc
from tests.broker.client import publish
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.patience import PATIENCE
from tests.site.running import expected, running, settings, state_topics, stored_state, until_equal

pytestmark = pytest.mark.broker
Record = Callable[..., Awaitable[Recorder]]


@pytest.mark.parametrize("era", ["0.131.4", "0.313.2"])
@pytest.mark.parametrize("push", ["auto", "off"])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_the_tree_is_evccs_state(
    broker: Mosquitto, recorder: Recorder, era: str, push: str, version: str
) -> None:
    options = {"evcc": {"push": push}, "mqtt": {"version": version}}
    async with Evcc(era) as evcc, running(settings(evcc, broker, **options)):
        await until_equal(recorder, evcc)
        evcc.set("loadpoints.0.chargePower", 1234.5678)
        await recorder.value("evcc/loadpoints/1/chargePower", "1234.568")
        assert state_topics(recorder.tree()) == expected(evcc.state)
        assert await stored_state(broker) == expected(evcc.state)
        assert recorder.last("evcc/status") == b"online"
        assert recorder.last("evcc/bridge/evcc") == b"online"


async def test_a_frame_publishes_its_own_topic_only(broker: Mosquitto, recorder: Recorder) -> None:
    options = {"evcc": {"push_interval": 60}}
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, **options)) as site:
        await until_equal(recorder, evcc)
        await recorder.value("evcc/status", "online")
        async with asyncio.timeout(PATIENCE):
            while not site.reader.push_alive:
                evcc.set("homePower", evcc.get("homePower"))
                await asyncio.sleep(0.01)
        await recorder.fresh()
        evcc.set("homePower", 4711)
        await recorder.value("evcc/site/homePower", "4711")
        published = state_topics({one.topic: one.payload for one in recorder.records})
        assert published == {"evcc/site/homePower": b"4711"}


async def test_a_key_that_is_gone_is_erased(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)):
        await until_equal(recorder, evcc)
        assert "evcc/vehicles/my.car_2/plan/soc" in recorder.tree()
        evcc.delete("vehicles.my.car_2.plan")
        await recorder.value("evcc/vehicles/my.car_2/plan/soc", b"")
        await until_equal(recorder, evcc)


async def test_a_plan_that_is_null_is_null_and_one_that_is_gone_is_erased(
    broker: Mosquitto, recorder: Recorder
) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker)):
        evcc.set("loadpoints.0.plan", None)
        await recorder.value("evcc/loadpoints/1/plan", "null")
        evcc.delete("loadpoints.0.plan")
        await recorder.value("evcc/loadpoints/1/plan", b"")


@pytest.mark.parametrize("era", ["0.131.4", "0.313.2"])
async def test_the_names_of_both_eras_are_there_and_either_can_be_set(
    broker: Mosquitto, recorder: Recorder, era: str
) -> None:
    pairs = {
        "site/gridPower": "site/grid/power",
        "site/gridEnergy": "site/grid/energy",
        "site/batteryPower": "site/battery/power",
        "site/batterySoc": "site/battery/soc",
        "site/batteryCapacity": "site/battery/capacity",
        "site/battery": "site/battery/devices",
        "site/battery/2/power": "site/battery/devices/2/power",
        "loadpoints/1/chargeCurrent": "loadpoints/1/offeredCurrent",
        "loadpoints/1/phases": "loadpoints/1/phasesConfigured",
    }
    async with Evcc(era, still=True) as evcc, running(settings(evcc, broker)):
        await until_equal(recorder, evcc)
        tree = recorder.tree()
        for old, new in pairs.items():
            assert tree[f"evcc/{old}"] == tree[f"evcc/{new}"]
        assert [f"evcc/site/gridCurrents/l{phase}" in tree for phase in (1, 2, 3)] == [True] * 3
        assert tree["evcc/site/grid/currents"] == b"3"
        for leaf, phases in (("phases", "1"), ("phasesConfigured", "3")):
            await publish(broker, f"evcc/loadpoints/1/{leaf}/set", phases)
            await recorder.value("evcc/loadpoints/1/phases", phases)
            await recorder.value("evcc/loadpoints/1/phasesConfigured", phases)


async def test_a_vehicle_and_a_loadpoint_go(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)):
        await until_equal(recorder, evcc)
        state = evcc.state
        del state["vehicles"]["bike"]
        state["loadpoints"].pop()
        evcc.replace(orjson.dumps(state))
        wanted = expected(state)  # once: it is compared after each of a thousand messages
        await recorder.until(lambda: state_topics(recorder.tree()) == wanted)
        assert recorder.last("evcc/loadpoints") == b"2"


async def test_ghosts_go_and_what_is_somebodys_stays(broker: Mosquitto, recorder: Recorder) -> None:
    ghosts = ["vehicles/gone/soc", "loadpoints/9/mode", "loadpoints/1/vehicleSoC", "vehicles/bike/plan/soc"]
    theirs = ["loadpoints/1/charger/temperature", "site/mySensor", "other/topic", "greenhouse"]
    for topic in [*ghosts, *theirs]:
        await publish(broker, f"evcc/{topic}", "1", retain=True)
    async with Evcc(interval=0.05) as evcc, running(settings(evcc, broker, evcc={"grace": 1})):
        for topic in ghosts:
            await recorder.value(f"evcc/{topic}", b"")
        for topic in theirs:
            assert recorder.last(f"evcc/{topic}") == b"1"


async def test_what_the_bridge_published_is_remembered_over_restarts(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc:
        evcc.set("ofTomorrow", {"newThing": 5})
        async with running(settings(evcc, broker)):
            await recorder.value("evcc/site/ofTomorrow/newThing", "5")
        evcc.delete("ofTomorrow")
        async with running(settings(evcc, broker, evcc={"grace": 0.3})):
            await recorder.value("evcc/site/ofTomorrow/newThing", b"")


async def test_a_client_that_forgets_set_is_corrected_and_named(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker)):
        await until_equal(recorder, evcc)
        await publish(broker, "evcc/loadpoints/1/mode", "now", retain=True)
        await recorder.value("evcc/loadpoints/1/mode", "pv")
        await recorder.until(lambda: b"evcc/loadpoints/1/mode/set" in (recorder.last("evcc/bridge/problem") or b""))
        await publish(broker, "evcc/status", "offline", retain=True)
        await recorder.value("evcc/status", "online")


async def test_an_echo_is_not_answered_for_ever(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker)) as site:
        await until_equal(recorder, evcc)
        for _ in range(20):
            await publish(broker, "evcc/loadpoints/1/mode", "now", retain=True)
        await recorder.value("evcc/loadpoints/1/mode", "pv")
        assert site.mirror.tree.publisher.outcome.corrected < 10


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("garbage", "unreachable"),
        ("html", "invalid"),
        ("redirect", "invalid"),
        ("unauthorized", "invalid"),
        ("missing", "starting"),
        ("broken", "unreachable"),
        ("gateway", "unreachable"),
        ("reset", "unreachable"),
        ("cut", "unreachable"),
        ("truncated", "invalid"),
        ("deep", "invalid"),
        ("scalar", "invalid"),
        ("empty", "invalid"),
        ("huge", "invalid"),
        ("hang", "unreachable"),
    ],
)
async def test_bad_answers_change_no_value(broker: Mosquitto, recorder: Recorder, fault: str, word: str) -> None:
    options = {"evcc": {"push": "off", "timeout": 0.3 if fault == "hang" else 5}}
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, **options)):
        await until_equal(recorder, evcc)
        before = state_topics(recorder.tree())
        await recorder.fresh()
        evcc.fault(fault, "/api/state")
        await recorder.value("evcc/bridge/evcc", word)
        await recorder.value("evcc/status", "offline")
        assert recorder.last("evcc/bridge/problem")
        evcc.fault(None)
        await recorder.value("evcc/status", "online")
        await recorder.value("evcc/bridge/evcc", "online")
        await recorder.value("evcc/bridge/problem", b"")
        assert state_topics(recorder.tree()) == before
        assert not {one.topic for one in recorder.records if not one.payload} - {"evcc/bridge/problem"}


async def test_a_broken_configuration_is_fatal_and_keeps_values(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)):
        await until_equal(recorder, evcc)
        await recorder.fresh()
        await evcc.restart(fatal=True, scale=0.01)
        await recorder.value("evcc/bridge/evcc", "fatal")
        await recorder.value("evcc/status", "offline")
        assert not [
            one.topic for one in recorder.records if not one.payload and one.topic.startswith("evcc/loadpoints")
        ]


async def test_what_was_announced_is_taken_back_when_discovery_is_switched_off(
    broker: Mosquitto, recorder: Recorder
) -> None:
    def announced() -> list[str]:
        return [topic for topic in recorder.tree() if topic.startswith("homeassistant/")]

    async with Evcc(still=True) as evcc:
        async with running(settings(evcc, broker, evcc={"grace": 0.3})):
            await recorder.until(announced)
        await publish(broker, "homeassistant/sensor/evcc/theirs/config", "{}", retain=True)
        off = settings(evcc, broker, evcc={"grace": 0.3}, discovery={"homeassistant": False})
        async with running(off):
            await recorder.until(lambda: announced() == ["homeassistant/sensor/evcc/theirs/config"])
