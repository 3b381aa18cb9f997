from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Invalid
from bridge.evcc.document import Document, State, fatal, heal, leaves, merge, missing, parse
from bridge.state.payload import is_series
from bridge.state.tree import Tree
from bridge.state.units import changed
from tests.contract.recordings import ERAS, state_body
from tests.state.documents import DOCUMENTS, KEYS, VALUES
from tests.state.whole import bring, whole


def _loadpoint(**more: Any) -> dict[str, Any]:
    return {**{f"value{number}": number for number in range(12)}, "mode": "pv", "soc": 40.5, "enabled": True, **more}


def _state(loadpoints: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "version": "0.313.2",
        "interval": 10,
        "loadpoints": [_loadpoint() for _ in range(loadpoints)],
        "vehicles": {"zoe": {"minSoc": 20, "plan": {"soc": 80}}, "bike": {"minSoc": 0}},
        "pvPower": 4500.4,
        **more,
    }


def _known(state: State, grace: float | None = None) -> Document:
    document = Document(grace)
    document.replace(state, 0.0)
    return document


# reading


@pytest.mark.parametrize("era", ERAS)
def test_recorded_states_are_read(era: str) -> None:
    assert parse(state_body(era))["version"] == era


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (b'{"version":"1"}', {"version": "1"}),
        (b'{"result":{"version":"1"}}', {"version": "1"}),
        (b'{"siteTitle":"","x":null}', {"siteTitle": "", "x": None}),
        (b'{"loadpoints":[]}', {"loadpoints": []}),
        (b'{"version":"1","loadpoints":null,"vehicles":null}', {"version": "1"}),
        (b'{"version":"1","version":"2"}', {"version": "2"}),
    ],
)
def test_states(body: bytes, state: State) -> None:
    assert parse(body) == state


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"true",
        b"5",
        b'"state"',
        b"[]",
        b"{}",
        b'{"result":null}',
        b'{"result":[]}',
        b'{"result":{}}',
        b'{"loadpoints":null}',
        b'{"error":"no"}',
        b'{"loadpoints":{}}',
        b'{"version":"1","loadpoints":5}',
        b'{"version":"1","loadpoints":"x"}',
        b"<html></html>",
        b'{"version":"1"',
        b'{"version":"1"} x',
        b'{"version":"\xff"}',
        b'{"version":"1","x":NaN}',
        b'{"version":"1","x":Infinity}',
        b'{"version":"1","x":1e400}',
        b'{"version":"\\ud800"}',
        b'{"version":"1","x":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"version":"1","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b"\0" * 100,
    ],
)
def test_what_is_no_state(body: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        parse(body)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.one_of(st.binary(), DOCUMENTS.map(orjson.dumps), VALUES.map(orjson.dumps)))
def test_any_body_is_a_state_or_none(body: bytes) -> None:
    try:
        state = parse(body)
    except Invalid:
        return
    assert state.get("loadpoints", []) == [] or isinstance(state["loadpoints"], list)
    Document().replace(state, 0.0)
    whole(state)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, None),
        ([], None),
        ("", None),
        ({}, None),
        ([{}], None),
        ("broken", "broken"),
        ({"class": "meter", "error": "x"}, "meter x"),
        ([{"class": "meter", "device": "grid", "error": "timeout"}, {"error": "b"}], "meter grid timeout; b"),
        (5, "5"),
        ([{"class": "mqtt", "error": "cannot connect tcp://me:pass@host"}], "mqtt cannot connect tcp://***@host"),
        ({"error": {"at": "http://me:pa/ss@host", "password": "pass"}}, '{"at":"http://***@host"}'),
    ],
)
def test_fatal(value: Any, reason: str | None) -> None:
    assert fatal(parse(orjson.dumps({"version": "1", "fatal": value}))) == reason


@given(VALUES)
def test_any_fatal_is_one_line_or_none(value: Any) -> None:
    reason = fatal({"fatal": value})

    assert reason is None or (reason and "\n" not in reason)


# comparing


@pytest.mark.parametrize(
    ("known", "new", "count"),
    [
        ({}, {}, 0),
        ({"a": 1}, {}, 1),
        ({"a": 1}, {"a": None}, 0),
        ({"a": None}, {}, 0),
        ({"a": {"b": 1}}, {"a": None}, 1),
        ({"a": [{"b": 1}]}, {"a": None}, 1),
        ({"a": {"b": 1, "c": None, "d": [1, 2]}}, {}, 2),
        ({"a": {"b": 1}}, {"a": 5}, 1),
        ({"a": [{"b": 1}, {"b": 1, "c": 2}]}, {"a": [{}]}, 3),
        ({"a": [1, 2, 3]}, {"a": []}, 0),
        ({"plan": [{"start": 1, "end": 2}]}, {"plan": []}, 0),
        ({"a": 1}, {"a": 2, "b": 3}, 0),
    ],
)
def test_missing(known: Any, new: Any, count: int) -> None:
    assert missing(known, new) == count


@pytest.mark.parametrize(
    ("known", "new", "merged"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": {"b": 1}}, {"a": None}, {"a": {"b": 1}}),
        ({"a": [{"b": 1}]}, {"a": None}, {"a": [{"b": 1}]}),
        ({"a": [{"b": 1}]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"c": 3}]}, {"a": [{"b": 1, "c": 3}, {"b": 2}]}),
        ({"a": [{"b": 1}]}, {"a": [{"c": 3}, {"c": 4}]}, {"a": [{"b": 1, "c": 3}, {"c": 4}]}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [{"start": 1, "end": 2}]}, {"a": []}, {"a": []}),
    ],
)
def test_merge(known: Any, new: Any, merged: Any) -> None:
    assert merge(known, new) == merged


@pytest.mark.parametrize(
    ("known", "new", "healed"),
    [
        (1, 2.5, 2.5),
        (1, "2", 1),
        (1, True, 1),
        (True, 0, True),
        (True, False, False),
        (1, None, None),
        (1, [1], 1),
        ("a", 1, 1),
        (None, "a", "a"),
        ({"a": 1, "b": "x"}, {"a": "1", "b": 5, "c": 2}, {"a": 1, "b": 5, "c": 2}),
        ([{"a": 1}, {"a": 2}], [{"a": "x"}], [{"a": 1}]),
        ([{"a": 1}], [{"a": 2}, {"a": "x"}], [{"a": 2}, {"a": "x"}]),
        ({"a": 1}, "x", {"a": 1}),
        ({"a": 1}, 5, {"a": 1}),
        ({"a": 1}, [], {"a": 1}),
        ({"a": 1}, None, None),
        ([{"a": 1}], "x", [{"a": 1}]),
        ([{"a": 1}], {"0": 1}, [{"a": 1}]),
        ([{"a": 1}], None, None),
        ([{"a": 1}], [5], [{"a": 1}]),
        ([6, 6.1, 5.9], ["a", "b", "c"], [6, 6.1, 5.9]),
        ([6, 6.1, 5.9], [1, 2], [1, 2]),
        ([6, 6.1, 5.9], "x", [6, 6.1, 5.9]),
        ([], "x", "x"),
    ],
)
def test_heal(known: Any, new: Any, healed: Any) -> None:
    assert heal(known, new) == healed


@given(VALUES, st.randoms(use_true_random=False))
def test_a_merge_fills_every_hole(known: Any, random: Random) -> None:
    holed = _holed(known, random)
    one, other = deepcopy(known), deepcopy(holed)

    assert merge(known, holed) == known
    assert (known, holed) == (one, other)
    assert missing(known, holed) == leaves(known) - leaves(holed)


def _holed(value: Any, random: Random) -> Any:
    """`value` as an evcc that starts has it: without some of its keys and devices."""
    if isinstance(value, dict):
        return {key: _holed(child, random) for key, child in value.items() if random.random() < 0.7}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value) and not is_series(value):
        return [_holed(item, random) for item in value[: random.randint(1, len(value))]]
    return value


@given(VALUES)
def test_a_value_lacks_nothing_of_itself(value: Any) -> None:
    assert missing(value, value) == 0
    assert merge(value, value) == value
    assert heal(value, value) == value
    assert missing({"a": value}, {}) == leaves(value)


@given(VALUES, VALUES)
def test_what_is_healed_once_is_healed(known: Any, new: Any) -> None:
    healed = heal(known, new)

    assert heal(known, healed) == healed


# full documents


def test_a_running_evcc_is_believed_at_once() -> None:
    document = _known(_state())
    state = _state()
    del state["vehicles"]["zoe"]["plan"], state["pvPower"]
    document.replace(state, 10.0)

    assert document.state == state
    assert not document.starting


def test_a_loadpoint_that_was_taken_away_is_gone_at_once() -> None:
    document = _known(_state(3))
    document.replace(_state(2), 10.0)

    assert document.state == _state(2)


def test_as_long_as_evcc_starts_nothing_known_is_gone() -> None:
    document = _known(_state())
    document.suspect()
    document.replace({"version": "0.313.2", "interval": 10, "loadpoints": [{"mode": "off"}]}, 10.0)

    assert document.starting
    assert document.state == {**_state(), "loadpoints": [_loadpoint(mode="off"), _loadpoint()]}


def test_evcc_has_started_when_nothing_known_is_missing() -> None:
    document = _known(_state())
    document.suspect()
    document.replace(_state(new=1), 10.0)

    assert not document.starting
    assert document.state == _state(new=1)


def test_null_is_not_missing() -> None:
    document = _known(_state())
    document.suspect()
    document.replace(_state(pvPower=None), 10.0)

    assert not document.starting


@pytest.mark.parametrize(("grace", "seconds"), [(None, 40.0), (7.0, 7.0), (0.0, 0.0)])
def test_the_grace_period_ends(grace: float | None, seconds: float) -> None:
    document = _known(_state(), grace)
    less = _state()
    del less["pvPower"]
    document.suspect()
    document.replace(less, 100.0)
    if seconds:
        assert document.state == _state()
        document.replace(less, 100.0 + seconds - 0.01)
        assert document.state == _state()
    document.replace(less, 100.0 + seconds)

    assert document.state == less
    assert not document.starting


def test_a_second_restart_has_a_grace_period_of_its_own() -> None:
    document = _known(_state())
    less = _state()
    del less["pvPower"]
    document.suspect()
    document.replace(less, 100.0)
    document.suspect()
    document.replace(less, 139.0)
    document.replace(less, 178.0)

    assert document.state == _state()


@pytest.mark.parametrize(
    "lost",
    [
        {"loadpoints": [{"mode": "pv"}, _loadpoint()]},
        {"loadpoints": [{"mode": "pv"}]},
        {"loadpoints": []},
        {"loadpoints": [None, None]},
        {"loadpoints": [None]},
    ],
)
def test_a_restart_between_two_polls_shows_in_many_values_missing_at_once(lost: State) -> None:
    document = _known(_state())
    document.replace({**_state(), **lost}, 10.0)

    assert document.starting
    assert document.state == _state()


def test_a_house_without_loadpoints_or_vehicles_is_one_that_starts() -> None:
    document = _known(_state())
    document.replace({"version": "0.313.2"}, 10.0)

    assert document.starting
    assert document.state == _state()


def test_few_values_missing_are_gone() -> None:
    document = _known(_state())
    fewer = {key: value for key, value in _loadpoint().items() if key not in {"soc", "mode"}}
    document.replace({**_state(), "loadpoints": [fewer, _loadpoint()]}, 10.0)

    assert not document.starting
    assert document.state["loadpoints"][0] == fewer


def test_the_last_vehicle_deleted_is_gone() -> None:
    document = _known(_state())
    document.replace(_state(vehicles={}), 10.0)

    assert document.state["vehicles"] == {}


def test_nothing_is_suspected_before_anything_is_known() -> None:
    document = Document()
    document.suspect()

    assert not document.starting


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [(4, 4.0), (0.5, 0.5), (None, 30.0), (0, 30.0), (-5, 30.0), (True, 30.0), ("4", 30.0), (1e300, 30.0), ([], 30.0)],
)
def test_evccs_interval(interval: Any, seconds: float) -> None:
    document = _known({"loadpoints": [{}], "interval": interval})

    assert document.interval == seconds
    assert document.grace == 3 * seconds


def test_wrong_types_are_not_believed_and_named() -> None:
    document = _known(_state())
    wrong = {"pvPower": "much", "loadpoints": [_loadpoint(soc="x", mode="off"), _loadpoint()]}
    document.replace({**_state(), **wrong}, 10.0)

    assert document.state == {**_state(), "loadpoints": [_loadpoint(mode="off"), _loadpoint()]}
    assert sorted(document.disbelieved) == ["loadpoints", "pvPower"]
    document.replace(_state(), 20.0)
    assert document.disbelieved == []


@pytest.mark.parametrize("wrong", [{"vehicles": "x"}, {"vehicles": []}, {"vehicles": 5}, {"loadpoints": [5, "x"]}])
def test_a_house_of_another_shape_is_not_believed(wrong: State) -> None:
    document = _known(_state())
    document.replace({**_state(), **wrong}, 10.0)

    assert document.state == _state()


def test_another_version_may_have_other_types() -> None:
    document = _known(_state())
    document.replace(_state(pvPower="x"), 10.0)
    document.replace(_state(pvPower="much", version="0.314.0"), 20.0)

    assert document.state["pvPower"] == "much"
    assert document.disbelieved == []


def test_a_frame_before_the_first_full_document_of_another_version_may_have_other_types_too() -> None:
    document = _known(_state())
    document.suspect()
    list(document.apply({"version": "0.314.0", "pvPower": "much"}))
    document.replace(_state(pvPower="much", version="0.314.0"), 10.0)

    assert document.state["pvPower"] == "much"


def test_another_version_may_have_other_types_until_it_is_complete() -> None:
    document = _known(_state())
    new = _state(pvPower="much", version="0.314.0")
    document.suspect()
    document.replace({key: value for key, value in new.items() if key != "pvPower"}, 10.0)
    document.replace(new, 20.0)
    assert document.state["pvPower"] == "much"

    document.replace({**new, "interval": "long"}, 30.0)
    assert document.disbelieved == ["interval"]


# push frames


@pytest.mark.parametrize(
    ("frame", "units"),
    [
        ({"pvPower": 1}, {"site/pvPower": {"pvPower": 1}}),
        ({"loadpoints.1.mode": "now"}, {"loadpoints/2/mode": {"mode": "now"}}),
        ({"forecast.solar": {"a": 1}}, {"site/forecast/solar": {"solar": {"a": 1}}}),
        ({"new": None}, {}),
        ({"a.b.c": 1}, {"site/a": {"a": {"b": {"c": 1}}}}),
        ({"": 1}, {"site/": {"": 1}}),
        ({}, {}),
        ({"pvPower": 4500.4, "loadpoints.0.soc": 40.5}, {}),
        ({"loadpoints.0.plan.x": 1}, {"loadpoints/1/plan": {"plan": {"x": 1}}}),
    ],
)
def test_a_frame_touches_its_own_units(frame: State, units: dict[str, Any]) -> None:
    assert dict(_known(_state(forecast={"solar": {"a": 0}, "grid": []})).apply(frame)) == units


def test_vehicles_come_whole() -> None:
    document = _known(_state())

    assert dict(document.apply({"vehicles": {"bike": {"minSoc": 0}}})) == {"vehicles": 1, "vehicles/zoe": None}
    assert document.state["vehicles"] == {"bike": {"minSoc": 0}}


@pytest.mark.parametrize(
    "frame",
    [
        {"loadpoints.2.mode": "pv"},
        {"loadpoints.99999999.mode": "pv"},
        {"loadpoints." + "9" * 5000 + ".mode": "pv"},
        {"loadpoints.-1.mode": "pv"},
        {"loadpoints.x.mode": "pv"},
        {"loadpoints..mode": "pv"},
        {"loadpoints.²": 1},
        {"pvPower.x": 1},
        {"pvPower": "much"},
        {"pvPower": {"x": 1}},
        {"loadpoints.0.soc": "x"},
        {"loadpoints.0.soc.x": 1},
        {"loadpoints.0": 5},
        {"loadpoints.0": []},
        {"loadpoints.0": None},
        {"loadpoints": []},
        {"loadpoints": None},
        {"loadpoints": 5},
        {"loadpoints": {"0": {}}},
        {"vehicles": None},
        {"vehicles": []},
        {"vehicles": "x"},
        {"." * 2000: 1},
        {"a" + ".a" * 2000: 1},
        {"loadpoints.0" + ".a" * 2000: 1},
    ],
    ids=lambda frame: next(iter(frame))[:30],
)
def test_frames_that_cannot_be_meant_change_nothing(frame: State) -> None:
    document = _known(_state())

    assert list(document.apply(frame)) == []
    assert document.state == _state()


@pytest.mark.parametrize("loadpoints", [None, [], [5], ["x"], [None], [[]]])
@pytest.mark.parametrize("path", ["loadpoints.0.mode", "loadpoints.0.plan.x", "loadpoints.x.mode", "loadpoints.0"])
def test_frames_for_loadpoints_that_no_document_has_shown(loadpoints: Any, path: str) -> None:
    document = _known({"version": "1", "loadpoints": loadpoints} if loadpoints is not None else {"version": "1"})
    tree = Tree()
    bring(tree, changed({}, document.state))
    bring(tree, document.apply({path: {"a": 1}}))

    assert {topic: payload.decode() for topic, payload in tree.topics.items()} == whole(document.state)


def test_as_long_as_evcc_starts_frames_take_nothing_away() -> None:
    document = _known(_state())
    document.suspect()
    frame = {"vehicles": {"bike": {"minSoc": 5}}, "loadpoints.0": {"mode": "off"}, "forecast": {}}
    list(document.apply(frame))

    assert document.state["vehicles"] == {"zoe": {"minSoc": 20, "plan": {"soc": 80}}, "bike": {"minSoc": 5}}
    assert document.state["loadpoints"][0] == _loadpoint(mode="off")


_PATHS = st.one_of(
    st.lists(st.one_of(KEYS, st.sampled_from(["loadpoints", "0", "1", "2", "vehicles", "zoe"])), max_size=4).map(
        ".".join
    ),
    st.sampled_from(["loadpoints.0.mode", "loadpoints.0.soc", "loadpoints.1", "vehicles", "loadpoints", "pvPower"]),
)
_FRAMES = st.dictionaries(_PATHS, VALUES, max_size=3)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("frame"), _FRAMES),
        st.tuples(st.just("poll"), st.one_of(DOCUMENTS, DOCUMENTS.map(lambda more: {**_state(), **more}))),
        st.tuples(st.just("suspect"), st.just({})),
    ),
    max_size=6,
)


def _play(document: Document, steps: list[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    """What changes with each step, as the reader takes it."""
    for number, (kind, value) in enumerate(steps):
        if kind == "suspect":
            document.suspect()
        elif kind == "frame":
            yield list(document.apply(value))
        else:
            try:
                new = parse(orjson.dumps(value))
            except Invalid:
                continue
            old = document.state
            document.replace(new, number * 15.0)
            yield list(changed(old, document.state))


@given(_STEPS)
@settings(max_examples=40)
def test_any_polls_and_frames_bring_what_flattening_from_scratch_brings(steps: list[tuple[str, Any]]) -> None:
    document, tree = _known(_state()), Tree()
    bring(tree, changed({}, document.state))
    for changes in _play(document, steps):
        bring(tree, changes)
        assert {topic: payload.decode() for topic, payload in tree.topics.items()} == whole(document.state)


@given(_STEPS)
@settings(max_examples=40)
def test_a_document_is_never_changed_in_place(steps: list[tuple[str, Any]]) -> None:
    document = _known(_state())
    for _ in _play(document, steps):
        state, frozen = document.state, deepcopy(document.state)
        list(document.apply({"loadpoints.0.mode": "other", "pvPower": -1, "vehicles": {}}))
        document.replace({"version": "0.313.2"}, 1000.0)
        assert state == frozen


@given(_STEPS, _FRAMES)
@settings(max_examples=40)
def test_the_same_frame_twice_is_nothing_new(steps: list[tuple[str, Any]], frame: State) -> None:
    document = _known(_state())
    for _ in _play(document, steps):
        pass
    list(document.apply(frame))
    first = document.state
    list(document.apply(frame))
    assert whole(document.state) == whole(first)


@given(st.lists(_FRAMES, max_size=4))
@settings(max_examples=40)
def test_frames_nested_as_deeply_as_they_are_read_are_survived(frames: list[State]) -> None:
    document = _known(_state())
    deep: Any = 1
    for _ in range(250):
        deep = [deep]
    for frame in frames:
        for path in frame:
            list(document.apply({f"{path}.a.b.c": deep}))
            list(document.apply({f"{path}.a.b.c": [deep]}))
    document.replace(_state(), 10.0)
