import pytest

from bridge.errors import BridgeError, Refused
from bridge.evcc.client import Reply
from bridge.settable.setting import Scope
from tests.commands.fakes import AWAY, HANGS, NO_ROUTE, reply, running, settle

MODE = "loadpoints/1/mode"
LIMIT = "loadpoints/1/limitSoc"


async def test_while_evcc_is_away_a_command_is_tried_until_its_deadline() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set(MODE, "pv")
        await house.clock.advance(9.9)
        assert house.outlet.sent == []
        await house.clock.advance(0.2)
        [(_, answer)] = house.outlet.answers
        assert answer["status"] == "failed"
        assert answer["error"] == "evcc cannot be reached: connection refused; given up after 10 s"
        assert 5 < len(house.evcc.calls) < 30
        assert max(house.evcc.times) < 10
        await house.clock.advance(100)
        assert max(house.evcc.times) < 10
        assert len(house.outlet.sent) == 1


async def test_a_command_arrives_when_evcc_is_back() -> None:
    async with running() as house:
        house.evcc.replies = [AWAY, AWAY, reply(502, b"Bad Gateway", "text/html")]
        house.set(MODE, "pv")
        await house.clock.advance(2)
        assert house.evcc.calls == ["POST loadpoints/1/mode/pv"] * 4
        assert house.outlet.statuses == ["ok"]


async def test_while_evcc_is_away_the_newest_command_for_a_setting_wins() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set(MODE, "pv")
        house.set(LIMIT, "80")
        await house.clock.advance(3)
        house.set(MODE, "now")
        await house.clock.advance(2)
        house.evcc.otherwise = reply()
        await house.clock.advance(2)
        assert house.evcc.calls[-2:] == ["POST loadpoints/1/limitsoc/80", "POST loadpoints/1/mode/now"]
        assert [(topic, answer["status"]) for topic, answer in house.outlet.answers] == [
            (MODE, "superseded"),
            (LIMIT, "ok"),
            (MODE, "ok"),
        ]


async def test_a_command_that_evcc_does_not_answer_makes_way_for_a_newer_one() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.evcc.replies = [AWAY]
        house.set(MODE, "pv")
        await settle()
        house.set(MODE, "now")
        assert house.outlet.sent == []  # it may still be answered
        house.evcc.gate.set()
        await house.clock.advance(1)
        assert house.evcc.calls == ["POST loadpoints/1/mode/pv", "POST loadpoints/1/mode/now"]
        assert house.outlet.statuses == ["superseded", "ok"]


async def test_an_evcc_that_hangs_is_given_the_deadline_and_no_more() -> None:
    async with running(deadline=4) as house:
        house.evcc.replies = [HANGS]
        house.set(MODE, "pv")
        await house.clock.advance(1)
        house.set(LIMIT, "80")
        await house.clock.advance(3.5)
        assert house.evcc.times == [0, 4]
        assert house.outlet.answers[0][1]["error"] == "evcc did not answer within 4 s; given up after 4 s"
        assert house.outlet.statuses == ["failed", "ok"]


async def test_what_cannot_be_sent_at_all_is_refused() -> None:
    async with running() as house:
        house.evcc.replies = [Refused("does not fit into an address")]
        answer = await house.answered(MODE, "pv")
        assert (answer["status"], answer["error"]) == ("refused", "does not fit into an address")


async def test_vehicle_detection_is_tried_once() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set("loadpoints/1/vehicleDetection", "x")
        await house.clock.advance(20)
        assert house.evcc.calls == ["PATCH loadpoints/1/vehicle"]
        [(_, answer)] = house.outlet.answers
        assert answer["status"] == "failed"
        assert answer["error"] == "evcc cannot be reached: connection refused; it is not tried again"


async def test_a_message_past_its_expiry_is_not_sent() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set(MODE, "pv", expiry=3)
        await house.clock.advance(20)
        assert max(house.evcc.times) < 3
        [(_, answer)] = house.outlet.answers
        assert answer["error"] == "evcc cannot be reached: connection refused; given up after 3 s"


async def test_a_setting_that_this_evcc_has_not_is_learned_until_evcc_restarts() -> None:
    async with running() as house:
        house.evcc.otherwise = NO_ROUTE
        answer = await house.answered("site/batteryMode", "hold")
        assert (answer["status"], answer["http"]) == ("refused", 404)
        assert answer["error"] == "this evcc has no such setting: batteryMode"
        assert house.inbox.missing == {(Scope.SITE, "batteryMode")}
        again = await house.answered("site/batteryMode", "normal")
        assert (again["status"], again["error"], again["http"]) == ("refused", answer["error"], None)
        assert len(house.evcc.calls) == 1
        house.inbox.evcc_restarted()
        house.evcc.otherwise = reply()
        assert (await house.answered("site/batteryMode", "normal"))["status"] == "ok"


async def test_a_name_that_evccs_routes_do_not_take_says_nothing_about_the_setting() -> None:
    vehicles = {"mein auto": {"title": "Auto"}, "bike": {"title": "Rad"}}
    async with running({"vehicles": vehicles}) as house:
        house.evcc.otherwise = NO_ROUTE
        answer = await house.answered("vehicles/mein auto/minSoc", "20")
        assert (answer["status"], answer["http"]) == ("refused", 404)
        assert answer["error"] == "evcc's API takes no name such as mein auto"
        house.evcc.otherwise = reply()
        assert (await house.answered("vehicles/bike/minSoc", "20"))["status"] == "ok"


PAGE = "text/html"


@pytest.mark.parametrize(
    ("ready", "state"),
    [
        (False, reply()),
        (True, NO_ROUTE),
        (True, AWAY),
        (True, reply(404, b"<html>", PAGE)),
        (True, reply(502, b"<html>", PAGE)),
        (True, reply(200, b"<html>", PAGE)),
    ],
)
async def test_the_404_of_an_evcc_that_is_not_there_yet_only_means_later(
    *, ready: bool, state: Reply | BridgeError
) -> None:
    async with running() as house:
        house.ready = ready
        house.evcc.otherwise, house.evcc.state = NO_ROUTE, state
        house.set(MODE, "pv")
        await house.clock.advance(3)
        assert house.outlet.sent == []
        house.evcc.otherwise = reply()
        await house.clock.advance(2)
        assert house.outlet.statuses == ["ok"]
        assert house.inbox.missing == frozenset()


async def test_calls_are_paced_and_what_waits_is_coalesced() -> None:
    async with running(rate=2) as house:
        for value in range(60):
            house.set(LIMIT, str(value))
            await house.clock.advance(0.1)
        await house.clock.advance(2)
        assert len(house.evcc.calls) <= 2 + 2 * 6 + 1
        assert house.evcc.calls[-1] == "POST loadpoints/1/limitsoc/59"
        assert len(house.outlet.sent) == 60
