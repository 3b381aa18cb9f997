"""Borrowed settings: a simulated house of one setting, in virtual time."""

import asyncio
import time
from copy import deepcopy
from itertools import pairwise
from typing import Any

import orjson
import pytest

from bridge.commands.leases import MOST, MOST_EARLIER, Lease, Leases
from bridge.errors import Refused
from bridge.settable.loan import LONGEST
from bridge.state.document import from_document
from tests.commands.fakes import AWAY, World, reply, running, settle, virtual
from tests.settable.house import today
from tests.virtual import jump, monotonic, now

CURRENT = "loadpoints/1/maxCurrent"
MODE = "loadpoints/1/mode"
BATTERY = "site/batteryMode"
SIXTEEN = '{"value":16,"for":"15m"}'
LEASES = "bridge/leases"
NO_TIMES: tuple[Any, ...] = (None, True, -1, 0, 1e300, "x", [])


def show(house: World, **values: Any) -> None:
    """Let evcc's state show values of the first loadpoint, and those of the site that are named `site_…`."""
    document = deepcopy(house.reader.state.document())
    for key, value in values.items():
        part = document if key.startswith("site_") else document["loadpoints"][0]
        part[key.removeprefix("site_")] = value
    house.reader.state = from_document(document)


def leases(house: World) -> list[dict[str, Any]]:
    return orjson.loads(house.mirror.retained.get(LEASES, b"[]"))  # type: ignore[no-any-return]


async def borrow(house: World, payload: str = SIXTEEN) -> None:
    """Borrow the current, which evcc's state then shows."""
    answer = await house.answered(CURRENT, payload)
    assert answer["status"] == "ok"
    show(house, maxCurrent=answer["value"])


async def currents_until_it_is_over(house: World, shown: int) -> list[int]:
    """The currents that evcc was set to, when every lease is over; until then its state shows the last one."""
    show(house, maxCurrent=shown)
    await asyncio.sleep(1000)
    return [int(call.rpartition("/")[2]) for call in house.evcc.calls]


@virtual
async def test_a_borrowed_value_goes_back_when_its_time_is_over() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        assert house.mirror.sent[-1][1]["value"] == 16
        [lease] = leases(house)
        assert (lease["topic"], lease["value"], lease["before"], lease["for"]) == (CURRENT, 16, 10, 900)
        assert abs(lease["until"] - now() - 900) < 2
        await asyncio.sleep(899)
        assert house.evcc.calls == ["POST loadpoints/1/maxcurrent/16"]
        await asyncio.sleep(5)
        assert house.evcc.calls[1:] == ["POST loadpoints/1/maxcurrent/10"]
        assert leases(house) == []
        assert len(house.mirror.sent) == 1


@virtual
async def test_the_same_message_renews_a_lease_which_goes_back_to_the_first_value() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        for payload in (SIXTEEN, '{"value":"12 A","for":900}'):
            await asyncio.sleep(600)
            await borrow(house, payload)
        await asyncio.sleep(890)
        assert len(house.evcc.calls) == 3
        await asyncio.sleep(20)
        assert house.evcc.calls[3:] == ["POST loadpoints/1/maxcurrent/10"]


@virtual
async def test_a_setting_that_is_set_ends_its_lease() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        await house.answered(CURRENT, "16")
        assert leases(house) == []
        await asyncio.sleep(2000)
        assert len(house.evcc.calls) == 2


@virtual
async def test_a_command_that_evcc_refuses_ends_no_lease() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        house.evcc.replies = [reply(400, {"error": "no"}), reply(400, {"error": "no"})]
        assert (await house.answered(CURRENT, "11"))["status"] == "refused"
        assert (await house.answered(CURRENT, '{"value":12,"for":60}'))["status"] == "refused"
        assert [lease["value"] for lease in leases(house)] == [16]
        await asyncio.sleep(1000)
        assert house.evcc.calls[-1] == "POST loadpoints/1/maxcurrent/10"


@virtual
async def test_a_setting_that_cannot_be_set_now_is_given_back_later() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        house.evcc.replies = [reply(409, {"error": "optimizer"}), reply(409, {"error": "optimizer"})]
        await asyncio.sleep(900 + 400)
        assert len(leases(house)) == 1
        await asyncio.sleep(400)
        assert house.evcc.calls[1:] == ["POST loadpoints/1/maxcurrent/10"] * 3
        assert leases(house) == []


@virtual
async def test_a_lease_that_evcc_refuses_is_none() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        house.evcc.replies = [reply(400, {"error": "no"})]
        await house.answered(CURRENT, SIXTEEN)
        assert leases(house) == []


@virtual
async def test_a_change_by_somebody_else_ends_a_lease() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        await asyncio.sleep(100)
        show(house, maxCurrent=13)
        await asyncio.sleep(2)
        assert leases(house) == []
        show(house, maxCurrent=16)
        await asyncio.sleep(2000)
        assert len(house.evcc.calls) == 1


@virtual
async def test_a_change_that_is_seen_only_by_reading_again_is_kept() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        read = house.reader.refresh

        def refresh() -> None:
            read()
            show(house, maxCurrent=13)

        house.reader.refresh = refresh  # type: ignore[method-assign]
        await asyncio.sleep(1000)
        assert len(house.evcc.calls) == 1


@virtual
async def test_an_evcc_that_is_starting_ends_no_lease_and_gets_nothing_back() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        house.reader.complete = house.reader.settled = False
        show(house, maxCurrent=10)
        await asyncio.sleep(1000)
        show(house, maxCurrent=16)
        await asyncio.sleep(5)
        assert len(house.evcc.calls) == 1
        house.reader.complete = house.reader.settled = True
        await asyncio.sleep(5)
        assert house.evcc.calls[1:] == ["POST loadpoints/1/maxcurrent/10"]


@virtual
async def test_a_value_goes_back_however_long_evcc_is_away() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        house.evcc.otherwise = AWAY
        await asyncio.sleep(1500)
        house.evcc.otherwise = reply()
        await asyncio.sleep(5)
        assert house.evcc.calls[-1] == "POST loadpoints/1/maxcurrent/10"
        assert leases(house) == []


@pytest.mark.parametrize(("gone", "left"), [(300, 600), (2000, 0), (-10_000, 900)])
@virtual
async def test_a_lease_outlives_the_bridge(gone: float, left: float) -> None:
    async with running() as first:
        show(first, maxCurrent=10)
        await borrow(first)
    state, stored = first.reader.state, first.mirror.retained[LEASES]
    jump(gone)
    world = World(state)
    world.mirror.retained[LEASES] = stored
    task = asyncio.create_task(world.dispatcher.run())
    await asyncio.sleep(left - 5)
    assert world.evcc.calls == []
    await asyncio.sleep(15)
    assert world.evcc.calls == ["POST loadpoints/1/maxcurrent/10"]
    assert leases(world) == []
    task.cancel()


@virtual
async def test_a_lease_of_an_earlier_run_that_somebody_ended_meanwhile_is_over() -> None:
    async with running() as first:
        show(first, maxCurrent=10)
        await borrow(first)
        stored = first.mirror.retained[LEASES]
    world = World(today())
    show(world, maxCurrent=13)
    world.mirror.retained[LEASES] = stored
    task = asyncio.create_task(world.dispatcher.run())
    await asyncio.sleep(2000)
    assert (world.evcc.calls, leases(world)) == ([], [])
    task.cancel()


@virtual
async def test_what_makes_no_sense_in_the_stored_list_is_left_out() -> None:
    good = {"topic": CURRENT, "value": 16, "before": 10, "for": 900, "until": now() + 60}
    wrong: list[Any] = [
        *("x", None, [], {}, {"topic": 5}),
        *({**good, "for": seconds} for seconds in NO_TIMES),
        *({**good, "until": until} for until in NO_TIMES),
        *({**good, "topic": topic} for topic in (None, "x" * 2000)),
        *({**good, key: [1]} for key in ("value", "before")),
    ]
    for stored in (orjson.dumps(wrong), b"{}", b"[", b"\xff", b"5"):
        found = Leases()
        found.load(stored, 0, now())
        assert list(found) == []
    found = Leases()
    found.load(orjson.dumps([good, *wrong, good]), 0, now())
    assert [lease.topic for lease in found] == [CURRENT]


@pytest.mark.parametrize("topic", ["loadpoints/9/maxCurrent", "x", "loadpoints/1/chargePower"])
@virtual
async def test_a_stored_lease_of_what_there_is_not_is_over(topic: str) -> None:
    world = World()
    entry = {"topic": topic, "value": 16, "before": 10, "for": 900, "until": now() + 60}
    world.mirror.retained[LEASES] = orjson.dumps([entry])
    task = asyncio.create_task(world.dispatcher.run())
    await asyncio.sleep(200)
    assert (world.evcc.calls, leases(world)) == ([], [])
    task.cancel()


@virtual
async def test_a_bridge_that_is_silent_gives_nothing_back() -> None:
    world = World()
    entry = {"topic": CURRENT, "value": 16, "before": 10, "for": 900, "until": now()}
    world.mirror.retained[LEASES] = orjson.dumps([entry])
    world.mirror.silent = True
    show(world, maxCurrent=16)
    task = asyncio.create_task(world.dispatcher.run())
    await asyncio.sleep(100)
    assert world.evcc.calls == []
    world.mirror.silent = False
    await asyncio.sleep(10)
    assert world.evcc.calls == ["POST loadpoints/1/maxcurrent/10"]
    task.cancel()


@pytest.mark.parametrize("seconds", [-86_400 * 30, 86_400 * 30])
@virtual
async def test_a_jump_of_the_wall_clock_moves_the_stored_end_and_not_the_lease(seconds: float) -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        await asyncio.sleep(300)
        jump(seconds)
        await asyncio.sleep(2)
        assert abs(leases(house)[0]["until"] - time.time() - 598) < 3
        await asyncio.sleep(590)
        assert len(house.evcc.calls) == 1
        await asyncio.sleep(20)
        assert house.evcc.calls[1:] == ["POST loadpoints/1/maxcurrent/10"]


@pytest.mark.parametrize(
    "span",
    [
        *("-5", -5, 0, "0s", "25h", 86_401, 1e300, "x", "", None, True, [], {}, 0.5, "1,5", "5 minutes", "9" * 5000),
        *(
            "-0",
            "1d",
            "P1D",
            "PT15M",
            "07:00",
            "2026-11-28T07:00:00Z",
            "15m\0",
            "15\n5",
            "１５",
            "0x10",
            "1e3h",
            "24h1s",
        ),
    ],
)
@virtual
async def test_a_time_that_makes_no_sense_is_refused(span: Any) -> None:
    async with running() as house:
        answer = await house.answered(CURRENT, orjson.dumps({"value": 16, "for": span}))
        assert answer["status"] == "refused"
        assert answer["error"].startswith('a setting is borrowed for more than 0 s and at most a day, like "15m", got ')
        assert len(answer["error"]) < 200
        assert (house.evcc.calls, leases(house)) == ([], [])


@pytest.mark.parametrize(
    ("topic", "payload", "error"),
    [
        ("vehicles/bike/planSoc", '{"value":80,"for":"15m"}', "planSoc cannot be borrowed: its value is an object or"),
        ("loadpoints/1/planStrategy", '{"value":{},"for":"15m"}', "planStrategy cannot be borrowed: its value is an"),
        ("vehicles/bike/repeatingPlans", '{"value":[],"for":5}', "repeatingPlans cannot be borrowed: its value is an"),
        ("loadpoints/1/vehicleDetection", '{"value":1,"for":5}', "vehicleDetection cannot be borrowed: it is a button"),
        ("site/smartCostLimit", '{"value":0.1,"for":5}', "smartCostLimit cannot be borrowed: it sets every loadpoint"),
        (CURRENT, '{"for":"15m"}', 'maxCurrent is borrowed with {"value":…,"for":"15m"}, got {"for":"15m"}'),
        (CURRENT, '{"value":1,"for":"15m","x":1}', "maxCurrent is borrowed with"),
        (CURRENT, '{"value":{"value":1},"for":"15m"}', "maxCurrent is borrowed with"),
        (CURRENT, '{"value":-1,"for":"15m"}', "maxCurrent takes 0 or more, got -1"),
        (CURRENT, '{"value":null,"for":"15m"}', "maxCurrent cannot be cleared"),
        (CURRENT, '{"value":1,"for":1e999}', "maxCurrent takes a number in A, got "),
        (CURRENT, '{"value":1}', "maxCurrent takes a number in A, got "),
        ("vehicles/my.car_2/repeatingPlans/9/soc", '{"value":5,"for":5}', "repeatingPlans/9/soc "),
    ],
)
@virtual
async def test_a_lease_that_makes_no_sense_is_refused(topic: str, payload: str, error: str) -> None:
    async with running() as house:
        answer = await house.answered(topic, payload)
        assert answer["status"] == "refused"
        assert answer["error"].startswith(error)
        assert house.evcc.calls == []


@virtual
async def test_a_value_that_evcc_does_not_show_is_not_lent() -> None:
    async with running(from_document({"loadpoints": [{"mode": ""}], "version": "0.313.2"})) as house:
        for topic, value in (("site/residualPower", 5), (MODE, "now")):
            answer = await house.answered(topic, orjson.dumps({"value": value, "for": 60}))
            assert answer["error"].startswith(f"{topic.rpartition('/')[2]} cannot be borrowed: ")


@pytest.mark.parametrize(
    ("topic", "key", "before", "value", "calls"),
    [
        (MODE, "mode", "pv", "now", ["POST loadpoints/1/mode/now", "POST loadpoints/1/mode/pv"]),
        (
            "loadpoints/1/smartCostLimit",
            "smartCostLimit",
            None,
            0.25,
            ["POST loadpoints/1/smartcostlimit/0.25", "DELETE loadpoints/1/smartcostlimit"],
        ),
        (
            "loadpoints/1/smartCostLimit",
            "smartCostLimit",
            0.2,
            None,
            ["DELETE loadpoints/1/smartcostlimit", "POST loadpoints/1/smartcostlimit/0.2"],
        ),
        (
            "loadpoints/1/batteryBoost",
            "batteryBoost",
            False,
            True,
            ["POST loadpoints/1/batteryboost/1", "POST loadpoints/1/batteryboost/0"],
        ),
        (
            "loadpoints/1/vehicle",
            "vehicleName",
            "",
            "zoe:old",
            ["POST loadpoints/1/vehicle/zoe:old", "DELETE loadpoints/1/vehicle"],
        ),
        (
            "loadpoints/1/enableDelay",
            "enableDelay",
            60,
            90,
            ["POST loadpoints/1/enable/delay/90", "POST loadpoints/1/enable/delay/60"],
        ),
    ],
)
@virtual
async def test_each_kind_of_value_goes_back(topic: str, key: str, before: Any, value: Any, calls: list[str]) -> None:
    async with running() as house:
        show(house, **{key: before})
        await house.answered(topic, orjson.dumps({"value": value, "for": "1m"}))
        show(house, **{key: value})
        await asyncio.sleep(70)
        assert house.evcc.calls == calls
        assert leases(house) == []


@virtual
async def test_a_value_that_was_set_a_moment_before_is_what_goes_back() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        house.evcc.gate.clear()
        house.set(CURRENT, "12")
        await settle()
        house.set(CURRENT, SIXTEEN)  # while evcc has the other one
        await settle()
        house.evcc.gate.set()
        await settle()
        await house.answered(CURRENT, "13")
        await house.answered(CURRENT, SIXTEEN)  # before evcc's state shows it
        assert [lease["before"] for lease in leases(house)] == [13]


@virtual
async def test_a_change_by_somebody_else_between_two_loans_is_what_goes_back_however_soon_it_comes() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await house.answered(CURRENT, SIXTEEN)  # evcc's state shows it only together with the change after it
        show(house, maxCurrent=13)
        await house.answered(CURRENT, '{"value":18,"for":"15m"}')
        assert [lease["before"] for lease in leases(house)] == [13]
        show(house, maxCurrent=18)
        await asyncio.sleep(1000)
        assert house.evcc.calls[-1] == "POST loadpoints/1/maxcurrent/13"


@virtual
async def test_a_change_that_came_before_a_loan_and_is_shown_after_it_is_what_goes_back() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await house.answered(CURRENT, SIXTEEN)
        views: tuple[Any, ...] = (13, 10, None, [], 16)
        for shown in views:  # a poll that began before the loan comes in after it
            show(house, maxCurrent=shown)
            await asyncio.sleep(2)
            assert [(lease["value"], lease["before"]) for lease in leases(house)] == [(16, 13)]
        await asyncio.sleep(1000)
        assert house.evcc.calls[1:] == ["POST loadpoints/1/maxcurrent/13"]


@virtual
async def test_a_change_while_a_loan_waits_for_evcc_is_what_goes_back() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        house.evcc.otherwise = AWAY
        house.set(CURRENT, SIXTEEN)
        await asyncio.sleep(5)
        show(house, maxCurrent=13)
        house.evcc.otherwise = reply()
        await asyncio.sleep(3)
        assert house.mirror.sent[-1][1]["status"] == "ok"
        show(house, maxCurrent=16)
        await asyncio.sleep(1000)
        assert house.evcc.calls[-1] == "POST loadpoints/1/maxcurrent/13"


@virtual
async def test_a_loan_that_evcc_may_have_taken_before_it_was_superseded_is_not_what_goes_back() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        house.evcc.otherwise = AWAY  # but it does what it is asked
        house.set(CURRENT, SIXTEEN)
        await asyncio.sleep(0.05)
        house.set(CURRENT, "12")
        house.set(CURRENT, '{"value":14,"for":"15m"}')
        await asyncio.sleep(0.02)
        assert house.evcc.calls == ["POST loadpoints/1/maxcurrent/16"]
        assert house.statuses == ["superseded", "superseded"]
        show(house, maxCurrent=16)
        house.evcc.otherwise = reply()
        await asyncio.sleep(3)
        assert (await currents_until_it_is_over(house, 14))[-2:] == [14, 10]


@virtual
async def test_a_value_that_evccs_state_shows_before_the_answer_comes_ends_a_lease() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        house.reader.settled = False  # evcc does not answer everything
        house.evcc.gate.clear()
        house.set(CURRENT, "12")
        await settle()
        show(house, maxCurrent=12)
        await asyncio.sleep(2)
        house.set(CURRENT, '{"value":14,"for":"15m"}')
        await settle()
        assert [lease["before"] for lease in leases(house)] == [12]
        house.evcc.gate.set()
        await asyncio.sleep(3)
        house.reader.settled = True
        assert (await currents_until_it_is_over(house, 14))[-2:] == [14, 12]


@virtual
async def test_a_loan_whose_answer_is_waited_for_while_later_ones_supersede_each_other_is_not_what_goes_back() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        house.evcc.gate.clear()
        for payload in (SIXTEEN, '{"value":14,"for":"15m"}', "12", '{"value":13,"for":"15m"}'):
            house.set(CURRENT, payload)
            await settle()
        assert house.statuses == ["superseded", "superseded"]
        show(house, maxCurrent=16)
        await asyncio.sleep(2)
        house.evcc.gate.set()
        await asyncio.sleep(2)
        assert await currents_until_it_is_over(house, 13) == [16, 13, 10]


@virtual
async def test_a_value_that_evcc_may_have_taken_before_a_loan_superseded_it_is_what_goes_back() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        house.evcc.otherwise = AWAY
        house.set(CURRENT, "12")
        await asyncio.sleep(0.05)
        house.set(CURRENT, SIXTEEN)
        await settle()
        house.evcc.otherwise = reply()
        await asyncio.sleep(3)
        assert house.statuses == ["superseded", "ok"]
        assert (await currents_until_it_is_over(house, 16))[-2:] == [16, 12]


@virtual
async def test_a_loan_that_is_refused_after_an_attempt_without_an_answer_may_be_in_force() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        house.evcc.replies = [AWAY, reply(401, {"error": "not logged in"})]
        house.set(CURRENT, SIXTEEN)
        await asyncio.sleep(3)
        assert house.statuses == ["refused"]
        show(house, maxCurrent=16)
        await asyncio.sleep(1000)
        assert house.evcc.calls[-1] == "POST loadpoints/1/maxcurrent/10"


@virtual
async def test_a_value_that_was_set_while_evccs_state_could_not_be_read_is_what_goes_back() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        await settle()
        assert house.reader.health.seen == monotonic()
        house.reader.unread = True
        await house.answered(CURRENT, "12")
        await asyncio.sleep(30)
        await house.answered(CURRENT, SIXTEEN)
        house.reader.unread = False
        assert (await currents_until_it_is_over(house, 16))[1:] == [16, 12]
        await asyncio.sleep(10)
        assert not house.dispatcher._queues


@pytest.mark.parametrize(("shown", "before"), [(10, 12), (11, 12), (12, 12), (13, 13)])
@virtual
async def test_a_change_by_somebody_else_after_a_value_was_set_is_what_goes_back(shown: int, before: int) -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        for current in ("11", "12"):
            await house.answered(CURRENT, current)
        show(house, maxCurrent=shown)
        await house.answered(CURRENT, SIXTEEN)
        assert [lease["before"] for lease in leases(house)] == [before]


@virtual
async def test_a_change_that_evccs_state_does_not_show_before_the_next_loan_is_not_known() -> None:
    """Only the state shows what others set: evcc's answer to a call has the new value, not the one before."""
    async with running() as house:
        show(house, maxCurrent=10)
        await borrow(house)
        # somebody sets 13, and the next loan comes before a poll or a frame
        await house.answered(CURRENT, '{"value":18,"for":"15m"}')
        show(house, maxCurrent=18)
        await asyncio.sleep(1000)
        assert house.evcc.calls[-1] == "POST loadpoints/1/maxcurrent/10"


@virtual
async def test_values_that_evccs_state_shows_late_end_no_lease() -> None:
    async with running() as house:
        show(house, maxCurrent=10)
        for number in range(20, 30):
            await house.answered(CURRENT, str(number))
        await house.answered(CURRENT, SIXTEEN)
        await house.answered(CURRENT, '{"value":17,"for":"15m"}')
        for shown in (10, 20, 29, 16, 17):
            show(house, maxCurrent=shown)
            await asyncio.sleep(2)
            assert [lease["value"] for lease in leases(house)] == [17]


@virtual
async def test_an_entry_of_a_list_that_was_just_set_as_a_whole_is_what_goes_back() -> None:
    topic = "vehicles/my.car_2/repeatingPlans"
    async with running() as house:
        plans = house.reader.state.vehicles["my.car_2"].get("repeatingPlans")
        await house.answered(topic, orjson.dumps([{**plan, "soc": 55} for plan in plans]))
        await house.answered(f"{topic}/1/soc", '{"value":90,"for":"15m"}')
        assert [(lease["topic"], lease["before"]) for lease in leases(house)] == [(f"{topic}/1/soc", 55)]
        await asyncio.sleep(5)  # evcc's state shows neither yet
        assert leases(house)


@virtual
async def test_there_is_a_limit_to_leases() -> None:
    found = Leases()
    for number in range(MOST):
        found.begin(Lease(str(number), 1, 2, 5, 5))
    found.begin(Lease("0", 2, 2, 5, 5))
    with pytest.raises(Refused, match="borrowed already"):
        found.begin(Lease("x", 1, 2, 5, 5))


@virtual
async def test_a_flood_of_renewals_keeps_few_leases() -> None:
    found, kept = Leases(), 0
    for number in range(1000):
        found.begin(Lease(CURRENT, number, 2, 5, 5))
    lease = found.get(CURRENT)
    while lease is not None:
        lease, kept = lease.earlier, kept + 1
    assert kept == MOST_EARLIER + 1


@virtual
async def test_a_dry_run_lends_nothing() -> None:
    async with running(dry_run=True) as house:
        await house.answered(CURRENT, SIXTEEN)
        await asyncio.sleep(LONGEST)
        assert (house.evcc.calls, leases(house)) == ([], [])


@virtual
async def test_a_borrowed_battery_mode_is_held_until_its_end_and_then_cleared() -> None:
    async with running() as house:
        await house.answered(BATTERY, '{"value":"hold","for":"5m"}')
        show(house, site_batteryModeExternal="hold")
        await asyncio.sleep(310)
        held = house.evcc.times[:-1]
        assert set(house.evcc.calls[:-1]) == {"POST batterymode/hold"}
        assert max(later - earlier for earlier, later in pairwise(held)) <= 31
        assert house.evcc.calls[-1] == "DELETE batterymode"
        await asyncio.sleep(300)
        assert house.evcc.calls[-1] == "DELETE batterymode"


@virtual
async def test_a_borrowed_battery_mode_is_held_again_after_restarts() -> None:
    world = World()
    entry = {"topic": BATTERY, "value": "hold", "before": None, "for": 900, "until": now() + 100}
    world.mirror.retained[LEASES] = orjson.dumps([entry])
    task = asyncio.create_task(world.dispatcher.run())  # evcc has dropped it meanwhile
    await asyncio.sleep(50)
    assert world.evcc.calls[0] == "POST batterymode/hold"
    await asyncio.sleep(100)
    assert leases(world) == []
    task.cancel()


@virtual
async def test_a_mode_that_is_kept_comes_back_after_a_borrowed_one() -> None:
    async with running(keep_battery_mode=True) as house:
        await house.answered(BATTERY, "hold")
        show(house, site_batteryModeExternal="hold")
        await asyncio.sleep(5)
        await house.answered(BATTERY, '{"value":"charge","for":60}')
        show(house, site_batteryModeExternal="charge")
        await asyncio.sleep(64)
        assert house.evcc.calls[-1] == "POST batterymode/hold"
        show(house, site_batteryModeExternal="hold")
        before = len(house.evcc.calls)
        await asyncio.sleep(65)
        assert house.evcc.calls[before:] == ["POST batterymode/hold"] * 2
