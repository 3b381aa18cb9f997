from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.state.flatten import flatten
from bridge.state.names import is_secret
from tests.state.documents import VALUES

_SLOT = {"start": "2026-11-25T12:00:00Z", "end": "2026-11-25T13:00:00Z", "value": 0.25}


def _nested(prefix: str, value: Any) -> dict[str, str]:
    return {topic: payload.decode() for topic, payload in flatten(prefix, value).items()}


@pytest.mark.parametrize(
    ("prefix", "value", "topics"),
    [
        ("site/pvPower", 4500.4, {"site/pvPower": "4500.4"}),
        ("site/grid", {"power": 1, "currents": [1.5, 2]}, {
            "site/grid/power": "1", "site/grid/currents": "2",
            "site/grid/currents/1": "1.5", "site/grid/currents/2": "2",
        }),
        ("site/pv", [{"power": 1}, {"power": 2}], {"site/pv": "2", "site/pv/1/power": "1", "site/pv/2/power": "2"}),
        ("site/aux", [], {"site/aux": "0"}),
        ("site/x", {}, {}),
        ("site/x", ["a", None], {"site/x": "2", "site/x/1": "a", "site/x/2": ""}),
        ("site/x", [[1, "a"]], {"site/x": "1", "site/x/1": "2", "site/x/1/1": "1", "site/x/1/2": "a"}),
        ("site/a", {"b/c": 1, "+": 2}, {"site/a/b%2Fc": "1", "site/a/%2B": "2"}),
        ("site", {"": 1}, {"site/": "1"}),
    ],
)  # fmt: skip
def test_objects_and_lists(prefix: str, value: Any, topics: dict[str, str]) -> None:
    assert _nested(prefix, value) == topics


@pytest.mark.parametrize("prefix", ["site/gridCurrents", "loadpoints/1/chargeCurrents", "loadpoints/12/chargeVoltages"])
def test_three_numbers_are_phases(prefix: str) -> None:
    assert _nested(prefix, [6, 6.1, 5.9]) == {
        prefix: "18",
        f"{prefix}/l1": "6",
        f"{prefix}/l2": "6.1",
        f"{prefix}/l3": "5.9",
    }


@pytest.mark.parametrize(
    ("prefix", "value"),
    [
        ("site/grid/currents", [1, 2, 3]),
        ("loadpoints/1/x/y", [1, 2, 3]),
        ("vehicles/zoe/numbers", [1, 2, 3]),
        ("site/two", [1, 2]),
        ("site/four", [1, 2, 3, 4]),
        ("site/mixed", [1, 2, "3"]),
        ("site/nulls", [1, 2, None]),
        ("site/booleans", [True, True, True]),
    ],
)
def test_other_lists_are_no_phases(prefix: str, value: list[Any]) -> None:
    topics = _nested(prefix, value)

    assert topics[prefix] == str(len(value))
    assert set(topics) == {prefix, *(f"{prefix}/{number}" for number in range(1, len(value) + 1))}


def test_the_sum_of_phases_is_exact_for_whole_numbers() -> None:
    assert flatten("site/x", [2**63, 2**63, 1])["site/x"] == str(2**64 + 1).encode()


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([4.333, 4.333, 4.333], "13"),  # as /ws rounds it
        ([4.333333333] * 3, "13"),  # as REST has it
        ([4.167] * 3, "12.5"),
        ([6.035] * 3, "18.105"),
        ([4.333, 4.333, 4.4], "13.066"),
        ([0.001, 0, 0], "0.001"),
    ],
)
def test_thirds_that_are_rounded_add_up(values: list[float], total: str) -> None:
    assert flatten("loadpoints/1/chargeCurrents", values)["loadpoints/1/chargeCurrents"] == total.encode()


def test_the_optimizers_request_and_result_are_one_topic() -> None:
    value = {"req": {"batteries": [{"s_init": 1, "token": "geheim"}]}, "res": {"status": "Optimal"}}

    assert _nested("site/evopt", value) == {
        "site/evopt": '{"req":{"batteries":[{"s_init":1}]},"res":{"status":"Optimal"}}'
    }
    assert _nested("site/evopt", None) == {"site/evopt": ""}
    assert _nested("site/evopt-batteries", [{"name": "a"}]) == {
        "site/evopt-batteries": "1",
        "site/evopt-batteries/1/name": "a",
    }


def test_keys_that_are_too_long_are_left_out() -> None:
    assert _nested("site/x", {"y" * 257: 1, "z": 2}) == {"site/x/z": "2"}


def test_a_value_has_a_bounded_number_of_topics() -> None:
    assert len(flatten("site/x", dict.fromkeys(map(str, range(100_000)), 1))) == 20_000


def test_a_sum_that_is_no_number_erases() -> None:
    assert flatten("site/x", [1e308, 1e308, 1e308])["site/x"] == b""


@pytest.mark.parametrize("prefix", ["site/forecast/grid", "loadpoints/1/plan", "site/anything", "vehicles/zoe/x"])
@pytest.mark.parametrize("value", [[_SLOT], [{"ts": 1, "val": 2}], [[1795608000, 0.25], [1795611600, 0.3, 1]]])
def test_a_series_is_one_topic(prefix: str, value: Any) -> None:
    assert list(flatten(prefix, value)) == [prefix]
    assert orjson.loads(flatten(prefix, value)[prefix]) == value


@pytest.mark.parametrize("prefix", ["site/forecast/grid", "site/forecast/solar", "loadpoints/2/plan"])
def test_an_empty_series_is_one_too(prefix: str) -> None:
    assert _nested(prefix, []) == {prefix: "[]"}


@pytest.mark.parametrize(
    ("prefix", "payload"),
    [
        ("loadpoints/1/plan", "null"),
        ("vehicles/zoe/repeatingPlans", "0"),
        ("vehicles/zoe/features", "0"),
        ("vehicles/zoe/plan", ""),
        ("loadpoints/1/planTime", ""),
        ("site/plan", ""),
        ("site/repeatingPlans", ""),
    ],
)
def test_null(prefix: str, payload: str) -> None:
    assert _nested(prefix, None) == {prefix: payload}


@pytest.mark.parametrize(
    ("value", "topics"),
    [
        ({"feedin": [_SLOT]}, {"site/forecast/feedIn"}),
        ({"solar": {"today": {"energy": 1}}}, {"site/forecast/solar/today/yield"}),
    ],
)
def test_evccs_odd_names(value: Any, topics: set[str]) -> None:
    assert flatten("site/forecast", value).keys() == topics


def test_secrets_are_left_out_wherever_they_are() -> None:
    value = {"password": 1, "a": [{"apiToken": 2, "b": {"clientSecret": {"c": 3}, "privateKey": 4, "CERTIFICATE": 5}}]}

    assert _nested("site/x", value) == {"site/x/a": "1"}


def test_a_series_does_not_tell_the_secrets_in_it() -> None:
    topics = flatten("site/x", [{**_SLOT, "token": "geheim"}])

    assert b"geheim" not in b"".join(topics.values())


def test_the_first_of_two_sources_has_the_topic() -> None:
    assert _nested("site/x", {"a/b": 1, "a%2Fb": 2}) == {"site/x/a%2Fb": "1"}


@given(st.sampled_from(["site", "site/x", "loadpoints/1", "loadpoints/1/plan", "vehicles/zoe", "x"]), VALUES)
def test_any_value_gives_topics_at_and_below_the_prefix(prefix: str, value: Any) -> None:
    for topic, payload in flatten(prefix, value).items():
        assert topic == prefix or topic.startswith(f"{prefix}/")
        assert isinstance(payload, bytes)
        assert not any(char in topic for char in "+#\0")
        assert not any(map(is_secret, topic.removeprefix(prefix).split("/")))


def test_as_deep_as_it_is_read() -> None:
    lists: Any = 1
    objects: Any = 1
    for _ in range(250):
        lists, objects = [lists], {"a": objects}

    assert flatten("site/x", lists)["site/x" + "/1" * 250] == b"1"
    assert flatten("site/x", objects) == {"site/x" + "/a" * 250: b"1"}
