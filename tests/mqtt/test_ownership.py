from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.state.ghosts import SCOPES, is_ours, is_unlisted
from bridge.state.known import KEYS
from bridge.state.names import KEPT_BACK
from tests.contract.recordings import own_topics
from tests.state.documents import VALUES

_STATE = {"loadpoints": [{}, {}], "vehicles": {"zoe:old": {}, "a/b": {}}}


@pytest.mark.parametrize(
    "topic",
    [
        "vehicles/bike/title",
        "vehicles/bike/plan/soc",
        "vehicles/bike",
        "vehicles/a",
        "vehicles/zoe/title",
        "loadpoints/3/mode",
        "loadpoints/3",
        "loadpoints/0/mode",
        "loadpoints/01/mode",
        "loadpoints/99999999999999999999/mode",
        "loadpoints/12/charger/home-made",
    ],
)
def test_what_lies_below_a_vehicle_or_loadpoint_that_evcc_does_not_list(topic: str) -> None:
    assert is_unlisted(topic, _STATE)


@pytest.mark.parametrize(
    "topic",
    [
        "vehicles/zoe:old/title",
        "vehicles/a%2Fb/title",
        "vehicles",
        "loadpoints",
        "loadpoints/1/mode",
        "loadpoints/2/charger/home-made",
        "loadpoints/charger/x",
        "loadpoints/-1/x",
        "loadpoints/١/x",
        "site/vehicles/bike",
        "tariffs/grid",
        "status",
        "",
    ],
)
def test_what_does_not(topic: str) -> None:
    assert not is_unlisted(topic, _STATE)


@pytest.mark.parametrize("state", [{}, {"vehicles": None, "loadpoints": None}, {"vehicles": [], "loadpoints": {}}])
@pytest.mark.parametrize("topic", ["vehicles/bike/title", "loadpoints/3/mode"])
def test_nothing_is_unlisted_as_long_as_there_is_no_list(topic: str, state: dict[str, Any]) -> None:
    assert not is_unlisted(topic, state)


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


@given(st.text(), st.fixed_dictionaries({"vehicles": VALUES, "loadpoints": VALUES}))
def test_any_topic_is_judged(topic: str, state: dict[str, Any]) -> None:
    if is_ours(topic, {topic}) or is_unlisted(topic, state):
        assert topic.split("/", maxsplit=1)[0] in SCOPES


def test_what_is_kept_back_is_evccs_own_where_its_mqtt_has_left_it() -> None:
    assert {name.partition("/")[0] for name in KEPT_BACK} <= KEYS["site"]
