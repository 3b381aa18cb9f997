import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.commands.call import Target
from bridge.evcc.client import Reply
from bridge.mqtt.message import Message
from bridge.settable.setting import Scope
from tests.commands.fakes import AWAY, reply, running, settle, world
from tests.commands.house import TODAY

MODE = "loadpoints/1/mode"
LIMIT = "loadpoints/1/limitSoc"


async def test_a_command_becomes_one_call_and_one_answer() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(LIMIT, "80 %")
        await house.clock.advance(0.0031)
        house.evcc.gate.set()
        await settle()
        assert house.evcc.calls == ["POST loadpoints/1/limitsoc/80"]
        answer = {
            "status": "ok",
            "value": 80,
            "call": "POST /api/loadpoints/1/limitsoc/80",
            "http": 200,
            "error": None,
            "ms": 3.1,
        }
        assert house.outlet.answers == [(LIMIT, answer)]
        assert not house.outlet.sent[0].retain
        assert house.done == [house.clock.time]
        assert house.inbox.counts == {"ok": 1}


async def test_the_last_answer_is_retained_with_its_topic() -> None:
    async with running() as house:
        await house.answered(LIMIT, "80")
        await house.answered(LIMIT, "101")
        assert house.outlet.retained.keys() == {"bridge/command"}
        assert b'"topic":"loadpoints/1/limitSoc","status":"refused"' in house.outlet.retained["bridge/command"]


async def test_the_answer_goes_where_the_client_asked_for_it_too() -> None:
    async with running() as house:
        await house.answered(LIMIT, "80", response_topic="client/7", correlation=b"\x00\xff")
        await house.answered(LIMIT, "101", response_topic="client/7", correlation=None)
        [first, second] = house.outlet.responses
        assert (first[0], first[1]["status"], first[2]) == ("client/7", "ok", b"\x00\xff")
        assert (second[0], second[1]["status"], second[2]) == ("client/7", "refused", None)


async def test_the_answers_topic_is_spelt_as_the_client_spelt_it() -> None:
    async with running() as house:
        await house.answered("loadpoints/1/limitsoc", "80")
        await house.answered("loadpoints/1/phases", "3")
        assert [topic for topic, _ in house.outlet.answers] == ["loadpoints/1/limitsoc", "loadpoints/1/phases"]


async def test_clearing_is_answered_with_null_and_the_call_that_cleared() -> None:
    async with running() as house:
        answer = await house.answered("loadpoints/1/smartCostLimit", "nil")
        assert (answer["status"], answer["value"]) == ("ok", None)
        assert answer["call"] == "DELETE /api/loadpoints/1/smartcostlimit"


async def test_json_goes_as_the_body() -> None:
    async with running() as house:
        answer = await house.answered("vehicles/bike/planStrategy", '{"continuous":true}')
        assert house.evcc.bodies == [{"continuous": True}]
        assert answer["value"] == {"continuous": True}


async def test_half_a_plan_keeps_the_other_half_of_the_plan_in_force() -> None:
    async with running() as house:
        for topic, half in (("vehicles/my.car_2/planSoc", '{"soc":70}'), ("loadpoints/2/planEnergy", '{"energy":20}')):
            await house.answered(topic, half)
        assert house.evcc.calls == [
            "POST vehicles/my.car_2/plan/soc/70/2026-11-26T06:30:00Z",
            "POST loadpoints/2/plan/energy/20/2026-11-26T05:00:00Z",
        ]
        house.set("vehicles/bike/planSoc", '{"soc":70,"or":{"time":"2026-11-26T08:00:00Z"}}')
        await house.answered("vehicles/bike/planSoc", '{"time":"2026-11-26T09:00:00Z"}')
        assert house.evcc.calls[-1] == "POST vehicles/bike/plan/soc/70/2026-11-26T09:00:00Z"
        answer = await house.answered("vehicles/bike/planSoc", '{"soc":70}')
        assert answer["error"] == 'planSoc takes "time" too while there is no plan to change, got {"soc":70}'


@pytest.mark.parametrize(
    ("topic", "payload", "error"),
    [
        (LIMIT, "101", "limitSoc takes 0 to 100, got 101"),
        (LIMIT, b"\xff\xfe", "limitSoc takes text in UTF-8"),
        (LIMIT, b"8\x00", "limitSoc takes text without NUL characters"),
        (LIMIT, "80\n90", "limitSoc takes a number in %, got 80?90"),
        (LIMIT, "../../system/shutdown", "limitSoc takes a number in %, got ../../system/shutdown"),
        ("loadpoints/9/mode", "pv", "there is no loadpoint 9: evcc has 3, counted from 1"),
        ("loadpoints/1/chargePower", "1", "loadpoints/1/chargePower is no setting; nearest: "),
        ("charger/mode", "pv", "charger/mode is no setting; nearest: "),
    ],
)
async def test_what_makes_no_sense_is_refused_without_asking_evcc(topic: str, payload: str | bytes, error: str) -> None:
    async with running() as house:
        answer = await house.answered(topic, payload)
        assert answer["status"] == "refused"
        assert answer["error"].startswith(error)
        assert (answer["call"], answer["http"]) == (None, None)
        assert house.evcc.calls == []
        assert house.done == []


async def test_a_payload_over_the_limit_is_refused_unread() -> None:
    async with running() as house:
        answer = await house.answered("vehicles/bike/repeatingPlans", b"[" * 1_000_000)
        assert answer["error"] == "1000000 bytes are too many: 65536 are read (commands.max_payload)"
        assert len(answer["value"]) < 100


async def test_empty_payloads_and_other_topics_are_no_commands() -> None:
    async with running() as house:
        house.set(LIMIT, b"")
        house.set(LIMIT, b"", stale=True)
        house.inbox.receive(Message("loadpoints/1/limitSoc", b"80"))
        house.inbox.receive(Message("loadpoints/1/limitSoc/result", b"80"))
        await settle()
        assert house.evcc.calls == []
        assert house.outlet.sent == []


async def test_evccs_refusal_comes_back_with_its_reason() -> None:
    async with running() as house:
        house.evcc.replies = [reply(400, {"error": "invalid value: smart"})]
        answer = await house.answered(MODE, "smart")
        assert (answer["status"], answer["error"], answer["http"]) == ("refused", "invalid value: smart", 400)
        assert house.done == []


@pytest.mark.parametrize(
    ("strange", "error"),
    [
        (reply(200, b"<html>", "text/html"), "no answer of evcc: HTTP 200 with text/html"),
        (reply(302, b"", "text/html"), "evcc's address redirects (302), which is not followed"),
        (reply(401, b"<html>", "text/html; charset=utf-8"), "no answer of evcc: HTTP 401 with text/html"),
        (reply(200, b"hello", ""), "no answer of evcc: HTTP 200 with no content type"),
    ],
)
async def test_what_is_no_answer_of_evcc_is_failed(strange: Reply, error: str) -> None:
    async with running() as house:
        house.evcc.otherwise = strange
        answer = await house.answered(MODE, "pv")
        assert (answer["status"], answer["error"]) == ("failed", error)
        assert len(house.evcc.calls) == 1


async def test_commands_to_one_target_run_one_after_another_in_their_order() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(MODE, "pv")
        house.set(LIMIT, "80")
        house.set("loadpoints/1/minCurrent", "6")
        await settle()
        assert len(house.evcc.calls) == 1
        house.evcc.gate.set()
        await settle()
        assert house.evcc.calls == [
            "POST loadpoints/1/mode/pv",
            "POST loadpoints/1/limitsoc/80",
            "POST loadpoints/1/mincurrent/6",
        ]


async def test_targets_run_side_by_side() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        for topic in (LIMIT, "loadpoints/2/limitSoc", "vehicles/bike/limitSoc", "site/prioritySoc"):
            house.set(topic, "80")
        await settle()
        assert len(house.evcc.calls) == 4


async def test_a_slider_becomes_a_few_calls_and_the_last_value_arrives() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        for value in range(101):
            house.set(LIMIT, str(value))
            if value % 50 == 0:
                await settle()
        house.evcc.gate.set()
        await settle()
        assert house.evcc.calls == ["POST loadpoints/1/limitsoc/0", "POST loadpoints/1/limitsoc/100"]
        assert house.outlet.statuses.count("superseded") == 99
        assert house.outlet.statuses.count("ok") == 2


async def test_another_name_of_the_same_setting_supersedes_too() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(MODE, "pv")
        await settle()
        house.set("loadpoints/1/phases", "1")
        house.set("loadpoints/1/phasesConfigured", "3")
        house.evcc.gate.set()
        await settle()
        assert house.evcc.calls[1:] == ["POST loadpoints/1/phases/3"]
        assert ("loadpoints/1/phases", "superseded") in [
            (topic, answer["status"]) for topic, answer in house.outlet.answers
        ]


async def test_a_stale_command_is_answered_and_not_executed() -> None:
    async with running() as house:
        answer = await house.answered(MODE, "now", stale=True, retain=True)
        assert answer["status"] == "stale"
        assert answer["value"] == "now"
        assert house.evcc.calls == []
        assert house.outlet.erased == ["loadpoints/1/mode/set"]


async def test_what_is_found_after_a_reconnect_and_is_being_executed_already_gets_one_answer() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(MODE, "now", retain=True)
        await settle()
        house.set(MODE, "now", stale=True, retain=True)
        assert house.outlet.sent == []
        assert house.outlet.erased == ["loadpoints/1/mode/set"]
        house.evcc.gate.set()
        await settle()
        assert house.outlet.statuses == ["ok"]


async def test_what_is_retained_in_somebodys_own_subtree_stays_and_a_live_one_is_refused() -> None:
    async with running() as house:
        house.set("loadpoints/1/charger/current", "6", stale=True, retain=True)
        assert house.outlet.sent == []
        answer = await house.answered("loadpoints/1/charger/current", "6", retain=True)
        assert answer["status"] == "refused"
        assert house.outlet.erased == []


async def test_a_live_retained_command_is_executed_once_and_erased() -> None:
    async with running() as house:
        answer = await house.answered(MODE, "now", retain=True)
        assert answer["status"] == "ok"
        assert house.outlet.erased == ["loadpoints/1/mode/set"]
        house.set(MODE, b"", retain=True)  # the erasure, as the broker sends it round
        await settle()
        assert len(house.evcc.calls) == 1


@pytest.mark.parametrize(
    ("options", "topic", "reason"),
    [
        ({"enabled": False}, MODE, "commands are switched off (commands.enabled)"),
        ({"deny": ("site/*",)}, "site/prioritySoc", "site/prioritySoc may not be set (commands.deny)"),
        ({"allow": ("loadpoints/*/mode",)}, LIMIT, "loadpoints/1/limitSoc may not be set (commands.allow)"),
        ({"dry_run": True}, LIMIT, "dry run: evcc was not called (commands.dry_run)"),
    ],
)
async def test_options_limit_what_may_be_set(options: dict[str, Any], topic: str, reason: str) -> None:
    async with running(**options) as house:
        answer = await house.answered(topic, "80")
        assert (answer["status"], answer["error"]) == ("refused", reason)
        await house.clock.advance(20)
        assert house.evcc.calls == []


async def test_a_dry_run_says_what_it_would_have_called() -> None:
    async with running(dry_run=True) as house:
        assert (await house.answered(LIMIT, "80"))["call"] == "POST /api/loadpoints/1/limitsoc/80"


async def test_stopping_answers_everything_once() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(MODE, "pv")
        house.set(LIMIT, "80")
        house.set("site/prioritySoc", "30")
        await settle()
        house.inbox.stop()
        house.set(MODE, "now")
        assert house.outlet.statuses == ["failed"] * 4
        assert {answer["error"] for _, answer in house.outlet.answers} == {"bridge is stopping"}
        house.evcc.gate.set()
        await settle()
        assert len(house.outlet.sent) == 4
        assert len(house.evcc.calls) == 2


async def test_the_end_of_the_inbox_answers_everything() -> None:
    house = world()
    task = asyncio.create_task(house.inbox.run())
    house.evcc.otherwise = AWAY
    house.set(MODE, "pv")
    await house.clock.advance(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert house.outlet.statuses == ["failed"]


async def test_what_came_before_the_inbox_ran_is_not_lost() -> None:
    house = world()
    house.set(MODE, "pv")
    assert house.outlet.sent == []
    task = asyncio.create_task(house.inbox.run())
    await settle()
    assert house.outlet.statuses == ["ok"]
    task.cancel()


async def test_a_flood_leaves_nothing_behind_and_every_command_is_answered() -> None:
    topics = [
        f"loadpoints/{n}/{leaf}"
        for n in (1, 2, 3)
        for leaf in ("limitSoc", "batteryBoostLimit", "priority", "minCurrent")
    ]
    async with running(rate=50) as house:
        for number in range(10_000):
            house.set(topics[number % len(topics)], str(number % 11))
        assert sum(len(lane.waiting) for lane in house.inbox._lanes.values()) == len(topics)
        await house.clock.advance(2)
        assert len(house.outlet.sent) == 10_000
        assert house.outlet.statuses.count("ok") == len(house.evcc.calls) == len(topics)
        assert house.inbox._lanes == {}


async def test_nobody_can_open_queues_without_end_before_evcc_has_said_what_there_is() -> None:
    async with running(state={}) as house:
        house.evcc.gate.clear()
        for number in range(1, 3000):
            house.set(f"loadpoints/{number}/mode", "pv")
        assert len(house.inbox._lanes) == 1000
        assert house.outlet.statuses == ["refused"] * 1999


async def test_titles_lead_to_their_targets() -> None:
    house = world(by_title={"garage": Target(Scope.LOADPOINT, "2")}.get)
    task = asyncio.create_task(house.inbox.run())
    answer = await house.answered("by-title/garage/mode", "pv")
    assert answer["status"] == "ok"
    assert house.evcc.calls == ["POST loadpoints/2/mode/pv"]
    task.cancel()


async def test_a_flood_does_not_flood_the_log() -> None:
    with capture_logs() as lines:
        async with running() as house:
            for _ in range(1000):
                house.set(LIMIT, "101")
            await house.clock.advance(11)
            house.set(LIMIT, "101")
    assert len(lines) == 21
    assert lines[0]["log_level"] == "warning"
    assert lines[0]["error"] == "limitSoc takes 0 to 100, got 101"
    assert lines[-1]["unsaid"] == 980


async def test_an_external_battery_mode_is_kept_when_asked_for() -> None:
    async with running(keep_battery_mode=True) as house:
        await house.answered("site/batteryMode", "hold")
        await house.clock.advance(95)
        assert house.evcc.calls == ["POST batterymode/hold"] * 4
        assert len(house.outlet.sent) == 1  # nobody waits for the repetitions
        await house.answered("site/batteryMode", "-")
        await house.clock.advance(200)
        assert house.evcc.calls[4:] == ["DELETE batterymode"]


async def test_state_is_asked_anew_for_each_command() -> None:
    async with running() as house:
        assert (await house.answered("loadpoints/4/mode", "pv"))["status"] == "refused"
        house.state["loadpoints"] = [*TODAY["loadpoints"], {}]
        assert (await house.answered("loadpoints/4/mode", "pv"))["status"] == "ok"
