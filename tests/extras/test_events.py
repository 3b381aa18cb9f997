from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.extras.events import Changes, Event
from tests.extras.recorded import ERAS, state

RESTING = {"title": "Hof", "connected": False, "charging": False, "mode": "pv", "planActive": False, "vehicleName": ""}
CHARGING = RESTING | {"connected": True, "charging": True, "vehicleName": "zoe"}


def house(*loadpoints: Any) -> dict[str, Any]:
    return {"loadpoints": list(loadpoints), "vehicles": {"zoe": {"title": "Zoe"}}}


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def after(*documents: Any) -> list[Event]:
    """The events of the last document, when all were certain."""
    changes = Changes()
    return [changes.observe(document, 0, certain=True) for document in documents][-1]


def test_the_first_document_is_no_news() -> None:
    assert after(house(CHARGING)) == []


def test_a_vehicle_comes_and_charges() -> None:
    connected, started = after(house(RESTING), house(CHARGING))
    assert orjson.loads(connected.payload(1234.9)) == {
        "event": "connected",
        "time": 1234,
        "loadpoint": 1,
        "title": "Hof",
        "vehicle": "Zoe",
    }
    assert started.name == "charge_start"


def test_a_vehicle_leaves_and_is_named_though_it_is_gone() -> None:
    left = after(house(CHARGING), house(RESTING))
    assert names(left) == ["charge_stop", "disconnected", "session_end"]
    assert {event.vehicle for event in left} == {"Zoe"}
    assert left[-1].values == CHARGING


def test_mode_and_plan() -> None:
    plan, mode = after(house(RESTING), house(RESTING | {"mode": "now", "planActive": True}))
    assert (plan.name, mode.name) == ("plan_active", "mode_changed")
    assert orjson.loads(mode.payload(0))["mode"] == "now"


def test_the_old_era_first_tells_of_an_active_plan_when_there_is_one() -> None:
    without = {key: value for key, value in RESTING.items() if key != "planActive"}
    assert names(after(house(without), house(without | {"planActive": True}))) == ["plan_active"]
    assert after(house(without), house(without | {"planActive": False})) == []


@pytest.mark.parametrize(
    ("vehicle", "expected"),
    [
        ({"vehicleTitle": "Blau", "vehicleName": "zoe"}, "Blau"),
        ({"vehicleName": "zoe"}, "Zoe"),
        ({"vehicleName": "other"}, "other"),
        ({"vehicleName": "", "vehicleTitle": ""}, None),
        ({"vehicleName": None}, None),
    ],
)
def test_the_vehicle_is_named_as_well_as_it_is_known(vehicle: dict[str, Any], expected: str | None) -> None:
    there = {key: value for key, value in CHARGING.items() if key != "vehicleName"} | vehicle
    (event, *_) = after(house(RESTING), house(there))
    assert event.vehicle == expected


def pushed(*frames: tuple[float, dict[str, Any]]) -> list[Event]:
    """The events at a loadpoint that charges, from push frames, each with its time in seconds."""
    changes, loadpoint, events = Changes(), dict(CHARGING), []
    for now, frame in frames:
        loadpoint |= frame
        events += changes.observe(house(dict(loadpoint)), now, certain=True)
    return events


@given(
    st.permutations([{"vehicleName": ""}, {"vehicleTitle": ""}, {"charging": False}, {"connected": False}]),
    st.sampled_from(["", "bike"]),
    st.floats(0, 1),
)
def test_the_vehicle_that_left_is_named_in_whatever_order_evcc_says_so(
    frames: list[dict[str, Any]], follower: str, seconds: float
) -> None:
    """A loadpoint's usual vehicle, or none, takes the place before evcc says that the other is gone."""
    usual = {"vehicleName": follower, "vehicleTitle": follower.title()}
    leaving = [{key: usual.get(key, value) for key, value in frame.items()} for frame in frames]
    moments = [(10 + seconds * number / 4, frame) for number, frame in enumerate(leaving)]
    events = pushed((0, {"vehicleTitle": "Zoe"}), *moments)
    assert sorted(names(events)) == ["charge_stop", "disconnected", "session_end"]
    assert {event.vehicle for event in events} == {"Zoe"}


def test_a_vehicle_that_was_chosen_while_it_stood_there_is_the_one_that_leaves() -> None:
    for chosen, name in (("bike", "bike"), ("", None)):
        gone = {"connected": False, "charging": False}
        events = pushed((0, {}), (10, {"vehicleName": chosen}), (60, gone))
        assert {event.vehicle for event in events} == {name}


def test_a_guest_after_a_known_vehicle_is_not_taken_for_it() -> None:
    away, there = {"connected": False}, {"connected": True}
    events = pushed((0, {"charging": False}), (10, {"vehicleName": "", **away}), (11, there), (12, away))
    assert [event.vehicle for event in events] == ["Zoe", "Zoe", None, None, None]


@pytest.mark.parametrize("key", ["connected", "charging", "mode", "planActive"])
@pytest.mark.parametrize("value", [None, 1, [], {}, "missing"])
def test_a_value_that_is_none_changes_nothing(key: str, value: Any) -> None:
    if isinstance(value, str):
        odd = {name: known for name, known in CHARGING.items() if name != key}
    else:
        odd = CHARGING | {key: value}
    assert after(house(CHARGING), house(odd)) == []
    assert after(house(CHARGING), house(odd), house(CHARGING)) == []


def test_a_change_while_evcc_is_not_certain_is_told_once_afterwards() -> None:
    changes = Changes()
    changes.observe(house(RESTING), 0, certain=True)
    assert changes.observe(house(CHARGING), 0, certain=False) == []
    assert changes.observe(house(), 0, certain=False) == []
    assert names(changes.observe(house(CHARGING), 0, certain=True)) == ["connected", "charge_start"]
    assert changes.observe(house(CHARGING), 0, certain=True) == []


def test_loadpoints_that_changed_their_order_have_done_nothing_else() -> None:
    other = CHARGING | {"title": "Garage", "mode": "now"}
    assert after(house(RESTING, other), house(other, RESTING)) == []


def test_a_title_that_comes_back_does_not_bring_the_past_back() -> None:
    renamed = RESTING | {"title": "Garage", "mode": "now"}
    assert after(house(RESTING), house(renamed), house(renamed | {"title": "Hof"})) == []


@pytest.mark.parametrize("odd", [{}, {"loadpoints": None}, {"loadpoints": "x"}, house(None, 3, [])])
def test_what_is_no_house_is_no_news(odd: dict[str, Any]) -> None:
    assert after(house(CHARGING), odd) == []


def test_evcc_itself_comes_and_goes() -> None:
    changes = Changes()
    said = [changes.evcc(online=online) for online in (False, False, True, True, False, True)]
    assert [names(events) for events in said] == [[], [], ["evcc_online"], [], ["evcc_offline"], ["evcc_online"]]
    assert orjson.loads(said[2][0].payload(5)) == {"event": "evcc_online", "time": 5}


@pytest.mark.parametrize("era", ERAS)
def test_a_recorded_house_that_stands_still_has_no_events(era: str) -> None:
    assert after(state(era), state(era)) == []


loadpoints = st.fixed_dictionaries(
    {"connected": st.booleans(), "charging": st.booleans(), "mode": st.sampled_from(["pv", "now"])},
    optional={"planActive": st.booleans()},
)
certain = loadpoints.map(lambda values: (values, True))
# a starting evcc: anything may be missing, null or not true
uncertain = st.fixed_dictionaries(
    {}, optional={key: st.none() | st.booleans() for key in ("connected", "charging", "mode", "planActive")}
).map(lambda values: (values, False))
KEYS = {"connected": ("connected", "disconnected"), "charging": ("charge_start", "charge_stop")}


@given(st.lists(certain | uncertain, max_size=12))
def test_each_real_change_is_told_exactly_once_and_nothing_else(course: list[tuple[dict[str, Any], bool]]) -> None:
    changes, told = Changes(), []
    for values, sure in course:
        told += names(changes.observe(house({"title": "Hof"} | values), 0, certain=sure))
    real = [values for values, sure in course if sure]
    for key, (rise, fall) in KEYS.items():
        steps = [(one[key], other[key]) for one, other in pairwise(real)]
        assert told.count(rise) == steps.count((False, True))
        assert told.count(fall) == steps.count((True, False))
    modes = [(one["mode"], other["mode"]) for one, other in pairwise(real)]
    assert told.count("mode_changed") == sum(one != other for one, other in modes)
    assert told.count("session_end") == told.count("disconnected")


@given(st.lists(certain, min_size=1, max_size=6), st.data())
def test_gaps_in_what_evcc_says_neither_add_nor_hide_a_change(
    course: list[tuple[dict[str, Any], bool]], data: st.DataObject
) -> None:
    whole, gaps = Changes(), Changes()
    expected, told = [], []
    for values, _ in course:
        expected += names(whole.observe(house({"title": "Hof"} | values), 0, certain=True))
        hidden = data.draw(st.sets(st.sampled_from(["connected", "charging", "mode"])))
        told += names(
            gaps.observe(
                house({"title": "Hof"} | {k: v for k, v in values.items() if k not in hidden}), 0, certain=True
            )
        )
        told += names(gaps.observe(house({"title": "Hof"} | values), 0, certain=True))
    assert sorted(told) == sorted(expected)
