import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.extras import Extras
from bridge.mqtt.message import Message
from bridge.settings import Settings
from tests.extras.outlet import Outlet
from tests.extras.recorded import ERAS, FakeEvcc, evcc_of, reply, state
from tests.virtual import START, in_virtual_time, monotonic, now


class House:
    """All extras of a recorded house."""

    def __init__(self, era: str = "0.313.2", **settings: Any) -> None:
        self.evcc: FakeEvcc = evcc_of(era)
        self.state = state(era)
        self.outlet = Outlet()
        self.well: list[bool] = []
        self.problems: dict[str, str | None] = {}
        self.refreshed = 0
        self.extras = Extras(
            self.evcc,
            lambda: self.state,
            self.outlet,
            Settings(**settings),
            ZoneInfo("Europe/Berlin"),
            problem=self.problem,
            refresh=self.refresh,
            well=self.well.append,
            now=now,
            monotonic=monotonic,
        )

    def problem(self, key: str, text: str | None) -> None:
        self.problems[key] = text

    def refresh(self) -> None:
        self.refreshed += 1

    def change(self, number: int = 1, *, certain: bool = True, **values: Any) -> None:
        """A loadpoint says something else."""
        old = self.state
        loadpoints = list(old["loadpoints"])
        loadpoints[number - 1] = loadpoints[number - 1] | values
        self.state = old | {"loadpoints": loadpoints}
        self.extras.changed(old, self.state, certain=certain)

    @asynccontextmanager
    async def running(self, *, certain: bool = True) -> AsyncIterator[None]:
        task = asyncio.create_task(self.extras.run())
        self.extras.changed({}, self.state, certain=certain)
        await asyncio.sleep(1)
        yield
        task.cancel()


@pytest.mark.parametrize("era", ERAS)
def test_everything_is_read_once_and_an_idle_hour_takes_few_questions(era: str) -> None:
    async def main() -> None:
        house = House(era)
        async with house.running():
            assert house.extras.pending == frozenset()
            assert {topic.split("/")[0] for topic in house.outlet.topics} >= {"tariffs", "sessions", "loadpoints"}
            first = len(house.evcc.asked)
            assert first <= 14
            await asyncio.sleep(3600)
            assert len(house.evcc.asked) - first < 20
            await asyncio.sleep(23 * 3600)
            assert len(house.evcc.asked) - first < 24 * 20

    in_virtual_time(main())


@pytest.mark.parametrize("era", ERAS)
def test_topics_of_the_recorded_house(era: str) -> None:
    async def main() -> None:
        house = House(era)
        async with house.running():
            topics = house.outlet.topics
        assert topics["tariffs/feedin/now"] == b"0.08"
        assert topics["sessions/total/energy"] == b"52.9"
        assert topics.get("site/telemetry") == (b"false" if era == "0.131.4" else None)
        assert house.well == ([True] if era == "0.131.4" else [])

    in_virtual_time(main())


def test_nothing_is_asked_before_evcc_is_complete() -> None:
    async def main() -> None:
        house = House()
        async with house.running(certain=False):
            await asyncio.sleep(100)
            assert house.evcc.asked == []
            assert house.extras.pending == {"tariffs", "sessions", "plans", "telemetry", "health"}
            house.change(certain=True)
            await asyncio.sleep(1)
            assert len(house.evcc.asked) > 5

    in_virtual_time(main())


def test_what_is_switched_off_is_not_asked_for() -> None:
    async def main() -> None:
        house = House(extras={"tariffs": False, "sessions": False, "plans": False})
        async with house.running():
            assert house.evcc.asked == ["/api/health"]
            assert house.extras.pending == frozenset()

    in_virtual_time(main())


def test_an_ended_session_is_an_event_with_its_figures_and_a_new_list() -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            row = {"created": "2026-11-25T09:00:00Z", "loadpoint": "Carport + Süd", "chargedEnergy": 5, "price": 1.2}
            house.evcc.answers["/api/sessions"] = reply([row | {"chargeDuration": 1800 * 10**9}])
            house.change(charging=False, sessionEnergy=5010)
            house.change(connected=False)
            await asyncio.sleep(5)
            stopped, left, ended = house.outlet.all()
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
            assert house.outlet.topics["sessions"] == b"1"

    in_virtual_time(main())


def test_a_thousand_sessions_that_end_at_once_are_all_told() -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            for _ in range(1000):
                house.change(connected=False)
                house.change(connected=True)
            await asyncio.sleep(3600)
            ended = [event for event in house.outlet.all() if event["event"] == "session_end"]
            assert len(ended) == 1000
            assert {event["energy"] for event in ended} == {0}

    in_virtual_time(main())


def test_without_sessions_the_loadpoint_tells_what_one_has_brought() -> None:
    async def main() -> None:
        house = House(extras={"sessions": False})
        async with house.running():
            house.change(sessionEnergy=5010, sessionPrice=1.5)
            house.change(connected=False, sessionEnergy=0)
            ended = house.outlet.all()[-1]
            assert (ended["event"], ended["energy"], ended["cost"]) == ("session_end", 5.01, 1.5)
            assert "sessions" not in house.outlet.sources

    in_virtual_time(main())


def test_a_changed_plan_is_asked_for_at_once() -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            house.evcc.asked.clear()
            house.change(2, planTime="2026-11-28T05:00:00Z")
            await asyncio.sleep(1)
            assert house.evcc.asked == ["/api/loadpoints/2/plan"]

    in_virtual_time(main())


def test_a_restart_makes_everything_be_asked_again_when_evcc_is_complete() -> None:
    async def main() -> None:
        house = House(topics={"jq": {"a": ".a"}})
        async with house.running():
            await asyncio.sleep(60)
            house.change(certain=False)
            house.extras.evcc_restarted()
            await asyncio.sleep(1)
            house.evcc.asked.clear()
            await asyncio.sleep(60)
            assert house.evcc.asked == []
            before = dict(house.outlet.sources)
            house.change(certain=True)
            await asyncio.sleep(1)
            assert {"/api/tariff/solar", "/api/sessions", "/api/health"} <= set(house.evcc.asked)
            assert dict(house.outlet.sources) == before
            assert house.outlet.all() == []

    in_virtual_time(main())


def test_what_was_not_there_is_asked_for_again_once_evcc_is_complete_again() -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            solar = "/api/tariff/solar"
            await asyncio.sleep(1000)
            assert house.evcc.asked.count(solar) == 1
            house.change(certain=False)
            house.change(certain=True)
            await asyncio.sleep(1000)
            assert house.evcc.asked.count(solar) == 2

    in_virtual_time(main())


def test_a_refresh_reads_everything() -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            house.evcc.asked.clear()
            house.extras.request(Message("bridge/request/refresh", b"{}"))
            await asyncio.sleep(1)
            assert house.refreshed == 1
            assert {"/api/tariff/grid", "/api/sessions", "/api/loadpoints/1/plan"} <= set(house.evcc.asked)

    in_virtual_time(main())


def test_telemetry_is_asked_for_after_a_command() -> None:
    async def main() -> None:
        house = House("0.131.4")
        async with house.running():
            house.evcc.answers["/api/settings/telemetry"] = reply({"result": True})
            house.extras.commanded()
            await asyncio.sleep(1)
            assert house.outlet.topics["site/telemetry"] == b"true"

    in_virtual_time(main())


def test_evcc_comes_and_goes() -> None:
    async def main() -> None:
        house = House()
        for online in (True, False, True):
            house.extras.evcc(online=online)
        assert [event["event"] for event in house.outlet.all()] == ["evcc_offline", "evcc_online"]

    in_virtual_time(main())


def test_jq_is_asked_at_every_interval() -> None:
    async def main() -> None:
        house = House(topics={"jq": {"a": ".a", "b": ".b"}}, evcc={"interval": 20})
        house.evcc.answers["/api/state"] = reply({"a": 1, "b": {"__error": "no"}})
        async with house.running():
            await asyncio.sleep(200)
            questions = [path for path in house.evcc.asked if path.startswith("/api/state") and "error" in path]
            assert len(questions) == 2 + 11
            assert house.outlet.sources["jq"] == {"jq/a": b"1"}
            assert house.problems == {"jq": "jq b: no"}

    in_virtual_time(main())
