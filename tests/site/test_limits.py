"""What the broker does not take: large packets, high quality, retained messages, topics that an ACL refuses."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from evcc_simulator import Evcc
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.patience import limit
from tests.site.running import expected, running, settings, state_topics, until_equal

pytestmark = pytest.mark.broker
Start = Callable[[Config], Awaitable[Mosquitto]]
Record = Callable[..., Awaitable[Recorder]]

_LIMIT = 60_000  # bytes; what a usual evcc has to say is shorter
_ACL = """\
user bridge
topic read evcc/#
topic write evcc/site/#
topic write evcc/bridge/#
topic write evcc/status
topic write evcc/updated
"""


def problem(recorder: Recorder) -> str:
    """What is wrong at present."""
    return (recorder.last("evcc/bridge/problem") or b"").decode()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_values_that_are_too_large_are_left_out_and_named(
    start_broker: Start, record: Record, version: str
) -> None:
    """An MQTT 5 broker announces its limit; with 3.1.1 it only cuts the connection, which must come to an end."""
    broker = await start_broker(Config(store=False, max_packet_size=_LIMIT))
    recorder = await record(broker)
    async with Evcc(still=True) as evcc:
        evcc.set("siteTitle", "x" * 2 * _LIMIT)
        evcc.set("loadpoints.0.title", "x" * 3 * _LIMIT)
        options = settings(evcc, broker, mqtt={"version": version}, discovery={"homeassistant": False})
        async with running(options) as site:
            await recorder.until(lambda: "evcc/loadpoints/1/title, evcc/site/siteTitle" in problem(recorder))
            assert "client id" not in problem(recorder)
            reconnects = site.mirror.reconnects
            evcc.set("homePower", 4711)
            await recorder.value("evcc/site/homePower", "4711")
            evcc.set("siteTitle", "short")
            evcc.set("loadpoints.0.title", "short too")
            await recorder.value("evcc/bridge/problem", b"")
            await until_equal(recorder, evcc)
            assert site.mirror.reconnects == reconnects


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_any_quality_brings_the_whole_tree(start_broker: Start, record: Record, version: str, qos: int) -> None:
    # a recorder with a QoS, and slow, must miss nothing
    broker = await start_broker(Config(store=False, lines=("max_queued_messages 20000",)))
    recorder = await record(broker, qos=2)
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, mqtt={"version": version, "qos": qos})):
        await until_equal(recorder, evcc)
        assert {one.qos for one in recorder.history("evcc/site/homePower")} == {qos}
        assert "somebody" not in problem(recorder)


@pytest.mark.parametrize("line", ["max_qos 0", "max_qos 1", "retain_available false"])
async def test_less_is_asked_of_a_broker_that_can_do_less(start_broker: Start, record: Record, line: str) -> None:
    broker = await start_broker(Config(store=False, lines=(line,)))
    recorder = await record(broker)
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, mqtt={"qos": 1})) as site:
        await recorder.value("evcc/status", "online")
        evcc.set("homePower", 4711)
        await recorder.value("evcc/site/homePower", "4711")
        assert not problem(recorder)
        assert site.mirror.reconnects == 0


async def test_topics_that_an_acl_refuses_are_named(start_broker: Start, record: Record) -> None:
    broker = await start_broker(Config(store=False, users={"bridge": "secret"}, acl=_ACL))
    recorder = await record(broker)
    login = {"user": "bridge", "password": "secret"}
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, mqtt=login)):
        await recorder.until(lambda: "such as evcc/loadpoints" in problem(recorder))
        assert "Not authorized" in problem(recorder)
        allowed = {topic: payload for topic, payload in expected(evcc.state).items() if topic.startswith("evcc/site/")}
        await recorder.until(lambda: state_topics(recorder.tree()) == allowed)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_without_the_right_to_read_everything_is_published_and_that_is_named(
    start_broker: Start, record: Record, version: str
) -> None:
    acl = "user bridge\ntopic write #\n"
    broker = await start_broker(Config(store=False, users={"bridge": "secret"}, acl=acl))
    recorder = await record(broker)
    login = {"user": "bridge", "password": "secret", "version": version}
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, mqtt=login)):
        await until_equal(recorder, evcc)
        await recorder.until(lambda: "does not let us read evcc/#" in problem(recorder))
        await recorder.value("evcc/status", "online")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_login_that_may_not_write_is_named_soon(start_broker: Start, version: str) -> None:
    acl = "user bridge\ntopic read #\n"
    broker = await start_broker(Config(store=False, users={"bridge": "secret"}, acl=acl))
    login = {"user": "bridge", "password": "secret", "version": version}
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, mqtt=login), published=False) as site:
        async with asyncio.timeout(limit(3)):
            while "write" not in site.diagnostics.text:  # noqa: ASYNC110 - its event has another reader
                await asyncio.sleep(0.01)


async def test_what_runs_wild_leaves_room_for_everything_else(start_broker: Start, record: Record) -> None:
    broker = await start_broker(Config(store=False, lines=("max_queued_messages 20000",)))
    recorder = await record(broker)
    async with Evcc(still=True) as evcc:
        usual = {
            topic: payload
            for topic, payload in expected(evcc.state).items()
            if not topic.startswith("evcc/site/circuits")
        }
        evcc.set("circuits", {f"c{number}": {"power": number} for number in range(3000)})
        options = settings(evcc, broker, topics={"limit": 2000}, discovery={"homeassistant": False})
        async with running(options):
            await recorder.until(lambda: "more topics than topics.limit (2000) allows" in problem(recorder))
            await recorder.until(lambda: usual.items() <= recorder.tree().items())
