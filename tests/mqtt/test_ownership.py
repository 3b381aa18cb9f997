from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt import ownership as module
from bridge.mqtt.ownership import PUBLISHED, DiscoveryOwnership, TreeOwnership
from bridge.state.known import KEYS
from bridge.state.names import KEPT_BACK, SCOPES
from tests.contract.recordings import own_topics
from tests.mqtt.fakes import FakeReader

_STATE = {"version": "1", "loadpoints": [{}, {}], "vehicles": {"zoe:old": {}, "a/b": {}}}


def is_ours(topic: str, published: Iterable[str]) -> bool:
    """Whether a topic is the bridge's, which remembers to have published some."""
    ownership = TreeOwnership(FakeReader.of(_STATE).reader)
    ownership.remember(published)
    return ownership.is_ours(topic)


@pytest.mark.parametrize("topic", ["vehicles/bike/title", "loadpoints/3/mode", "loadpoints/12/charger/home-made"])
def test_what_evcc_does_not_list_is_erased_at_once(topic: str) -> None:
    assert TreeOwnership(FakeReader.of(_STATE).reader).erasable(topic)
    assert not TreeOwnership(FakeReader.of(_STATE).reader).erasable(f"{topic}/set")


def test_nothing_is_erased_before_evcc_has_answered_but_an_old_problem() -> None:
    ownership = TreeOwnership(FakeReader(settled=True).reader)
    assert not ownership.erasable("vehicles/bike/title")
    assert not ownership.erasable("site/gridPower")
    assert ownership.erasable("bridge/problem")


def test_a_leaf_is_erased_once_evcc_is_settled_and_what_is_read_by_itself_once_it_has_been() -> None:
    reader = FakeReader.of(_STATE)
    ownership = TreeOwnership(reader.reader)
    ownership.remember(["tariffs/grid/now", "sessions", "loadpoints/1/planDetails"])
    filters = ("tariffs/#", "sessions/#", "loadpoints/+/planDetails")
    for topic_filter in filters:
        ownership.wait(topic_filter)
    assert not ownership.erasable("site/gridPower")
    reader.settled = True
    assert ownership.erasable("site/gridPower")
    assert not ownership.is_final
    topics = ("tariffs/grid/now", "sessions", "loadpoints/1/planDetails")
    assert not any(map(ownership.erasable, topics))
    for topic, topic_filter in zip(topics, filters, strict=True):
        ownership.known(topic_filter)
        assert ownership.erasable(topic)
    assert ownership.is_final


@pytest.mark.parametrize(
    ("payload", "names"),
    [(b"", []), (b"x", []), (b"{}", []), (b"5", []), (b'["a",5,null,"b"]', ["a", "b"]), (b"\xff", [])],
)
def test_the_list_of_an_earlier_run_may_be_anybodys(payload: bytes, names: list[str]) -> None:
    assert module._names(payload) == names


def test_the_list_of_an_earlier_run_is_kept_until_evcc_is_known() -> None:
    ownership = TreeOwnership(FakeReader.of(_STATE).reader)
    earlier = [f"loadpoints/{number}/own" for number in range(5000)]
    assert ownership.learn(orjson.dumps(earlier))
    assert not ownership.learn(orjson.dumps(earlier))
    assert ownership.is_ours("loadpoints/4999/own")
    assert not ownership.remember([PUBLISHED])


def test_names_of_long_ago_are_forgotten_when_they_are_many() -> None:
    ownership = TreeOwnership(FakeReader.of(_STATE).reader)
    for number in range(2000):
        topic = f"site/own/{number}/mine"
        ownership.remember([topic])
        ownership.shorten([topic], ["site/orphan"])
    assert len(orjson.loads(ownership.payload())) < 1000
    assert ownership.is_ours("site/own/1999/mine")


def test_configurations_of_this_root_made_by_the_bridge() -> None:
    reader = FakeReader.of(_STATE)
    ownership = DiscoveryOwnership("home/evcc", reader.reader)
    topic = ownership.filter.replace("+", "sensor", 1).replace("+", "site_power")
    made = orjson.dumps({"origin": {"name": "evcc-mqtt-bridge"}})
    assert ownership.is_kept(topic, made)
    assert not ownership.is_kept(topic, b'{"origin":{"name":"zigbee2mqtt"}}')
    assert not ownership.is_kept(topic, b"no JSON")
    assert not ownership.is_kept("sensor/other/site_power/config", made)
    reader.settled = True
    assert not ownership.erasable(topic)
    ownership.known()
    assert ownership.erasable(topic)


@pytest.mark.parametrize(
    "topic",
    [
        "loadpoints/1/vehicleSoC",
        "loadpoints/1/targetTime",
        "loadpoints/1/chargeCurrents/l1",
        "loadpoints/1/mode",
        "vehicles/zoe:old/plan/soc",
        "vehicles/zoe:old/repeatingPlans/1/weekdays/3",
        "site/batterySoC",
        "site/gridPower",
        "site/pv/1/power",
        "site/battery/devices/2/soc",
        "site/statistics/365d/avgCo2",
        "bridge/evcc",
        "bridge/info",
        "bridge/problem",
        "bridge/published",
        "site/eebus/config/certificate/private",
        "site/mqtt/broker",
        "site/releaseNotes",
    ],
)
def test_leaves_that_evcc_or_the_bridge_is_known_to_use(topic: str) -> None:
    assert is_ours(topic, ())


@pytest.mark.parametrize(
    "topic",
    [
        "loadpoints/1/charger/power",
        "loadpoints/1/charger/enable",
        "loadpoints/1/charger/mode",
        "loadpoints/1/my/own",
        "loadpoints/1/mode/set",
        "loadpoints/1/mode/mine",
        "site/mine",
        "site/gridPower/smoothed",
        "site",
        "status",
        "updated",
        "other/site/gridPower",
        "",
        "tariffs/grid/now",
        "jq/house",
        "bridge/command",
        "bridge/request/state",
        "bridge/other",
    ],
)
def test_all_else_is_somebodys(topic: str) -> None:
    assert not is_ours(topic, ())


@pytest.mark.parametrize(
    "topic", ["loadpoints/1/charger/power", "site/mine", "tariffs/grid/now", "jq/house", "by-title/a"]
)
def test_what_the_bridge_remembers_to_have_published_is_its_own(topic: str) -> None:
    assert is_ours(topic, {topic})


@pytest.mark.parametrize(
    "topic", ["other/x", "status", "updated", "mode/set", "loadpoints/1/mode/set", "bridge/command"]
)
def test_but_never_outside_its_scopes_nor_a_command(topic: str) -> None:
    assert not is_ours(topic, {topic})


@pytest.mark.parametrize("recording", ["0.131.4", "0.313.2", "0.131.4-demo", "0.313.2-demo", "0.314.0-dev"])
def test_all_that_evccs_own_mqtt_left_behind_is_known(recording: str) -> None:
    left = [topic for topic in own_topics(recording) if topic.count("/") and not is_ours(topic, ())]

    assert left == []


@given(
    st.text() | st.lists(st.sampled_from(["vehicles", "loadpoints", "1", "7", "mode", "set"])).map("/".join),
    st.dictionaries(st.text(), st.just({"title": "car"})),
)
def test_nothing_outside_the_scopes_is_erased(topic: str, vehicles: dict[str, Any]) -> None:
    reader = FakeReader.of({**_STATE, "vehicles": vehicles}, settled=True)
    ownership = TreeOwnership(reader.reader)
    ownership.remember([topic])
    if ownership.erasable(topic):
        assert topic.split("/", maxsplit=1)[0] in SCOPES
        assert not topic.endswith("/set")


def test_what_is_kept_back_is_evccs_own_where_its_mqtt_has_left_it() -> None:
    assert {name.partition("/")[0] for name in KEPT_BACK} <= KEYS["site"]
