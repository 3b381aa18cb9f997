import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.extras.events import Events
from bridge.extras.sessions import Sessions
from tests.extras.house import FakeHealth, House
from tests.extras.recorded import ERAS, FakeEvcc, reply, state
from tests.virtual import START, in_virtual_time

RESTING = {"title": "Hof", "connected": False, "charging": False, "mode": "pv", "planActive": False, "vehicleName": ""}
CHARGING = RESTING | {"connected": True, "charging": True, "vehicleName": "zoe"}
LEAVING = ["charge_stop", "disconnected", "session_end"]


def house(*loadpoints: dict[str, Any]) -> dict[str, Any]:
    return {"loadpoints": list(loadpoints), "vehicles": {"zoe": {"title": "Zoe"}}}


class Watched(House):
    """The events of a house, whose own figures of sessions are taken."""

    def __init__(self, *loadpoints: dict[str, Any], document: dict[str, Any] | None = None) -> None:
        super().__init__(None, document or house(*loadpoints))
        self.events = Events(self.access.reader, self.access.mirror, None)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.events.run())
        self.events.update(self.first())
        await asyncio.sleep(0)
        yield
        task.cancel()

    def see(self, *loadpoints: dict[str, Any], complete: bool = True) -> None:
        """evcc sends a whole state."""
        self.events.update(self.new(house(*loadpoints), complete=complete))

    def frame(self, values: dict[str, Any], number: int = 1) -> None:
        """evcc pushes some values of a loadpoint."""
        self.events.update(self.loadpoint(number, values))

    def published(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.mirror.all()
        return found


def names(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def after(*states: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events after the last of several states, all complete, each given by its loadpoints."""
    found: list[dict[str, Any]] = []

    async def main() -> None:
        watched = Watched(*states[0])
        async with watched.running():
            for loadpoints in states[1:]:
                watched.published()
                watched.see(*loadpoints)
            await asyncio.sleep(5)
            found.extend(watched.published())

    in_virtual_time(main())
    return found


def pushed(*frames: tuple[float, dict[str, Any]], loadpoint: dict[str, Any] = CHARGING) -> list[dict[str, Any]]:
    """The events that frames bring, each at its time in seconds."""
    found: list[dict[str, Any]] = []

    async def main() -> None:
        watched = Watched(loadpoint)
        async with watched.running():
            for moment, values in frames:
                await asyncio.sleep(moment - asyncio.get_running_loop().time())
                watched.frame(values)
            await asyncio.sleep(5)
            found.extend(watched.published())

    in_virtual_time(main())
    return found


def test_the_first_state_brings_no_event() -> None:
    assert after([CHARGING]) == []


def test_a_vehicle_comes_and_charges() -> None:
    connected, started = after([RESTING], [CHARGING])
    assert connected == {
        "event": "connected",
        "time": int(START),
        "loadpoint": 1,
        "title": "Hof",
        "vehicle": "Zoe",
    }
    assert started["event"] == "charge_start"


def test_a_vehicle_leaves_and_is_named_though_it_is_gone() -> None:
    left = after([CHARGING | {"sessionEnergy": 1500}], [RESTING])
    assert names(left) == LEAVING
    assert {event["vehicle"] for event in left} == {"Zoe"}
    assert left[-1]["energy"] == 1.5


def test_mode_and_plan() -> None:
    plan, mode = after([RESTING], [RESTING | {"mode": "now", "planActive": True}])
    assert (plan["event"], mode["event"], mode["mode"]) == ("plan_active", "mode_changed", "now")


def test_the_old_era_first_sends_an_active_plan_when_there_is_one() -> None:
    without = {key: value for key, value in RESTING.items() if key != "planActive"}
    assert names(after([without], [without | {"planActive": True}])) == ["plan_active"]
    assert after([without], [without | {"planActive": False}]) == []


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
    (event, *_) = after([RESTING], [there])
    assert event["vehicle"] == expected


@given(
    st.permutations([{"vehicleName": ""}, {"vehicleTitle": ""}, {"charging": False}, {"connected": False}]),
    st.sampled_from(["", "bike"]),
    st.floats(0, 0.9),
)
def test_who_leaves_is_named_and_has_stopped_charging_first_in_whatever_order_evcc_sends_it(
    frames: list[dict[str, Any]], follower: str, seconds: float
) -> None:
    """A loadpoint's usual vehicle, or none, takes the place before evcc sends that the other is gone."""
    usual = {"vehicleName": follower, "vehicleTitle": follower.title()}
    leaving = [{key: usual.get(key, value) for key, value in frame.items()} for frame in frames]
    moments = [(10 + seconds * number / 4, frame) for number, frame in enumerate(leaving)]
    events = pushed((0, {"vehicleTitle": "Zoe"}), *moments)
    assert names(events) == LEAVING
    assert {event["vehicle"] for event in events} == {"Zoe"}


@given(st.permutations([{"connected": True}, {"charging": True}]), st.floats(0, 0.9))
def test_a_vehicle_is_connected_before_it_charges(frames: list[dict[str, Any]], seconds: float) -> None:
    events = pushed(*((seconds * number, frame) for number, frame in enumerate(frames)), loadpoint=RESTING)
    assert names(events) == ["connected", "charge_start"]


def test_a_vehicle_that_leaves_without_having_charged_is_published_at_once() -> None:
    async def main() -> None:
        watched = Watched(CHARGING | {"charging": False})
        async with watched.running():
            watched.frame({"connected": False})
            assert names(watched.published()) == ["disconnected", "session_end"]

    in_virtual_time(main())


def test_what_evcc_never_sends_is_not_waited_for_longer_than_a_moment() -> None:
    async def main() -> None:
        watched = Watched(CHARGING)
        async with watched.running():
            watched.frame({"connected": False})
            await asyncio.sleep(0.9)
            assert watched.published() == []
            await asyncio.sleep(0.2)
            assert names(watched.published()) == ["disconnected", "session_end"]
            watched.frame({"mode": "now"})
            await asyncio.sleep(1.1)
            watched.frame({"charging": False})
            assert names(watched.published()) == ["mode_changed", "charge_stop"]

    in_virtual_time(main())


def test_a_charge_that_starts_and_stops_within_a_moment_does_so_in_this_order() -> None:
    events = pushed((0, {"charging": True}), (0.1, {"charging": False}), loadpoint=RESTING)
    assert names(events) == ["charge_start", "charge_stop"]


def test_a_vehicle_that_was_chosen_while_another_was_there_is_the_one_that_leaves() -> None:
    for chosen, name in (("bike", "bike"), ("", None)):
        gone = {"connected": False, "charging": False}
        events = pushed((0, {}), (10, {"vehicleName": chosen}), (60, gone))
        assert {event["vehicle"] for event in events} == {name}


def test_a_guest_after_a_known_vehicle_is_not_taken_for_it() -> None:
    away, there = {"connected": False}, {"connected": True}
    events = pushed((0, {"charging": False}), (10, {"vehicleName": "", **away}), (11, there), (12, away))
    assert [event["vehicle"] for event in events[1:]] == ["Zoe", "Zoe", None, None, None]


@pytest.mark.parametrize("key", ["connected", "charging", "mode", "planActive"])
@pytest.mark.parametrize("value", [None, 1, [], {}, "missing"])
def test_a_value_of_another_type_changes_nothing(key: str, value: Any) -> None:
    if isinstance(value, str):
        odd = {name: known for name, known in CHARGING.items() if name != key}
    else:
        odd = CHARGING | {key: value}
    assert after([CHARGING], [odd]) == []
    assert after([CHARGING], [odd], [CHARGING]) == []


def test_a_change_while_evcc_is_not_complete_is_published_once_afterwards() -> None:
    async def main() -> None:
        watched = Watched(RESTING)
        async with watched.running():
            watched.see(CHARGING, complete=False)
            watched.see(complete=False)
            await asyncio.sleep(5)
            assert watched.published() == []
            watched.see(CHARGING)
            assert names(watched.published()) == ["connected", "charge_start"]
            watched.see(CHARGING)
            assert watched.published() == []

    in_virtual_time(main())


def test_a_change_that_came_before_evcc_was_complete_is_published_when_it_is() -> None:
    async def main() -> None:
        watched = Watched(RESTING)
        async with watched.running():
            watched.see(CHARGING, complete=False)
            watched.events.update(watched.idle())
            assert names(watched.published()) == ["connected", "charge_start"]

    in_virtual_time(main())


def test_loadpoints_that_changed_their_order_have_done_nothing_else() -> None:
    other = CHARGING | {"title": "Garage", "mode": "now"}
    assert after([RESTING, other], [other, RESTING]) == []


def test_a_title_that_comes_back_does_not_bring_the_past_back() -> None:
    renamed = RESTING | {"title": "Garage", "mode": "now"}
    assert after([RESTING], [renamed], [renamed | {"title": "Hof"}]) == []


def test_a_loadpoint_that_comes_or_goes_brings_no_event() -> None:
    assert after([CHARGING], []) == []
    assert after([], [CHARGING]) == []
    assert after([CHARGING, CHARGING], [CHARGING], [CHARGING, RESTING]) == []


def test_evcc_itself_comes_and_goes() -> None:
    async def main() -> None:
        watched = Watched(RESTING)
        async with watched.running():
            found = []
            for online in (True, True, False, True):
                watched.reader.health = FakeHealth(online, "" if online else "refused")
                watched.events.update(watched.idle(complete=online))
                found.append(watched.published())
        assert [names(events) for events in found] == [[], [], ["evcc_offline"], ["evcc_online"]]
        assert found[2] == [{"event": "evcc_offline", "time": int(START)}]

    in_virtual_time(main())


@pytest.mark.parametrize(("reason", "events"), [("", []), ("refused", ["evcc_online"])])
def test_evcc_comes_online_only_after_it_was_seen_offline(reason: str, events: list[str]) -> None:
    async def main() -> None:
        watched = Watched(RESTING)
        watched.reader.health = FakeHealth(fresh=False, reason=reason)
        watched.events.update(watched.idle(complete=False))
        watched.reader.health = FakeHealth()
        watched.events.update(watched.first())
        assert names(watched.published()) == events

    in_virtual_time(main())


@pytest.mark.parametrize("era", ERAS)
def test_a_recorded_house_without_changes_has_no_events(era: str) -> None:
    async def main() -> None:
        watched = Watched(document=state(era))
        async with watched.running():
            watched.events.update(watched.idle(complete=False, restarted=True))
            watched.events.update(watched.new(state(era)))
            await asyncio.sleep(5)
            assert watched.published() == []

    in_virtual_time(main())


async def test_only_loadpoints_that_changed_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(RESTING, RESTING | {"title": "Garage"})
    watched.events.update(watched.first())
    looked: list[int] = []
    monkeypatch.setattr(watched.events, "_observe", lambda number, _: looked.append(number))
    watched.frame({"chargePower": 5}, 2)
    watched.events.update(watched.new(watched.document | {"pvPower": 5}))
    assert looked == []
    watched.frame({"charging": True}, 2)
    assert looked == [2]


loadpoints = st.fixed_dictionaries(
    {"connected": st.booleans(), "charging": st.booleans(), "mode": st.sampled_from(["pv", "now"])},
    optional={"planActive": st.booleans()},
)
complete = loadpoints.map(lambda values: (values, True))
# a starting evcc: anything may be missing, null or not true
starting = st.fixed_dictionaries(
    {}, optional={key: st.none() | st.booleans() for key in ("connected", "charging", "mode", "planActive")}
).map(lambda values: (values, False))
KEYS = {"connected": ("connected", "disconnected"), "charging": ("charge_start", "charge_stop")}


@given(loadpoints, st.lists(complete | starting, max_size=12))
def test_each_real_change_is_published_exactly_once_and_nothing_else(
    first: dict[str, Any], course: list[tuple[dict[str, Any], bool]]
) -> None:
    published: list[str] = []

    async def main() -> None:
        watched = Watched({"title": "Hof"} | first)
        async with watched.running():
            for values, sure in course:
                watched.see({"title": "Hof"} | values, complete=sure)
            await asyncio.sleep(5)
            published.extend(names(watched.published()))

    in_virtual_time(main())
    real = [first, *(values for values, sure in course if sure)]
    for key, (rise, fall) in KEYS.items():
        steps = [(one[key], other[key]) for one, other in pairwise(real)]
        assert published.count(rise) == steps.count((False, True))
        assert published.count(fall) == steps.count((True, False))
        assert [name for name in published if name in {rise, fall}] == [
            rise if after else fall for before, after in steps if before is not after
        ]
    modes = [(one["mode"], other["mode"]) for one, other in pairwise(real)]
    assert published.count("mode_changed") == sum(one != other for one, other in modes)
    assert published.count("session_end") == published.count("disconnected")


@given(st.lists(loadpoints, min_size=1, max_size=6), st.data())
def test_values_that_are_missing_for_a_while_neither_add_nor_hide_a_change(
    course: list[dict[str, Any]], data: st.DataObject
) -> None:
    async def main() -> None:
        whole, gaps = (Watched({"title": "Hof"} | course[0]) for _ in range(2))
        async with whole.running(), gaps.running():
            for values in course[1:]:
                hidden = data.draw(st.sets(st.sampled_from(["connected", "charging", "mode"])))
                whole.see({"title": "Hof"} | values)
                gaps.see({"title": "Hof"} | {key: value for key, value in values.items() if key not in hidden})
                gaps.see({"title": "Hof"} | values)
            await asyncio.sleep(5)
            assert sorted(names(whole.published())) == sorted(names(gaps.published()))

    in_virtual_time(main())


class Charged(House):
    """A house whose evcc has a list of sessions."""

    ROW: dict[str, Any] = {"created": "2026-11-25T09:00:00Z", "loadpoint": "Hof", "chargedEnergy": 5, "price": 1.2}  # noqa: RUF012

    def __init__(self) -> None:
        row = self.ROW | {"chargeDuration": 1800 * 10**9}
        super().__init__(FakeEvcc({"/api/sessions": reply([row])}), house(CHARGING | {"sessionEnergy": 5010}))
        self.events = Events(self.access.reader, self.access.mirror, Sessions(self.access))


def test_the_end_of_a_session_has_the_figures_of_evccs_list() -> None:
    async def main() -> None:
        charged = Charged()
        charged.events.update(charged.first())
        task = asyncio.create_task(charged.events.run())
        charged.events.update(charged.loadpoint(1, {"connected": False, "charging": False}))
        await asyncio.sleep(1)
        end = charged.mirror.all()[-1]
        assert end["event"] == "session_end"
        assert (end["energy"], end["cost"], end["duration"]) == (5, 1.2, 1800)
        task.cancel()

    in_virtual_time(main())


def test_sessions_that_end_as_the_bridge_stops_are_published_with_the_loadpoints_own_figures() -> None:
    async def main() -> None:
        charged = Charged()
        charged.evcc.answers["/api/sessions"] = reply([])
        charged.events.update(charged.first())
        task = asyncio.create_task(charged.events.run())
        for connected in (False, True, False):
            charged.events.update(charged.loadpoint(1, {"connected": connected, "charging": connected}))
        await asyncio.sleep(1)  # the first is waiting for evcc's list, the second behind it
        task.cancel()
        await asyncio.wait([task])
        ends = [event for event in charged.mirror.all() if event["event"] == "session_end"]
        assert [event["energy"] for event in ends] == [5.01, 5.01]

    in_virtual_time(main())


def test_events_that_wait_for_other_values_as_the_bridge_stops_are_published() -> None:
    async def main() -> None:
        charged = Charged()
        charged.events.update(charged.first())
        task = asyncio.create_task(charged.events.run())
        charged.events.update(charged.loadpoint(1, {"connected": False}))
        await asyncio.sleep(0.5)
        assert charged.mirror.all() == []
        task.cancel()
        await asyncio.wait([task])
        assert names(charged.mirror.all()) == ["disconnected", "session_end"]

    in_virtual_time(main())
