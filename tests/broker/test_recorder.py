import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiomqtt import ProtocolVersion

from tests.broker.client import V5, V311, Requester, client, plant, publish, retained
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder

Record = Callable[..., Awaitable[Recorder]]


async def test_it_sees_stored_and_live_apart(broker: Mosquitto, record: Record) -> None:
    await plant(broker, {"a": "stored"})
    recorder = await record(broker)
    await publish(broker, "a", "live", retain=True)
    await publish(broker, "a", "passing")
    await recorder.value("a", "passing")
    seen = [(one.payload, one.retain, one.stored) for one in recorder.records]
    assert seen == [(b"stored", True, True), (b"live", True, False), (b"passing", False, False)]
    assert recorder.tree() == {"a": b"live"} == await retained(broker)


async def test_an_erased_topic_leaves_the_tree(broker: Mosquitto, recorder: Recorder) -> None:
    await plant(broker, {"a": "1", "b": "2"})
    await publish(broker, "a", "", retain=True)
    await recorder.value("a", "")
    assert recorder.tree() == {"b": b"2"}
    assert recorder.payloads("a") == [b"1", b""]


async def test_what_does_not_come_fails(recorder: Recorder) -> None:
    with pytest.raises(AssertionError, match="not within"):
        await recorder.value("a", "1", wait=0.05)


async def test_several_wait_at_once(broker: Mosquitto, recorder: Recorder) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.value("a", "1"))
        group.create_task(recorder.value("b", "2"))
        fresh = group.create_task(recorder.message("a"))
        await plant(broker, {"a": "1", "b": "2"})
    assert fresh.result().payload == b"1"


@pytest.mark.parametrize("keep_store", [True, False])
async def test_it_comes_back_with_the_broker(broker: Mosquitto, recorder: Recorder, keep_store: bool) -> None:
    await plant(broker, {"a": "1"})
    await recorder.value("a", "1")
    await broker.restart(keep_store=keep_store)
    await recorder.reconnected(1)
    assert recorder.tree() == ({"a": b"1"} if keep_store else {})
    await publish(broker, "b", "2")
    await recorder.value("b", "2")


async def test_thousands_of_messages(broker: Mosquitto, record: Record) -> None:
    topics = {f"many/{number}": b"x" for number in range(1_500)}
    recorder = await record(broker)
    async with client(broker) as sender:
        for topic, payload in topics.items():
            await sender.publish(topic, payload, retain=True)
    await recorder.until(lambda: len(recorder.tree()) == len(topics))
    assert await retained(broker, "many/#") == topics
    assert (await record(broker)).tree() == topics


async def test_fresh_forgets_what_is_still_on_its_way(broker: Mosquitto, recorder: Recorder) -> None:
    await plant(broker, {f"many/{number}": b"x" for number in range(500)})
    await recorder.fresh()
    await plant(broker, {"new": b"1"})
    await recorder.value("new", "1")
    assert [one.topic for one in recorder.records] == ["new"]
    assert len(recorder.tree()) == 501


async def test_properties_and_qos(broker: Mosquitto, record: Record) -> None:
    recorder = await record(broker, qos=2)
    await publish(
        broker, "a", "1", response_topic="r", correlation=b"\0c", expiry=9, qos=1, user_properties=[("who", "me")]
    )
    await publish(broker, "b", "1", qos=0, version=V311)
    await recorder.value("b", "1")
    first, second = recorder.records
    assert (first.response_topic, first.correlation, first.user) == ("r", b"\0c", (("who", "me"),))
    assert first.expiry in {8, 9}
    assert (first.qos, second.qos) == (1, 0)


@pytest.mark.parametrize("version", [V5, V311])
async def test_publish_waits_for_the_broker(broker: Mosquitto, version: ProtocolVersion) -> None:
    await publish(broker, "a", "1", retain=True, version=version)
    assert await retained(broker) == {"a": b"1"}


async def test_a_requester_takes_its_own_answer(broker: Mosquitto, recorder: Recorder) -> None:
    async with Requester(broker) as requester, asyncio.TaskGroup() as group:
        answer = group.create_task(requester.ask("question", "?"))
        await recorder.until(lambda: recorder.history("question"))
        asked = recorder.history("question")[0]
        assert asked.response_topic
        await publish(broker, asked.response_topic, "another's", correlation=b"other")
        await publish(broker, asked.response_topic, "ours", correlation=asked.correlation)
    assert answer.result() == b"ours"


async def test_a_requester_gives_up(broker: Mosquitto) -> None:
    async with Requester(broker) as requester:
        with pytest.raises(TimeoutError):
            await requester.ask("question", "?", wait=0.05)
