import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.evcc.client import Reply
from bridge.evcc.reader import Update
from bridge.state.by_title import slug
from bridge.state.state import Scope, State, Target
from tests.commands.fakes import AWAY, NO_ROUTE, reply, running, settle, virtual
from tests.settable.house import TODAY, recorded, today
from tests.virtual import monotonic

MODE = "loadpoints/1/mode"
LIMIT = "loadpoints/1/limitSoc"


@virtual
async def test_a_command_becomes_one_call_and_one_answer() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(LIMIT, "80 %")
        await asyncio.sleep(0.0031)
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
        assert house.mirror.sent == [(LIMIT, answer)]
        assert house.reader.reads == [monotonic()]
        assert house.dispatcher.counts == {"ok": 1}


@virtual
async def test_the_last_answer_is_retained_with_its_topic() -> None:
    async with running() as house:
        await house.answered(LIMIT, "80")
        await house.answered(LIMIT, "101")
        assert house.mirror.retained.keys() == {"bridge/command"}
        assert b'"topic":"loadpoints/1/limitSoc","status":"refused"' in house.mirror.retained["bridge/command"]


@virtual
async def test_the_answer_goes_where_the_client_asked_for_it_too() -> None:
    async with running() as house:
        await house.answered(LIMIT, "80", response_topic="client/7", correlation=b"\x00\xff")
        await house.answered(LIMIT, "101", response_topic="client/7", correlation=None)
        [first, second] = house.mirror.responses
        assert (first[0], first[1]["status"], first[2]) == ("client/7", "ok", b"\x00\xff")
        assert (second[0], second[1]["status"], second[2]) == ("client/7", "refused", None)


@virtual
async def test_the_answers_topic_is_spelt_as_the_client_spelt_it() -> None:
    async with running() as house:
        await house.answered("loadpoints/1/limitsoc", "80")
        await house.answered("loadpoints/1/phases", "3")
        assert [topic for topic, _ in house.mirror.sent] == ["loadpoints/1/limitsoc", "loadpoints/1/phases"]


@virtual
async def test_clearing_is_answered_with_null_and_the_call_that_cleared() -> None:
    async with running() as house:
        answer = await house.answered("loadpoints/1/smartCostLimit", "nil")
        assert (answer["status"], answer["value"]) == ("ok", None)
        assert answer["call"] == "DELETE /api/loadpoints/1/smartcostlimit"


@virtual
async def test_json_goes_as_the_body() -> None:
    async with running() as house:
        answer = await house.answered("vehicles/bike/planStrategy", '{"continuous":true}')
        assert house.evcc.bodies == [{"continuous": True}]
        assert answer["value"] == {"continuous": True}


@virtual
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
        await asyncio.sleep(3)  # evcc's state shows by now that it has none
        answer = await house.answered("vehicles/bike/planSoc", '{"soc":70}')
        assert answer["error"] == 'planSoc takes "time" too while there is no plan to change, got {"soc":70}'


@pytest.mark.parametrize(
    ("topic", "payload", "error"),
    [
        (LIMIT, "101", "limitSoc takes 0 to 100, got 101"),
        (LIMIT, b"\xff\xfe", "limitSoc takes text in UTF-8"),
        (LIMIT, b"8\x00", "limitSoc takes text without NUL characters"),
        (LIMIT, "80\n90", "limitSoc takes a number in %, got 80\\n90"),
        (LIMIT, "../../system/shutdown", "limitSoc takes a number in %, got ../../system/shutdown"),
        ("loadpoints/9/mode", "pv", "there is no loadpoint 9: evcc has 3, counted from 1"),
        ("loadpoints/1/chargePower", "1", "loadpoints/1/chargePower is no setting; nearest: "),
        ("charger/mode", "pv", "charger/mode is no setting; nearest: "),
    ],
)
@virtual
async def test_what_makes_no_sense_is_refused_without_asking_evcc(topic: str, payload: str | bytes, error: str) -> None:
    async with running() as house:
        answer = await house.answered(topic, payload)
        assert answer["status"] == "refused"
        assert answer["error"].startswith(error)
        assert (answer["call"], answer["http"]) == (None, None)
        assert house.evcc.calls == []
        assert house.reader.reads == []


@virtual
async def test_a_payload_over_the_limit_is_refused_unread() -> None:
    async with running() as house:
        answer = await house.answered("vehicles/bike/repeatingPlans", b"[" * 1_000_000)
        assert answer["error"] == "1000000 bytes are too many: at most 65536 are read"
        assert len(answer["value"]) < 100


@virtual
async def test_an_empty_payload_is_no_command() -> None:
    async with running() as house:
        house.set(LIMIT, b"")
        house.set(LIMIT, b"", stale=True)
        await settle()
        assert house.evcc.calls == []
        assert house.mirror.sent == []


@virtual
async def test_evccs_refusal_comes_back_with_its_reason() -> None:
    async with running() as house:
        house.evcc.replies = [reply(400, {"error": "invalid value: smart"})]
        answer = await house.answered(MODE, "smart")
        assert (answer["status"], answer["error"], answer["http"]) == ("refused", "invalid value: smart", 400)
        assert house.reader.reads == []


@pytest.mark.parametrize(
    ("strange", "error"),
    [
        (reply(200, b"<html>", "text/html"), "no answer of evcc: HTTP 200 with text/html"),
        (reply(302, b"", "text/html"), "evcc's address redirects (302), which is not followed"),
        (reply(401, b"<html>", "text/html; charset=utf-8"), "no answer of evcc: HTTP 401 with text/html"),
        (reply(200, b"hello", ""), "no answer of evcc: HTTP 200 with no content type"),
    ],
)
@virtual
async def test_what_is_no_answer_of_evcc_is_failed(strange: Reply, error: str) -> None:
    async with running() as house:
        house.evcc.otherwise = strange
        answer = await house.answered(MODE, "pv")
        assert (answer["status"], answer["error"]) == ("failed", error)
        assert len(house.evcc.calls) == 1


@virtual
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


@virtual
async def test_targets_run_side_by_side() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        for topic in (LIMIT, "loadpoints/2/limitSoc", "vehicles/bike/limitSoc", "site/prioritySoc"):
            house.set(topic, "80")
        await settle()
        assert len(house.evcc.calls) == 4


@virtual
async def test_a_slider_becomes_a_few_calls_and_the_last_value_arrives() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        for value in range(101):
            house.set(LIMIT, str(value))
            if value % 50 == 0:
                await house.taken()
        house.evcc.gate.set()
        await settle()
        assert house.evcc.calls == ["POST loadpoints/1/limitsoc/0", "POST loadpoints/1/limitsoc/100"]
        assert house.statuses.count("superseded") == 99
        assert house.statuses.count("ok") == 2


@virtual
async def test_another_name_of_the_same_setting_supersedes_too() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(MODE, "pv")
        await settle()
        house.set("loadpoints/1/phases", "1")
        house.set("loadpoints/1/phasesConfigured", "3")
        await house.taken()
        house.evcc.gate.set()
        await settle()
        assert house.evcc.calls[1:] == ["POST loadpoints/1/phases/3"]
        assert ("loadpoints/1/phases", "superseded") in [
            (topic, answer["status"]) for topic, answer in house.mirror.sent
        ]


@virtual
async def test_a_stale_command_is_answered_and_not_executed() -> None:
    async with running() as house:
        answer = await house.answered(MODE, "now", stale=True, retain=True)
        assert answer["status"] == "stale"
        assert answer["value"] == "now"
        assert house.evcc.calls == []
        assert house.mirror.erased == ["loadpoints/1/mode/set"]


@virtual
async def test_what_is_found_after_a_reconnect_and_is_being_executed_already_gets_one_answer() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(MODE, "now", retain=True)
        await settle()
        house.set(MODE, "now", stale=True, retain=True)
        await settle()
        assert house.mirror.sent == []
        assert house.mirror.erased == ["loadpoints/1/mode/set"]
        house.evcc.gate.set()
        await settle()
        assert house.statuses == ["ok"]


@virtual
async def test_what_is_retained_in_somebodys_own_subtree_stays_and_a_live_one_is_refused() -> None:
    async with running() as house:
        house.set("loadpoints/1/charger/current", "6", stale=True, retain=True)
        await settle()
        assert house.mirror.sent == []
        answer = await house.answered("loadpoints/1/charger/current", "6", retain=True)
        assert answer["status"] == "refused"
        assert house.mirror.erased == []


@virtual
async def test_a_live_retained_command_is_executed_once_and_erased() -> None:
    async with running() as house:
        answer = await house.answered(MODE, "now", retain=True)
        assert answer["status"] == "ok"
        assert house.mirror.erased == ["loadpoints/1/mode/set"]
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
@virtual
async def test_options_limit_what_may_be_set(options: dict[str, Any], topic: str, reason: str) -> None:
    async with running(**options) as house:
        answer = await house.answered(topic, "80")
        assert (answer["status"], answer["error"]) == ("refused", reason)
        await asyncio.sleep(20)
        assert house.evcc.calls == []


@virtual
async def test_a_dry_run_says_what_it_would_have_called() -> None:
    async with running(dry_run=True) as house:
        assert (await house.answered(LIMIT, "80"))["call"] == "POST /api/loadpoints/1/limitsoc/80"


@virtual
async def test_a_stop_answers_everything_once() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(MODE, "pv")
        house.set(LIMIT, "80")
        house.set("site/prioritySoc", "30")
        await settle()
        assert len(house.evcc.calls) == 2
        house.set(MODE, "now")  # the stop comes before it is read
        house.set("loadpoints/2/limitSoc", "80")
        house.set("loadpoints/2/mode", "pv", stale=True, retain=True)
    assert sorted(house.statuses) == ["failed"] * 5 + ["stale"]
    assert set(house.errors) == {
        "bridge is stopping",
        "stored by the broker while nobody listened, and not carried out",
    }
    house.set(MODE, "off")  # between the end of the dispatcher and the end of the connection
    house.dispatcher.stop()
    house.dispatcher.stop()
    assert house.statuses.count("failed") == 6
    assert len(house.evcc.calls) == 2


@virtual
async def test_a_stop_while_evcc_is_away_answers_too() -> None:
    async with running() as house:
        house.evcc.otherwise = AWAY
        house.set(MODE, "pv")
        await asyncio.sleep(1)
    assert house.errors == ["bridge is stopping"]


@virtual
async def test_a_flood_leaves_nothing_behind_and_every_command_is_answered() -> None:
    topics = [
        f"loadpoints/{n}/{leaf}"
        for n in (1, 2, 3)
        for leaf in ("limitSoc", "batteryBoostLimit", "priority", "minCurrent")
    ]
    async with running(rate=50) as house:
        for number in range(10_000):
            house.set(topics[number % len(topics)], str(number % 11))
            if number % 500 == 0:
                await house.taken()
        await house.taken()
        assert sum(map(len, house.dispatcher._queues.values())) <= len(topics)
        await asyncio.sleep(5)
        assert len(house.mirror.sent) == 10_000
        assert set(house.statuses) == {"ok", "superseded"}
        assert house.statuses.count("ok") == len(house.evcc.calls) < 200
        assert house.dispatcher._queues == {}


@virtual
async def test_what_does_not_fit_into_the_queue_is_refused_once_a_second_and_dropped() -> None:
    async with running() as house:
        for _ in range(30):
            for number in range(3000):
                house.set(LIMIT, str(number % 101), response_topic="flood")
            await asyncio.sleep(0.1)
        refused = [error for error in house.errors if error == "too many commands"]
        assert len(refused) == 3
        assert house.mirror.commands.dropped == 30 * 2000
        assert "more commands arrive than can be answered" in house.diagnostics.text
        await asyncio.sleep(30)
        assert house.diagnostics.text == ""


@virtual
async def test_commands_wait_while_their_answers_cannot_be_sent() -> None:
    async with running() as house:
        house.mirror.congested = True
        for number in range(500):
            house.set(LIMIT, str(number % 101))
        await asyncio.sleep(1)
        assert (house.mirror.sent, house.evcc.calls) == ([], [])
        house.mirror.congested = False
        await asyncio.sleep(1)
        assert len(house.mirror.sent) == 500
        assert house.evcc.calls[-1] == "POST loadpoints/1/limitsoc/95"


@virtual
async def test_a_command_that_waited_beyond_its_deadline_is_stale() -> None:
    async with running(deadline=4) as house:
        await asyncio.sleep(100)
        for waited, options in ((4.1, {}), (2.1, {"expiry": 2})):
            answer = await house.answered(MODE, "now", waited=waited, **options)
            assert answer["status"] == "stale"
            assert answer["error"] == "read after its deadline, behind too many others, and not carried out"
        assert (await house.answered(MODE, "now", waited=3.9))["status"] == "ok"
        assert house.evcc.calls == ["POST loadpoints/1/mode/now"]


@virtual
async def test_the_deadline_counts_from_the_arrival() -> None:
    async with running(deadline=10) as house:
        await asyncio.sleep(100)
        house.evcc.otherwise = AWAY
        house.set(MODE, "now", waited=8)
        await asyncio.sleep(2.1)
        assert house.statuses == ["failed"]
        assert house.mirror.sent[0][1]["ms"] >= 10_000


@virtual
async def test_commands_that_come_while_the_bridge_is_stopping_are_answered_at_once() -> None:
    async with running() as house:
        house.evcc.gate.clear()
        house.set(MODE, "pv")
        house.set(LIMIT, "80")
        await settle()
        house.dispatcher.stop()
        assert house.errors == ["bridge is stopping"] * 2
        house.evcc.gate.set()
        house.set(MODE, "now")
        await asyncio.sleep(1)
        assert house.errors == ["bridge is stopping"] * 3
        assert house.evcc.calls == ["POST loadpoints/1/mode/pv"]
    assert len(house.mirror.sent) == 3


@virtual
async def test_nobody_can_open_queues_without_end_before_evcc_has_answered() -> None:
    async with running(State()) as house:
        house.evcc.gate.clear()
        for number in range(1, 3000):
            house.set(f"loadpoints/{number}/mode", "pv")
            if number % 500 == 0:
                await house.taken()
        await house.taken()
        assert len(house.dispatcher._queues) == 1000
        assert house.statuses == ["refused"] * 1999


@virtual
async def test_titles_lead_to_their_targets() -> None:
    async with running() as house:
        title = TODAY.loadpoints[1].title
        answer = await house.answered(f"by-title/{slug(title)}/mode", "pv")
        assert answer["status"] == "ok"
        assert house.evcc.calls == ["POST loadpoints/2/mode/pv"]


@virtual
async def test_a_flood_does_not_flood_the_log() -> None:
    with capture_logs() as lines:
        async with running() as house:
            for _ in range(1000):
                house.set(LIMIT, "101")
            await asyncio.sleep(11)
            house.set(LIMIT, "101")
            await settle()
    lines = [line for line in lines if line["log_level"] != "debug"]
    assert len(lines) == 21
    assert lines[0]["log_level"] == "warning"
    assert lines[0]["error"] == "limitSoc takes 0 to 100, got 101"
    assert lines[-1]["omitted"] == 980


@virtual
async def test_the_newest_state_counts_for_each_command() -> None:
    async with running() as house:
        assert (await house.answered("loadpoints/4/mode", "pv"))["status"] == "refused"
        house.reader.state = today(loadpoints=[*recorded("0.313.2")["loadpoints"], {}])
        assert (await house.answered("loadpoints/4/mode", "pv"))["status"] == "ok"


@virtual
async def test_a_setting_that_evcc_lacks_is_tried_again_after_a_restart_of_evcc() -> None:
    async with running() as house:
        house.evcc.otherwise = NO_ROUTE
        await house.answered("site/batteryMode", "hold")
        assert house.dispatcher.missing == {(Scope.SITE, "batteryMode")}
        house.dispatcher.update(Update(TODAY, (), complete=True, restarted=False))
        assert (await house.answered("site/batteryMode", "hold"))["http"] is None
        house.dispatcher.update(Update(TODAY, (), complete=True, restarted=True))
        assert house.dispatcher.missing == frozenset()
        house.evcc.otherwise = reply()
        assert (await house.answered("site/batteryMode", "hold"))["status"] == "ok"


REPEATING = "vehicles/my.car_2/repeatingPlans"


@virtual
async def test_a_field_of_a_repeating_plan_is_set_by_the_whole_list() -> None:
    async with running() as house:
        before = TODAY.vehicles["my.car_2"].values["repeatingPlans"]
        assert (await house.answered(f"{REPEATING}/2/active", "on"))["value"] is True
        assert house.evcc.calls == ["POST vehicles/my.car_2/plan/repeating"]
        assert house.evcc.bodies == [[before[0], {**before[1], "active": True}]]


@virtual
async def test_fields_that_are_set_right_after_each_other_all_arrive() -> None:
    async with running() as house:
        house.set(f"{REPEATING}/1/soc", "55")
        house.set(f"{REPEATING}/2/time", "6:15")
        await settle()
        assert house.evcc.bodies[-1][0]["soc"] == 55
        await house.answered(f"{REPEATING}/2/active", "on")  # evcc's state does not show the others yet
        first, second = house.evcc.bodies[-1]
        assert (first["soc"], second["time"], second["active"]) == (55, "06:15", True)
        assert house.statuses == ["ok"] * 3
        await asyncio.sleep(3)  # by now it does, or evcc has them no more
        await house.answered(f"{REPEATING}/1/active", "off")
        assert house.evcc.bodies[-1][0] == {**TODAY.vehicles["my.car_2"].values["repeatingPlans"][0], "active": False}


@virtual
async def test_an_entry_that_is_not_there_is_refused() -> None:
    async with running() as house:
        for topic, error in (
            (f"{REPEATING}/3/soc", "repeatingPlans/3/soc does not exist: evcc has 2 entries in repeatingPlans"),
            ("vehicles/bike/repeatingPlans/1/soc", "repeatingPlans/1/soc does not exist: evcc has 0 entries in"),
        ):
            answer = await house.answered(topic, "50")
            assert answer["status"] == "refused"
            assert answer["error"].startswith(error)
        assert house.evcc.calls == []


@virtual
async def test_the_journal_can_be_followed() -> None:
    async with running() as house:
        followed = house.dispatcher.journal.follow()
        first = asyncio.ensure_future(anext(followed))
        await settle()
        await house.answered("site/telemetry", "off", response_topic="x")
        entry = await first
        assert (entry.topic, entry.payload, entry.ok) == ("site/telemetry", "off", True)
        assert entry.found is not None
        assert (entry.found.target, entry.found.setting.leaf) == (Target(Scope.SITE), "telemetry")
        assert entry.answer["call"] == "POST /api/settings/telemetry/false"
        for number in range(250):
            house.set("site/nothing", str(number))
        await house.taken()
        assert (len(house.dispatcher.journal.entries), house.dispatcher.journal.total) == (200, 251)
        assert (await anext(followed)).payload == "50"  # who falls behind misses some
        assert house.dispatcher.journal.entries[-1].found is None


@virtual
async def test_the_journal_is_bounded_in_bytes() -> None:
    async with running() as house:
        for topic, payload in (
            ("x" * 60_000, "1"),
            ("vehicles/bike/repeatingPlans", "[" + ",".join(["{}"] * 20_000) + "]"),
        ):
            await house.answered(topic, payload)
        assert all(len(repr(entry.answer)) < 3000 for entry in house.dispatcher.journal.entries)
        assert all(len(entry.topic + entry.payload) < 1200 for entry in house.dispatcher.journal.entries)
