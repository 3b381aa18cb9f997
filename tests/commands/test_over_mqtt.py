"""Commands from a client's publish to evcc and back, over a real broker, in both MQTT versions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from evcc_simulator import Evcc
from tests.broker.client import client, plant, publish, retained
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.proxy import Proxy
from tests.broker.recorder import Recorder
from tests.patience import PATIENCE, limit
from tests.site.running import running, settings

pytestmark = pytest.mark.broker

MODE = "evcc/loadpoints/1/mode"
LIMIT = "evcc/loadpoints/1/limitSoc"
Record = Callable[..., Awaitable[Recorder]]


@pytest.fixture(params=["5", "3.1.1"])
def mqtt(request: pytest.FixtureRequest) -> dict[str, str]:
    """The bridge's MQTT version."""
    return {"version": request.param}


def received(evcc: Evcc) -> list[str]:
    """The writes that evcc has seen."""
    return [f"{request.method} {request.target}" for request in evcc.requests if request.method != "GET"]


def answers(recorder: Recorder, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(payload) for payload in recorder.payloads(f"{topic}/result")]


async def answered(recorder: Recorder, topic: str, count: int = 1) -> list[str]:
    """The statuses on a result topic, once there are so many."""
    await recorder.until(lambda: len(recorder.payloads(f"{topic}/result")) >= count)
    return [answer["status"] for answer in answers(recorder, topic)]


async def settled(broker: Mosquitto, recorder: Recorder) -> None:
    """Wait until a command sent after everything else has had its answer: nothing else is under way."""
    before = len(recorder.payloads("evcc/loadpoints/2/priority/result"))
    await publish(broker, "evcc/loadpoints/2/priority/set", "4")
    await answered(recorder, "evcc/loadpoints/2/priority", before + 1)


async def test_a_command_reaches_evcc_and_its_answer_and_value_come_back(
    broker: Mosquitto, recorder: Recorder, mqtt: dict[str, str]
) -> None:
    async with Evcc(interval=0.2) as evcc, running(settings(evcc, broker, mqtt=mqtt | {"url": broker.url})):
        await publish(broker, f"{LIMIT}/set", "77 %")
        assert await answered(recorder, LIMIT) == ["ok"]
        await recorder.value(LIMIT, "77")
        assert received(evcc) == ["POST /api/loadpoints/1/limitsoc/77"]
        [record] = recorder.history(f"{LIMIT}/result")
        assert not record.retain
        command = (await retained(broker, "evcc/bridge/command"))["evcc/bridge/command"]
        assert orjson.loads(command)["topic"] == "loadpoints/1/limitSoc"


async def test_the_answer_comes_to_the_response_topic_with_its_correlation(
    broker: Mosquitto, recorder: Recorder
) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)):
        await publish(broker, f"{LIMIT}/set", "101", response_topic="flow/7", correlation=b"\x00\x01\xff")
        record = await recorder.message("flow/7")
        assert orjson.loads(record.payload)["error"] == "limitSoc takes 0 to 100, got 101"
        assert record.correlation == b"\x00\x01\xff"
        assert received(evcc) == []


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "+/x",
        "#",
        "x" * 1025,
        "a/" * 300,
        "$SYS/x",
        "$share/g/x",
        f"{LIMIT}/set",
        "evcc/status",
        "evcc/site/pvPower",
    ],
)
async def test_a_response_topic_that_does_harm_is_not_used(broker: Mosquitto, recorder: Recorder, topic: str) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)) as site:
        await publish(broker, f"{LIMIT}/set", "77", response_topic=topic)
        assert await answered(recorder, LIMIT) == ["ok"]
        await settled(broker, recorder)
        assert [record for record in recorder.history(topic) if b'"status"' in record.payload] == []
        assert site.mirror.reconnects == 0


async def test_a_topic_too_long_to_be_answered_does_no_harm(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)) as site:
        await publish(broker, f"evcc/{'x' * (65_535 - len('evcc//set'))}/set", "1", qos=0)
        await settled(broker, recorder)
        assert site.mirror.reconnects == 0


async def test_the_value_is_there_at_once_without_push(broker: Mosquitto, recorder: Recorder) -> None:
    slow = {"push": "off", "interval": 60, "push_interval": 60}
    async with Evcc() as evcc, running(settings(evcc, broker, evcc=slow | {"url": evcc.url})):
        await publish(broker, f"{LIMIT}/set", "66")
        await recorder.value(LIMIT, "66")


async def test_a_command_kept_by_the_broker_before_the_start_is_stale(
    broker: Mosquitto, recorder: Recorder, mqtt: dict[str, str]
) -> None:
    await plant(broker, {f"{MODE}/set": "now", f"{LIMIT}/set": "55", "evcc/site/batteryMode/set": "charge"})
    async with Evcc() as evcc, running(settings(evcc, broker, mqtt=mqtt | {"url": broker.url})):
        for topic in (MODE, LIMIT, "evcc/site/batteryMode"):
            assert await answered(recorder, topic) == ["stale"]
            await recorder.value(f"{topic}/set", "")
        await settled(broker, recorder)
        assert received(evcc) == ["POST /api/loadpoints/2/priority/4"]
        assert [topic for topic in await retained(broker, "evcc/#") if topic.endswith("/set")] == []


async def test_a_command_kept_by_the_broker_while_the_bridge_was_cut_off_is_stale(
    broker: Mosquitto, recorder: Recorder, proxy: Proxy, mqtt: dict[str, str]
) -> None:
    options = mqtt | {"url": f"mqtt://127.0.0.1:{proxy.port}"}
    async with Evcc() as evcc, running(settings(evcc, broker, mqtt=options)):
        proxy.refuse()
        proxy.cut(reset=True)
        await recorder.value("evcc/status", "offline")
        await publish(broker, f"{MODE}/set", "now", retain=True)
        await publish(broker, f"{LIMIT}/set", "55", qos=1)  # no session keeps it
        await proxy.accept()
        await recorder.value("evcc/status", "online")
        assert await answered(recorder, MODE) == ["stale"]
        await settled(broker, recorder)
        assert received(evcc) == ["POST /api/loadpoints/2/priority/4"]
        assert answers(recorder, LIMIT) == []


async def test_a_live_retained_command_is_executed_once_over_any_number_of_restarts(
    broker: Mosquitto, recorder: Recorder, mqtt: dict[str, str]
) -> None:
    async with Evcc() as evcc:
        options = settings(evcc, broker, mqtt=mqtt | {"url": broker.url})
        async with running(options):
            await publish(broker, f"{MODE}/set", "now", retain=True)
            assert await answered(recorder, MODE) == ["ok"]
            await recorder.value(f"{MODE}/set", "")
        for _ in range(2):
            async with running(options):
                await settled(broker, recorder)
        assert received(evcc).count("POST /api/loadpoints/1/mode/now") == 1
        assert await answered(recorder, MODE) == ["ok"]


async def test_what_is_retained_in_somebodys_own_subtree_stays(
    broker: Mosquitto, recorder: Recorder, mqtt: dict[str, str]
) -> None:
    theirs = {"evcc/loadpoints/1/charger/current/set": b"6", "evcc/greenhouse/set": b"on", "evcc/my/lamp/set": b"1"}
    await plant(broker, theirs)
    async with Evcc() as evcc, running(settings(evcc, broker, mqtt=mqtt | {"url": broker.url})):
        for topic, payload in theirs.items():
            await publish(broker, topic, payload, retain=True)
        await settled(broker, recorder)
        assert [await answered(recorder, topic.removesuffix("/set")) for topic in theirs] == [["refused"]] * 3
        assert received(evcc) == ["POST /api/loadpoints/2/priority/4"]
    assert (await retained(broker, "evcc/#")).items() >= theirs.items()


async def test_a_message_past_its_expiry_is_not_executed(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)):
        await evcc.refuse()
        await publish(broker, f"{MODE}/set", "now", expiry=1)
        assert await answered(recorder, MODE) == ["failed"]
        await evcc.accept()
        await settled(broker, recorder)
        assert received(evcc) == ["POST /api/loadpoints/2/priority/4"]


async def test_a_command_waits_for_an_evcc_that_restarts(broker: Mosquitto, recorder: Recorder) -> None:
    options = {"deadline": PATIENCE}
    async with Evcc(interval=0.1, still=True) as evcc, running(settings(evcc, broker, commands=options)):
        await evcc.restart(scale=None)
        for value in ("61", "62", "63"):
            await publish(broker, f"{LIMIT}/set", value)
        assert await answered(recorder, LIMIT, 2) == ["superseded", "superseded"]
        await evcc.restart(scale=0.1)
        assert await answered(recorder, LIMIT, 3) == ["superseded", "superseded", "ok"]
        assert received(evcc)[-1] == "POST /api/loadpoints/1/limitsoc/63"


async def test_a_bridge_that_ends_answers_first(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc:
        async with running(settings(evcc, broker)):
            evcc.fault("hang", "/api/loadpoints")
            await publish(broker, f"{MODE}/set", "now")
            await evcc.requests.find("POST")
        await recorder.value("evcc/status", "offline")
        [answer] = answers(recorder, MODE)
        assert (answer["status"], answer["error"]) == ("failed", "bridge is stopping")


async def test_whatever_is_under_way_at_the_end_has_exactly_one_answer_each(
    broker: Mosquitto, recorder: Recorder, mqtt: dict[str, str]
) -> None:
    topics = [f"loadpoints/{number}/{leaf}" for number in (1, 2, 3) for leaf in ("priority", "limitSoc", "minSoc")]
    async with Evcc() as evcc:
        async with running(settings(evcc, broker, mqtt=mqtt | {"url": broker.url})):
            evcc.fault("hang", "/api/loadpoints")
            for topic in topics:
                await publish(broker, f"evcc/{topic}/set", "7", response_topic="answers", correlation=topic.encode())
            await publish(broker, "evcc/site/prioritySoc/set", "20")
            assert await answered(recorder, "evcc/site/prioritySoc") == ["ok"]
        await recorder.value("evcc/status", "offline")
        for topic in topics:
            assert [answer["error"] for answer in answers(recorder, f"evcc/{topic}")] == ["bridge is stopping"]
        named = [record.correlation for record in recorder.history("answers")]
        assert sorted(named) == sorted(topic.encode() for topic in topics if mqtt["version"] == "5")  # type: ignore[type-var]


async def test_commands_of_one_loadpoint_are_done_and_answered_in_their_order(
    broker: Mosquitto, recorder: Recorder
) -> None:
    leaves = ("priority", "limitSoc", "minCurrent", "limitEnergy", "enableThreshold", "disableDelay", "mode")
    async with Evcc() as evcc, running(settings(evcc, broker)), client(broker) as connection:
        for leaf in leaves:
            await connection.publish(f"evcc/loadpoints/1/{leaf}/set", "now" if leaf == "mode" else "7", qos=1)
        assert await answered(recorder, MODE) == ["ok"]
        results = [record.topic.split("/")[-2] for record in recorder.records if record.topic.endswith("/result")]
        assert tuple(results) == leaves
        paths = [request.rpartition("/")[0].rpartition("/1/")[2] for request in received(evcc)]
        assert paths == [
            *leaves[:1],
            "limitsoc",
            "mincurrent",
            "limitenergy",
            "enable/threshold",
            "disable/delay",
            "mode",
        ]


async def test_other_targets_do_not_wait_for_one_that_hangs(broker: Mosquitto, recorder: Recorder) -> None:
    deadline = limit(1)
    async with Evcc() as evcc, running(settings(evcc, broker, commands={"deadline": deadline})):
        evcc.fault("hang", "/api/loadpoints/1/")
        await publish(broker, f"{LIMIT}/set", "50")
        await evcc.requests.find("POST")
        for topic in ("evcc/loadpoints/2/limitSoc", "evcc/vehicles/bike/limitSoc", "evcc/site/prioritySoc"):
            await publish(broker, f"{topic}/set", "60")
            assert await answered(recorder, topic) == ["ok"]
        assert answers(recorder, LIMIT) == []
        assert await answered(recorder, LIMIT) == ["failed"]
        [answer] = answers(recorder, LIMIT)
        assert 950 * deadline < answer["ms"] < 2000 * deadline


async def test_a_setting_of_another_era_is_refused_and_no_longer_listed(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc("0.131.4") as evcc, running(settings(evcc, broker)):
        await publish(broker, "evcc/site/batteryMode/set", "hold")
        assert await answered(recorder, "evcc/site/batteryMode") == ["refused"]
        [answer] = answers(recorder, "evcc/site/batteryMode")
        assert answer["error"] == "this evcc has no such setting: batteryMode"
        await recorder.until(lambda: recorder.last("evcc/bridge/commands"))
        topics = {entry["topic"] for entry in orjson.loads(recorder.tree()["evcc/bridge/commands"])}
        assert "loadpoints/2/limitSoc/set" in topics
        assert "site/batteryMode/set" not in topics


BAD_INPUT = [
    ("loadpoints/1/limitSoc", b"8" * 900_000),
    ("vehicles/bike/repeatingPlans", b"[" * 60_000),
    ("vehicles/bike/planStrategy", b'{"a":' * 300 + b"1" + b"}" * 300),
    ("loadpoints/1/priority", b"\xff\xfe\x00"),
    ("loadpoints/1/minSoc", b"../../../api/system/shutdown"),
    ("loadpoints/1/vehicle", b"%2e%2e%2fmode%2fnow"),
    ("loadpoints/0/mode", b"now"),
    ("loadpoints/01/mode", b"now"),
    ("loadpoints/999999/mode", b"now"),
    ("loadpoints/1/2/mode", b"now"),
    ("loadpoints//mode", b"now"),
    ("loadpoints/1//mode", b"now"),
    ("/mode", b"now"),
    ("vehicles/a%23b/minSoc", b"20"),
    ("vehicles/../minSoc", b"20"),
    ("a/b/c/d/e/f/g", b"1"),
]


async def test_bad_input_is_refused_and_does_no_harm(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)):
        for topic, payload in BAD_INPUT:
            await publish(broker, f"evcc/{topic}/set", payload)
            assert await answered(recorder, f"evcc/{topic}") == ["refused"]
        await settled(broker, recorder)
        assert received(evcc) == ["POST /api/loadpoints/2/priority/4"]


LEAVES = ("limitSoc", "minSoc", "limitEnergy", "minCurrent", "enableThreshold", "disableThreshold", "priority")
FLOODED = [f"evcc/loadpoints/{number}/{leaf}" for leaf in LEAVES for number in range(1, 9)][:50]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_of_ten_thousand_commands_each_is_answered_or_dropped_and_the_next_ones_are_carried_out(
    start_broker: Callable[[Config], Awaitable[Mosquitto]], record: Record
) -> None:
    broker = await start_broker(Config(store=False, lines=("max_queued_messages 20000",)))
    quiet = {"push": "off", "interval": 0.5}  # each write makes evcc push a hundred values
    async with (
        Evcc(loadpoints=8, interval=0.2) as evcc,
        running(settings(evcc, broker, evcc=quiet | {"url": evcc.url})) as site,
    ):
        recorder = await record(broker, "evcc/#")
        await asyncio.gather(*(flood(broker, number) for number in range(20)))
        counts, commands = site.dispatcher.counts, site.mirror.commands
        await recorder.until(lambda: counts.total() + commands.dropped >= 10_000 and not len(commands), wait=200)
        for topic in FLOODED:
            await publish(broker, f"{topic}/set", "9")
            await recorder.value(topic, "9")
        assert len(received(evcc)) < 5000


async def flood(broker: Mosquitto, number: int) -> None:
    """One client's 500 commands, as fast as it can."""
    async with client(broker) as connection:
        for count in range(500):
            topic = FLOODED[(number * 7 + count) % len(FLOODED)]
            await connection.publish(f"{topic}/set", str(count % 9), qos=0)
