import asyncio

import pytest

from bridge.state.state import Scope, Target
from tests.extras.house import Recorded
from tests.extras.recorded import ERAS, reply
from tests.virtual import START, in_virtual_time


@pytest.mark.parametrize("era", ERAS)
def test_everything_is_read_once_and_an_idle_hour_takes_few_requests(era: str) -> None:
    async def main() -> None:
        house = Recorded(era)
        async with house.running():
            assert house.mirror.unread == set()
            assert {topic.split("/")[0] for topic in house.mirror.topics} >= {"tariffs", "sessions", "loadpoints"}
            first = len(house.evcc.asked)
            assert first <= 15
            await asyncio.sleep(3600)
            assert len(house.evcc.asked) - first < 20
            await asyncio.sleep(23 * 3600)
            assert len(house.evcc.asked) - first < 24 * 20

    in_virtual_time(main())


@pytest.mark.parametrize("era", ERAS)
def test_topics_of_the_recorded_house(era: str) -> None:
    async def main() -> None:
        house = Recorded(era)
        async with house.running():
            topics = house.mirror.topics
        assert topics["tariffs/feedin/now"] == b"0.08"
        assert topics["sessions/total/energy"] == b"52.9"
        assert topics.get("site/telemetry") == (b"false" if era == "0.131.4" else None)
        assert house.reader.hangs == ([False] if era == "0.131.4" else [])

    in_virtual_time(main())


def test_nothing_is_read_before_evcc_is_complete() -> None:
    async def main() -> None:
        house = Recorded()
        async with house.running(complete=False):
            await asyncio.sleep(100)
            assert house.evcc.asked == []
            assert house.mirror.unread == {
                "tariffs/#",
                "sessions/#",
                "loadpoints/+/planDetails",
                "history/#",
                "site/telemetry",
            }
            house.change(complete=True)
            await asyncio.sleep(1)
            assert len(house.evcc.asked) > 5

    in_virtual_time(main())


def test_what_is_switched_off_is_not_read_and_its_old_topics_are_not_kept() -> None:
    async def main() -> None:
        house = Recorded(extras={"tariffs": False, "sessions": False, "plans": False, "history": False})
        assert house.mirror.unread == {"site/telemetry"}
        async with house.running():
            assert house.evcc.asked == ["/api/health"]
            assert house.mirror.unread == set()

    in_virtual_time(main())


def test_excluded_topics_are_not_published() -> None:
    async def main() -> None:
        house = Recorded(topics={"exclude": ["tariffs/*/min", "sessions/last*"]})
        async with house.running():
            topics = house.mirror.topics
        assert "tariffs/grid/max" in topics
        assert not [topic for topic in topics if topic.endswith("/min") or topic.startswith("sessions/last")]

    in_virtual_time(main())


def test_an_ended_session_is_an_event_with_its_figures_and_a_new_list() -> None:
    async def main() -> None:
        house = Recorded()
        async with house.running():
            row = {"created": "2026-11-25T09:00:00Z", "loadpoint": "Carport + Süd", "chargedEnergy": 5, "price": 1.2}
            house.evcc.answers["/api/sessions"] = reply([row | {"chargeDuration": 1800 * 10**9}])
            house.change(charging=False, sessionEnergy=5010)
            house.change(connected=False)
            await asyncio.sleep(5)
            stopped, left, ended = house.mirror.all()
            assert (stopped["event"], left["event"]) == ("charge_stop", "disconnected")
            assert ended == {
                "event": "session_end",
                "time": int(START) + 1,
                "loadpoint": 1,
                "title": "Carport + Süd",
                "vehicle": "Blauer e-Golf",
                "energy": 5,
                "cost": 1.2,
                "duration": 1800,
            }
            assert house.mirror.topics["sessions"] == b"1"

    in_virtual_time(main())


def test_of_a_thousand_sessions_that_end_at_once_each_is_an_event() -> None:
    async def main() -> None:
        house = Recorded()
        async with house.running():
            house.change(charging=False)
            for _ in range(1000):
                house.change(connected=False)
                house.change(connected=True)
            await asyncio.sleep(3600)
            ended = [event for event in house.mirror.all() if event["event"] == "session_end"]
            assert len(ended) == 1000
            assert {event["energy"] for event in ended} == {0}

    in_virtual_time(main())


def test_without_sessions_an_ended_one_has_the_loadpoints_own_figures() -> None:
    async def main() -> None:
        house = Recorded(extras={"sessions": False})
        async with house.running():
            house.change(sessionEnergy=5010, sessionPrice=1.5)
            house.change(connected=False, charging=False, sessionEnergy=0)
            ended = house.mirror.all()[-1]
            assert (ended["event"], ended["energy"], ended["cost"]) == ("session_end", 5.01, 1.5)
            assert "sessions" not in house.mirror.sources

    in_virtual_time(main())


def test_a_changed_plan_is_read_at_once() -> None:
    async def main() -> None:
        house = Recorded()
        async with house.running():
            house.evcc.asked.clear()
            house.change(2, planTime="2026-11-28T05:00:00Z")
            await asyncio.sleep(1)
            assert house.evcc.asked == ["/api/loadpoints/2/plan"]

    in_virtual_time(main())


def test_after_a_restart_everything_is_read_again_once_evcc_is_complete() -> None:
    async def main() -> None:
        house = Recorded(topics={"jq": {"a": ".a"}})
        async with house.running():
            await asyncio.sleep(60)
            house.extras.update(house.idle(complete=False, restarted=True))
            await asyncio.sleep(1)
            house.evcc.asked.clear()
            await asyncio.sleep(60)
            assert house.evcc.asked == []
            before = dict(house.mirror.sources)
            house.change(complete=True)
            await asyncio.sleep(1)
            assert {"/api/tariff/solar", "/api/sessions", "/api/health", "/api/loadpoints/2/plan"} <= set(
                house.evcc.asked
            )
            assert dict(house.mirror.sources) == before
            assert house.mirror.all() == []

    in_virtual_time(main())


def test_what_was_not_there_is_asked_for_again_once_evcc_is_complete_again() -> None:
    async def main() -> None:
        house = Recorded()
        async with house.running():
            solar = "/api/tariff/solar"
            await asyncio.sleep(1000)
            assert house.evcc.asked.count(solar) == 1
            house.change(complete=False)
            house.change(complete=True)
            await asyncio.sleep(1000)
            assert house.evcc.asked.count(solar) == 2

    in_virtual_time(main())


def test_a_refresh_reads_everything() -> None:
    async def main() -> None:
        house = Recorded()
        async with house.running():
            house.evcc.asked.clear()
            house.request("refresh")
            await asyncio.sleep(1)
            assert house.reader.refreshed == 1
            assert {"/api/tariff/grid", "/api/sessions", "/api/loadpoints/1/plan"} <= set(house.evcc.asked)

    in_virtual_time(main())


def test_of_many_commands_only_one_for_telemetry_has_it_read_again() -> None:
    async def main() -> None:
        house = Recorded("0.131.4")
        async with house.running():
            house.evcc.asked.clear()
            for key in ("prioritySoc", "bufferSoc", "residualPower"):
                house.extras.commanded(Target(Scope.SITE), key)
            house.extras.commanded(Target(Scope.LOADPOINT, "1"), "mode")
            await asyncio.sleep(1)
            assert house.evcc.asked == []
            house.evcc.answers["/api/settings/telemetry"] = reply({"result": True})
            house.extras.commanded(Target(Scope.SITE), "telemetry")
            await asyncio.sleep(1)
            assert house.mirror.topics["site/telemetry"] == b"true"

    in_virtual_time(main())


def test_jq_is_read_at_every_interval_with_one_request() -> None:
    async def main() -> None:
        house = Recorded(topics={"jq": {"a": ".a", "b": ".b"}}, evcc={"interval": 20})
        house.evcc.answers["/api/state"] = reply({"a": 1, "b": {"__error": "no"}})
        async with house.running():
            await asyncio.sleep(200)
            requests = [path for path in house.evcc.asked if path.startswith("/api/state") and "error" in path]
            assert len(requests) == 2 + 11
            assert house.mirror.sources["jq"] == {"jq/a": b"1"}
            assert house.diagnostics.text == "jq b: no (in .b)"

    in_virtual_time(main())
