import asyncio

import pytest

from bridge.errors import Refused
from bridge.state.document import from_document
from bridge.state.state import Scope
from tests.commands.fakes import AWAY, HANGS, NO_ROUTE, reply, running, settle, virtual

MODE = "loadpoints/1/mode"
LIMIT = "loadpoints/1/limitSoc"


@virtual
async def test_while_evcc_is_away_a_command_is_tried_until_its_deadline() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set(MODE, "pv")
        await asyncio.sleep(9.9)
        assert house.mirror.sent == []
        await asyncio.sleep(0.2)
        [(_, answer)] = house.mirror.sent
        assert answer["status"] == "failed"
        assert answer["error"] == "evcc cannot be reached: connection refused; given up after 10 s"
        assert 5 < len(house.evcc.calls) < 30
        assert max(house.evcc.times) < 10
        await asyncio.sleep(100)
        assert max(house.evcc.times) < 10
        assert len(house.mirror.sent) == 1


@virtual
async def test_a_command_arrives_when_evcc_is_back() -> None:
    async with running() as house:
        house.evcc.replies = [AWAY, AWAY, reply(502, b"Bad Gateway", "text/html")]
        house.set(MODE, "pv")
        await asyncio.sleep(2)
        assert house.evcc.calls == ["POST loadpoints/1/mode/pv"] * 4
        assert house.statuses == ["ok"]


@virtual
async def test_while_evcc_is_away_the_newest_command_for_a_setting_wins() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set(MODE, "pv")
        house.set(LIMIT, "80")
        await asyncio.sleep(3)
        house.set(MODE, "now")
        await asyncio.sleep(2)
        house.evcc.otherwise = reply()
        await asyncio.sleep(2)
        assert house.evcc.calls[-2:] == ["POST loadpoints/1/limitsoc/80", "POST loadpoints/1/mode/now"]
        assert [(topic, answer["status"]) for topic, answer in house.mirror.sent] == [
            (MODE, "superseded"),
            (LIMIT, "ok"),
            (MODE, "ok"),
        ]


@virtual
async def test_a_command_that_evcc_does_not_answer_makes_way_for_a_newer_one() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.evcc.replies = [AWAY]
        house.set(MODE, "pv")
        await settle()
        house.set(MODE, "now")
        assert house.mirror.sent == []  # it may still be answered
        house.evcc.gate.set()
        await asyncio.sleep(1)
        assert house.evcc.calls == ["POST loadpoints/1/mode/pv", "POST loadpoints/1/mode/now"]
        assert house.statuses == ["superseded", "ok"]


@virtual
async def test_an_evcc_that_hangs_is_given_the_deadline_and_no_more() -> None:
    async with running(deadline=4) as house:
        house.evcc.replies = [HANGS]
        house.set(MODE, "pv")
        await asyncio.sleep(1)
        house.set(LIMIT, "80")
        await asyncio.sleep(3.5)
        assert house.evcc.times == [0, 4]
        assert house.mirror.sent[0][1]["error"] == "evcc did not answer within 4 s; given up after 4 s"
        assert house.statuses == ["failed", "ok"]


@virtual
async def test_what_cannot_be_sent_at_all_is_refused() -> None:
    async with running() as house:
        house.evcc.replies = [Refused("does not fit into an address")]
        answer = await house.answered(MODE, "pv")
        assert (answer["status"], answer["error"]) == ("refused", "does not fit into an address")


@virtual
async def test_vehicle_detection_is_tried_once() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set("loadpoints/1/vehicleDetection", "x")
        await asyncio.sleep(20)
        assert house.evcc.calls == ["PATCH loadpoints/1/vehicle"]
        [(_, answer)] = house.mirror.sent
        assert answer["status"] == "failed"
        assert answer["error"] == "evcc cannot be reached: connection refused; it is not tried again"


@virtual
async def test_a_message_past_its_expiry_is_not_sent() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set(MODE, "pv", expiry=3)
        await asyncio.sleep(20)
        assert max(house.evcc.times) < 3
        [(_, answer)] = house.mirror.sent
        assert answer["error"] == "evcc cannot be reached: connection refused; given up after 3 s"


@virtual
async def test_a_setting_that_this_evcc_has_not_is_learned_until_evcc_restarts() -> None:
    async with running() as house:
        house.evcc.otherwise = NO_ROUTE
        answer = await house.answered("site/batteryMode", "hold")
        assert (answer["status"], answer["http"]) == ("refused", 404)
        assert answer["error"] == "this evcc has no such setting: batteryMode"
        assert house.dispatcher.missing == {(Scope.SITE, "batteryMode")}
        again = await house.answered("site/batteryMode", "normal")
        assert (again["status"], again["error"], again["http"]) == ("refused", answer["error"], None)
        assert len(house.evcc.calls) == 1


@virtual
async def test_a_name_that_evccs_routes_do_not_take_says_nothing_about_the_setting() -> None:
    vehicles = {"mein auto": {"title": "Auto"}, "bike": {"title": "Rad"}}
    async with running(from_document({"version": "0.313.2", "loadpoints": [], "vehicles": vehicles})) as house:
        house.evcc.otherwise = NO_ROUTE
        answer = await house.answered("vehicles/mein auto/minSoc", "20")
        assert (answer["status"], answer["http"]) == ("refused", 404)
        assert answer["error"] == "evcc's API takes no name such as mein auto"
        house.evcc.otherwise = reply()
        assert (await house.answered("vehicles/bike/minSoc", "20"))["status"] == "ok"


@pytest.mark.parametrize(("complete", "routes"), [(False, True), (True, False)])
@virtual
async def test_the_404_of_an_evcc_that_is_not_complete_only_means_later(*, complete: bool, routes: bool) -> None:
    async with running() as house:
        house.reader.complete = complete
        house.evcc.otherwise, house.evcc.routes = NO_ROUTE, routes
        house.set(MODE, "pv")
        await asyncio.sleep(3)
        assert house.mirror.sent == []
        house.evcc.otherwise = reply()
        await asyncio.sleep(2)
        assert house.statuses == ["ok"]
        assert house.dispatcher.missing == frozenset()


@virtual
async def test_a_setting_that_can_only_be_set_is_not_missing_when_clearing_it_fails() -> None:
    async with running(from_document({"version": "0.315.0", "loadpoints": [{"solarShare": 0.5}]})) as house:
        house.evcc.otherwise = NO_ROUTE
        answer = await house.answered("loadpoints/1/solarShare", "-")
        assert (answer["status"], answer["error"]) == ("refused", "this evcc cannot clear solarShare")
        assert house.dispatcher.missing == frozenset()


@virtual
async def test_a_conflict_is_refused_with_evccs_reason() -> None:
    async with running() as house:
        house.evcc.otherwise = reply(409, {"error": "the optimizer is in charge of price limits"})
        answer = await house.answered("loadpoints/1/smartCostLimit", "0.2")
        assert (answer["status"], answer["http"]) == ("refused", 409)
        assert answer["error"] == "the optimizer is in charge of price limits"
        assert len(house.evcc.calls) == 1


@virtual
async def test_evcc_is_read_again_after_a_success_only() -> None:
    async with running() as house:
        house.evcc.replies = [reply(400, {"error": "no"}), reply()]
        await house.answered(MODE, "pv")
        assert house.reader.reads == []
        await house.answered(MODE, "pv")
        assert len(house.reader.reads) == 1


@virtual
async def test_calls_are_paced_and_what_waits_is_coalesced() -> None:
    async with running(rate=2) as house:
        for value in range(60):
            house.set(LIMIT, str(value))
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        assert len(house.evcc.calls) <= 2 + 2 * 6 + 1
        assert house.evcc.calls[-1] == "POST loadpoints/1/limitsoc/59"
        assert len(house.mirror.sent) == 60
