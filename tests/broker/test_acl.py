"""The bridge, readers and controllers at a broker with the ACL file that we bring."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from evcc_simulator import Evcc
from tests.broker.client import Requester, publish
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import expected, running, settings, state_topics

ACL = Path(__file__).parents[2] / "mosquitto/acl"
MODE = "evcc/loadpoints/1/mode"
USERS = {"bridge": "b", "reader": "r", "controller": "c"}

pytestmark = pytest.mark.broker


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with Evcc(still=True) as simulated:
        yield simulated


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    return await start_broker(Config(users=USERS, acl=ACL.read_text()))


@pytest.fixture
async def bridge(evcc: Evcc, broker: Mosquitto) -> AsyncIterator[None]:
    own = {"url": broker.url, "user": "bridge", "password": USERS["bridge"]}
    async with running(settings(evcc, broker, mqtt=own)):
        yield


async def test_the_bridge_lacks_nothing(evcc: Evcc, broker: Mosquitto, recorder: Recorder, bridge: None) -> None:
    await recorder.until(lambda: state_topics(recorder.tree()) == expected(evcc.state))
    await recorder.until(lambda: any(topic.startswith("homeassistant/") for topic in recorder.tree()))
    assert "evcc/bridge/problem" not in recorder.tree()
    assert "Denied" not in broker.log


async def test_the_log_would_show_what_is_denied(broker: Mosquitto) -> None:
    await publish(broker, MODE, "now", user="reader")
    assert "Denied" in broker.log


async def test_a_controller_sets_and_gets_its_answer(
    broker: Mosquitto, recorder: Recorder, evcc: Evcc, bridge: None
) -> None:
    async with Requester(broker, user="controller", response_topic="evcc-answers/panel") as panel:
        answer = json.loads(await panel.ask(f"{MODE}/set", "now"))
        assert answer["status"] == "ok"
        asked = json.loads(await panel.ask("evcc/bridge/request/state", '{"jq": ".siteTitle"}'))
        assert asked["status"] == "ok"
    await recorder.value(MODE, "now")
    assert evcc.get("loadpoints.0.mode") == "now"


REFUSED = {
    "reader": (f"{MODE}/set", MODE, "evcc/bridge/request/refresh"),
    "controller": (MODE, "evcc/status"),
}


@pytest.mark.parametrize("user", REFUSED)
async def test_what_one_may_not_do_has_no_effect(
    broker: Mosquitto, recorder: Recorder, evcc: Evcc, bridge: None, user: str
) -> None:
    before = evcc.get("loadpoints.0.mode")
    for topic in REFUSED[user]:
        await publish(broker, topic, "forbidden", user=user, retain=True)
    await publish(broker, "evcc/loadpoints/2/mode/set", "now", user="controller")  # one that works, afterwards
    await recorder.message("evcc/loadpoints/2/mode/result")
    assert not any(record.payload == b"forbidden" for record in recorder.records)
    assert evcc.get("loadpoints.0.mode") == before
