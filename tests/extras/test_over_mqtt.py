"""Every documented endpoint of evcc from the broker's side, on both eras; and what else goes through the broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from evcc_simulator import Evcc
from tests.broker.client import plant, publish
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.extras.endpoints import READ, REQUESTS, WRITES, Write
from tests.extras.recorded import ERAS
from tests.site.running import running, settings

pytestmark = pytest.mark.broker

HEALTH_OF_TODAY = "this evcc has no /api/health"


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    """A broker that does not write every change to a disk that may be busy."""
    return await start_broker(Config(store=False))


@asynccontextmanager
async def bridge(broker: Mosquitto, era: str = "0.313.2", **sections: Any) -> AsyncIterator[Evcc]:
    """A simulated evcc whose meters stand still, so that no event depends on its sun, and a bridge that has read it."""
    async with Evcc(era, interval=0.2, still=True) as evcc, running(settings(evcc, broker, **sections)):
        await evcc.requests.find("GET", "/api/sessions", timeout=10)
        yield evcc


async def answer(broker: Mosquitto, recorder: Recorder, name: str, payload: str | bytes) -> dict[str, Any]:
    """The answer to a request."""
    waiting = asyncio.create_task(recorder.message(f"evcc/bridge/response/{name}"))
    await asyncio.sleep(0)
    await publish(broker, f"evcc/bridge/request/{name}", payload)
    found: dict[str, Any] = orjson.loads((await waiting).payload)
    return found


@pytest.mark.parametrize("era", ERAS)
async def test_every_documented_read_has_its_topic(broker: Mosquitto, recorder: Recorder, era: str) -> None:
    topics = [f"evcc/{topic}" for topic, eras in READ.values() if era in eras.split()]
    async with bridge(broker, era) as evcc:
        await recorder.until(lambda: all(topic in recorder.tree() for topic in topics))
        assert orjson.loads(recorder.tree()["evcc/tariffs/grid"])
        assert recorder.tree()["evcc/sessions"] == b"3"
        assert recorder.tree()["evcc/bridge/evcc"] == b"online"
        asked = {request.path for request in evcc.requests}
    assert asked >= {"/api/state", "/api/tariff/grid", "/api/sessions", "/api/loadpoints/2/plan", "/api/health"}
    assert ("/api/settings/telemetry" in asked) is (era == "0.131.4")


@pytest.mark.parametrize("era", ERAS)
async def test_every_documented_read_can_be_asked_for(broker: Mosquitto, recorder: Recorder, era: str) -> None:
    async with bridge(broker, era) as evcc:
        for read in REQUESTS:
            before = len(evcc.requests)
            found = await answer(broker, recorder, read.name, read.payload)
            assert read.request in [request.target for request in evcc.requests[before:]]
            if read.name == "health" and era == "0.313.2":
                assert (found["status"], found["error"]) == ("refused", HEALTH_OF_TODAY)
            else:
                assert found["status"] == "ok"
                assert found["data"]


@pytest.mark.parametrize("era", ERAS)
async def test_every_documented_write_reaches_evcc_and_is_answered(
    broker: Mosquitto, recorder: Recorder, era: str
) -> None:
    async with bridge(broker, era) as evcc:
        wrong = [problem for write in WRITES if (problem := await _problem(broker, recorder, evcc, write))]
    assert wrong == []


async def _problem(broker: Mosquitto, recorder: Recorder, evcc: Evcc, write: Write) -> str:
    """What is not as it should be with a write; empty when nothing is."""
    before = len(evcc.requests)
    waiting = asyncio.create_task(recorder.message(f"evcc/{write.topic}/result"))
    await asyncio.sleep(0)
    await publish(broker, f"evcc/{write.topic}/set", write.payload)
    found = orjson.loads((await waiting).payload)
    made = [f"{request.method} {request.target}" for request in evcc.requests[before:] if request.method != "GET"]
    fine = found["status"] == ("refused" if write.refusal else "ok") and write.refusal in (found["error"] or "")
    return "" if fine and made == [write.request] else f"{write.endpoint}: {found}, {made}"


async def test_a_client_names_where_the_answer_goes(broker: Mosquitto, recorder: Recorder) -> None:
    async with bridge(broker):
        waiting = asyncio.create_task(recorder.message("my/answers/7"))
        await asyncio.sleep(0)
        await publish(
            broker, "evcc/bridge/request/plan", '{"loadpoint": 1}', response_topic="my/answers/7", correlation=b"\x01"
        )
        record = await waiting
    assert (orjson.loads(record.payload)["status"], record.correlation, record.retain) == ("ok", b"\x01", False)


async def test_wrong_requests_are_refused(broker: Mosquitto, recorder: Recorder) -> None:
    endless = b'{"jq": "' + b"1" * 70_000 + b'"}'
    wrong = {
        "nothing": b"{}",
        "plan": b"{}",
        "tariff": b"grid",
        "health": b"\xff",
        "state": endless,
        "history": b'{"grouped": 1}',
    }
    async with bridge(broker):
        for name, payload in wrong.items():
            found = await answer(broker, recorder, name, payload)
            assert found["status"] == "refused"
            assert found["error"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_request_that_waited_at_the_broker_is_not_executed(
    broker: Mosquitto, recorder: Recorder, version: str
) -> None:
    await plant(broker, {"evcc/bridge/request/refresh": b"{}"})
    async with bridge(broker, mqtt={"url": broker.url, "version": version}):
        await recorder.until(lambda: "evcc/bridge/request/refresh" not in recorder.tree())
        await answer(broker, recorder, "plan", '{"loadpoint": 1}')
        [payload] = recorder.payloads("evcc/bridge/response/refresh")
    assert orjson.loads(payload)["error"] == "kept by the broker while nobody listened, and not answered"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_live_request_with_the_retain_flag_is_answered_once_and_erased(
    broker: Mosquitto, recorder: Recorder, version: str
) -> None:
    topic = "evcc/bridge/request/plan"
    for _ in range(2):
        async with bridge(broker, mqtt={"url": broker.url, "version": version}):
            if not recorder.payloads(topic):
                await publish(broker, topic, '{"loadpoint": 1}', retain=True)
            await recorder.value(topic, "")
            await answer(broker, recorder, "tariff", '{"type": "grid"}')
    [payload] = recorder.payloads("evcc/bridge/response/plan")
    assert orjson.loads(payload)["status"] == "ok"


async def _first(recorder: Recorder, topic: str) -> bytes:
    await recorder.until(lambda: recorder.history(topic))
    return recorder.payloads(topic)[0]


async def test_an_answer_that_the_broker_would_not_take_is_refused_and_the_connection_stays(
    start_broker: Callable[[Config], Awaitable[Mosquitto]], record: Callable[..., Awaitable[Recorder]]
) -> None:
    broker = await start_broker(Config(max_packet_size=60_000))
    recorder = await record(broker)
    async with bridge(broker):
        found = await answer(broker, recorder, "state", '{"jq": ".forecast"}')
        assert found["status"] == "refused"
        assert "bytes" in found["error"]
        assert (await answer(broker, recorder, "state", '{"jq": ".version"}'))["data"] == "0.313.2"
        assert recorder.payloads("evcc/status").count(b"offline") <= 1


async def test_what_happens_at_a_loadpoint_is_an_event(broker: Mosquitto, recorder: Recorder) -> None:
    async with bridge(broker) as evcc:
        await recorder.until(lambda: "evcc/sessions" in recorder.tree())
        await recorder.fresh()
        evcc.finish_session(0)
        await recorder.until(lambda: "session_end" in events(recorder))
        evcc.connect(0, "bike")
        await recorder.until(lambda: "connected" in events(recorder))
        await recorder.value("evcc/sessions", "4")
    found = events(recorder)
    assert sorted(found) == sorted(set(found))
    order = [found.index(name) for name in ("charge_stop", "disconnected", "session_end", "connected")]
    assert order == sorted(order)
    ended = next(event for event in events_of(recorder) if event["event"] == "session_end")
    last = orjson.loads(recorder.tree()["evcc/sessions/last"])
    assert (ended["energy"], ended["loadpoint"]) == (last["chargedEnergy"], 1)


async def test_an_expression_that_never_ends_does_not_reach_evcc(broker: Mosquitto, recorder: Recorder) -> None:
    async with bridge(broker) as evcc:
        for expression in ("until(false; .)", '[limit(1e12; repeat("x" * 1000))]'):
            found = await answer(broker, recorder, "state", orjson.dumps({"jq": expression}))
            assert found["status"] == "refused"
        assert not [request for request in evcc.requests if "until" in request.target or "limit" in request.target]


async def test_commands_bring_no_other_reads_than_their_own(broker: Mosquitto, recorder: Recorder) -> None:
    async with bridge(broker, "0.131.4") as evcc:
        await recorder.value("evcc/site/telemetry", "false")
        before = len(evcc.requests)
        for soc in range(10):
            await publish(broker, "evcc/site/prioritySoc/set", str(20 + soc))
        await recorder.value("evcc/site/prioritySoc", "29")
        assert "/api/settings/telemetry" not in [request.path for request in evcc.requests[before:]]


async def test_a_restart_of_evcc_is_no_event_at_any_loadpoint(broker: Mosquitto, recorder: Recorder) -> None:
    async with bridge(broker) as evcc:
        await recorder.until(lambda: "evcc/sessions" in recorder.tree())
        await recorder.fresh()
        await evcc.restart(scale=1)
        await evcc.complete()
        await recorder.value("evcc/bridge/evcc", "online", wait=20)
        await recorder.until(lambda: "evcc_online" in events(recorder))
    assert events(recorder) == ["evcc_offline", "evcc_online"]
    assert [one.topic for one in recorder.records if one.topic.startswith("evcc/tariffs") and not one.payload] == []


async def test_expressions_become_topics(broker: Mosquitto, recorder: Recorder) -> None:
    async with bridge(broker, topics={"jq": {"modes": "[.loadpoints[].mode]", "broken": ".["}}):
        await recorder.value("evcc/jq/modes/1", "pv")
        await recorder.until(lambda: b"jq broken" in recorder.tree().get("evcc/bridge/problem", b""))


async def test_of_fifty_expressions_a_broken_one_stops_no_other(broker: Mosquitto, recorder: Recorder) -> None:
    sound = {f"house{number}": f".homePower + {number} - .homePower" for number in range(47)} | {
        "priority": ".prioritySoc"
    }
    broken = {"syntax": ".[", "running": ".siteTitle | tonumber"}
    async with bridge(broker, topics={"jq": sound | broken}) as evcc:
        for number in (0, 46):
            await recorder.value(f"evcc/jq/house{number}", str(number))
        assert {"evcc/jq/syntax", "evcc/jq/running"} & recorder.tree().keys() == set()
        for name in (b"jq syntax", b"jq running"):
            await recorder.until(lambda name=name: name in recorder.tree().get("evcc/bridge/problem", b""))  # type: ignore[misc]
        evcc.requests.clear()
        evcc.set("prioritySoc", 47)
        await recorder.value("evcc/jq/priority", "47")
        asked = [request.target for request in evcc.requests if "jq=" in request.target]
        assert asked
        assert all("house0" in target and "priority" in target and "syntax" not in target for target in asked)


@pytest.mark.parametrize("keep_store", [True, False])
async def test_restarts_of_broker_and_bridge_are_no_events(
    start_broker: Callable[[Config], Awaitable[Mosquitto]],
    record: Callable[..., Awaitable[Recorder]],
    keep_store: bool,
) -> None:
    broker = await start_broker(Config(store=True))
    recorder = await record(broker)
    async with Evcc(still=True) as evcc:
        options = settings(evcc, broker)
        async with running(options):
            await recorder.value("evcc/status", "online")
            seen = recorder.connections
            broker.kill()
            await broker.restart(keep_store=keep_store)
            await recorder.reconnected(seen)
            await recorder.value("evcc/status", "online")
        evcc.finish_session(0)
        async with running(options):
            await recorder.value("evcc/status", "online")
            evcc.set("loadpoints.1.mode", "off")
            await recorder.until(lambda: events(recorder))
    assert events(recorder) == ["mode_changed"]


async def test_a_loadpoint_is_found_and_set_by_its_title(broker: Mosquitto, recorder: Recorder) -> None:
    async with bridge(broker, topics={"by_title": True}) as evcc:
        await recorder.value("evcc/by-title/garage/mode", "minpv")
        await publish(broker, "evcc/by-title/garage/mode/set", "now")
        await recorder.value("evcc/by-title/garage/mode", "now")
        assert orjson.loads(await _first(recorder, "evcc/by-title/garage/mode/result"))["status"] == "ok"
        assert evcc.get("loadpoints.1.mode") == "now"
        assert recorder.tree()["evcc/by-title/vanmoof/minSoc"] == b"20"
        await recorder.until(lambda: "evcc/by-title/garage/planDetails" in recorder.tree())
        tree = recorder.tree()
        assert tree["evcc/by-title/garage/planDetails"] == tree["evcc/loadpoints/2/planDetails"]
        await publish(broker, "evcc/by-title/vanmoof/minSoc/set", "101")
        assert b"minSoc takes 0 to 100" in await _first(recorder, "evcc/by-title/vanmoof/minSoc/result")
        await publish(broker, "evcc/by-title/attic/mode/set", "now")
        assert b"there is no loadpoint or vehicle with" in await _first(recorder, "evcc/by-title/attic/mode/result")


def events_of(recorder: Recorder) -> list[dict[str, Any]]:
    return [orjson.loads(payload) for payload in recorder.payloads("evcc/events")]


def events(recorder: Recorder) -> list[str]:
    return [event["event"] for event in events_of(recorder)]
