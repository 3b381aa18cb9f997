"""Answers of evcc that are wrong in their bytes or their shape: the daemon lives, keeps what it knew, and goes on."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from evcc_simulator import Evcc
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import expected, running, settings, state_topics, until_equal

pytestmark = pytest.mark.broker
Record = Callable[..., Awaitable[Recorder]]

_POLLED = {"push": "off"}


@pytest.mark.parametrize("wrong", [b"NaN", b"-Infinity", b"1e400", b'"\xff\xfe"', b'"\\ud800"'])
async def test_bytes_that_are_no_json(broker: Mosquitto, recorder: Recorder, wrong: bytes) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc=_POLLED)):
        await until_equal(recorder, evcc)
        before = state_topics(recorder.tree())
        body = orjson.dumps({**evcc.state, "homePower": "MARK"})
        evcc.replace(body.replace(b'"MARK"', wrong))
        await recorder.value("evcc/bridge/evcc", "invalid")
        assert b"cannot be read" in (recorder.last("evcc/bridge/problem") or b"")
        assert state_topics(recorder.tree()) == before
        evcc.replace(None)
        await recorder.value("evcc/bridge/problem", b"")
        await until_equal(recorder, evcc)


async def test_of_a_key_that_stands_twice_the_last_one_counts(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc=_POLLED)):
        await until_equal(recorder, evcc)
        evcc.replace(orjson.dumps(evcc.state)[:-1] + b',"homePower":1,"homePower":17}')
        await recorder.value("evcc/site/homePower", "17")
        assert recorder.last("evcc/bridge/evcc") == b"online"


async def test_texts_of_10_megabytes(broker: Mosquitto, recorder: Recorder) -> None:
    """They are published, once each: nothing else repeats them."""
    async with Evcc(still=True) as evcc:
        evcc.set("siteTitle", "x" * 10_000_000)
        evcc.set("loadpoints.0.title", "y" * 10_000_000)
        async with running(settings(evcc, broker, evcc=_POLLED)):
            await recorder.until(lambda: any(one.topic.startswith("homeassistant/text/") for one in recorder.records))
            evcc.set("homePower", 17)
            await recorder.value("evcc/site/homePower", "17")
            long = {one.topic for one in recorder.records if len(one.payload) > 1_000_000}
            assert long == {"evcc/site/siteTitle", "evcc/loadpoints/1/title"}


async def test_names_that_are_too_long_for_a_topic(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc:
        state = evcc.state
        state["vehicles"] |= {"v" * 70_000: {"title": "t" * 70_000, "minSoc": 20}}
        state["loadpoints"][0]["title"] = "l" * 70_000
        state["k" * 70_000] = 1
        evcc.replace(orjson.dumps(state))
        async with running(settings(evcc, broker, evcc=_POLLED, topics={"by_title": True})):
            await recorder.until(lambda: any(one.topic.startswith("homeassistant/text/") for one in recorder.records))
            await recorder.value("evcc/vehicles", str(len(state["vehicles"]) - 1))
            assert b"names of at most 256 bytes" in recorder.tree()["evcc/bridge/problem"]
            await recorder.value("evcc/status", "online")
            assert max(len(one.topic) for one in recorder.records) < 1100


async def test_200_megabytes(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc=_POLLED)):
        await until_equal(recorder, evcc)
        evcc.fault("huge", "/api/state")
        await recorder.value("evcc/bridge/evcc", "invalid")
        assert b"larger than" in (recorder.last("evcc/bridge/problem") or b"")
        evcc.fault(None)
        await recorder.value("evcc/bridge/evcc", "online")
        await until_equal(recorder, evcc)


@pytest.mark.parametrize(
    "broken",
    [
        {"loadpoints": None},
        {"loadpoints": [None, None, None]},
        {"loadpoints": [1, "x", [2]]},
        {"loadpoints": {"0": {"mode": "pv"}}},
        {"loadpoints": "many"},
        {"vehicles": None},
        {"vehicles": []},
        {"vehicles": {"bike": None}},
        {"vehicles": {"bike": [1]}},
    ],
    ids=str,
)
async def test_shapes_that_are_none_of_evccs(broker: Mosquitto, recorder: Recorder, broken: dict[str, Any]) -> None:
    """Nothing vanishes for them, and what is right beside them is taken."""
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc=_POLLED)):
        await until_equal(recorder, evcc)
        before = state_topics(recorder.tree())
        evcc.replace(orjson.dumps({**evcc.state, **broken, "homePower": 17}))
        await recorder.until(
            lambda: recorder.last("evcc/site/homePower") == b"17" or recorder.last("evcc/bridge/evcc") == b"invalid"
        )
        assert state_topics(recorder.tree()).keys() == before.keys()
        evcc.replace(None)
        await until_equal(recorder, evcc)
        await recorder.value("evcc/bridge/evcc", "online")


async def test_values_of_another_type_are_published_as_they_are(broker: Mosquitto, recorder: Recorder) -> None:
    other = {"grid": [1, 2, 3], "forecast": "none", "battery": 5, "interval": "soon", "pvPower": "many"}
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc=_POLLED)):
        await until_equal(recorder, evcc)
        state = {**evcc.state, **other}
        evcc.replace(orjson.dumps(state))
        whole = expected(state)
        await recorder.until(lambda: state_topics(recorder.tree()) == whole)
        assert recorder.last("evcc/bridge/evcc") == b"online"
        evcc.replace(None)
        await until_equal(recorder, evcc)


@pytest.mark.parametrize("push", ["auto", "off"])
async def test_loadpoints_come_and_go(broker: Mosquitto, recorder: Recorder, push: str) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, evcc={"push": push})):
        await until_equal(recorder, evcc)
        for count in (5, 1, 3, 2):
            state = evcc.state
            state["loadpoints"] = (state["loadpoints"] * 2)[:count]
            evcc.replace(orjson.dumps(state))
            await recorder.value("evcc/loadpoints", str(count))
            whole = expected(state)
            await recorder.until(lambda whole=whole: state_topics(recorder.tree()) == whole)  # type: ignore[misc]
