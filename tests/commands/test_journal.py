"""The journal: every command with its answer, whatever became of it, and what the bridge itself gives back."""

import asyncio
from typing import Any

import pytest

from bridge.commands.answer import _MOST_ENTRIES
from tests.commands.fakes import AWAY, World, reply, running, virtual
from tests.commands.test_leases import CURRENT, SIXTEEN, borrow, show
from tests.virtual import now

MODE, LIMIT = "loadpoints/1/mode", "loadpoints/1/limitSoc"


def entries(house: World) -> list[dict[str, Any]]:
    return [entry.fields() for entry in house.dispatcher.journal.entries]


@virtual
async def test_an_entry_has_everything_that_is_known() -> None:
    async with running() as house:
        answer = await house.answered(LIMIT, "80 %", response_topic="answers/me", correlation=b"1")
        [entry] = entries(house)
        assert entry == {"topic": LIMIT, "payload": "80 %", "origin": "answers/me", "time": entry["time"], **answer}
        assert (entry["call"], entry["http"]) == ("POST /api/loadpoints/1/limitsoc/80", 200)
        assert abs(entry["time"] - now()) < 1


@virtual
async def test_the_origin_is_left_out_where_mqtt_does_not_show_it() -> None:
    async with running() as house:
        await house.answered(LIMIT, "80")
        assert "origin" not in entries(house)[0]


@virtual
async def test_the_duration_counts_from_the_arrival() -> None:
    async with running() as house:
        house.evcc.replies = [AWAY, AWAY]
        house.set(LIMIT, "80")
        await asyncio.sleep(5)
        assert entries(house)[0]["ms"] >= 100


@virtual
async def test_what_is_not_carried_out_is_there_with_its_reason() -> None:
    async with running(deny=["site/prioritySoc"], deadline=5) as house:
        house.set(MODE, "now", stale=True)
        house.set("site/prioritySoc", "10")
        house.set("loadpoints/1/limitsocc", "10")
        house.set(LIMIT, "101")
        house.set(MODE, "pv", waited=6)
        await house.taken()
        house.evcc.gate.clear()
        for value in ("1", "2", "3"):
            house.set(LIMIT, value)
        await house.taken()
        house.evcc.gate.set()
        await asyncio.sleep(1)
        house.evcc.otherwise = reply(400, {"error": "not now"})
        await house.answered(MODE, "pv")
        house.evcc.otherwise = AWAY
        house.set(MODE, "off")
        await asyncio.sleep(10)
        found = [(entry["topic"].rpartition("/")[2], entry["payload"], entry["status"]) for entry in entries(house)]
        assert found == [
            ("mode", "now", "stale"),
            ("prioritySoc", "10", "refused"),
            ("limitsocc", "10", "refused"),
            ("limitSoc", "101", "refused"),
            ("mode", "pv", "stale"),
            ("limitSoc", "2", "superseded"),
            ("limitSoc", "1", "ok"),
            ("limitSoc", "3", "ok"),
            ("mode", "pv", "refused"),
            ("mode", "off", "failed"),
        ]
        assert all(entry["error"] for entry in entries(house) if entry["status"] != "ok")
        assert "commands.deny" in entries(house)[1]["error"]


class TestLeases:
    @virtual
    async def test_what_is_given_back(self) -> None:
        async with running() as house:
            show(house, maxCurrent=10)
            await borrow(house)
            await asyncio.sleep(905)
            borrowed, returned = entries(house)
            assert (borrowed["payload"], borrowed["value"], borrowed["status"]) == (SIXTEEN, 16, "ok")
            assert (returned["topic"], returned["payload"], returned["status"]) == (CURRENT, "10", "ok")
            assert (returned["origin"], returned["call"]) == ("lease", "POST /api/loadpoints/1/maxcurrent/10")
            assert len(house.mirror.sent) == 1
            assert house.dispatcher.counts.total() == 1

    @virtual
    async def test_what_evcc_refuses_to_take_back(self) -> None:
        async with running() as house:
            show(house, maxCurrent=10)
            await borrow(house)
            house.evcc.otherwise = reply(400, {"error": "not now"})
            await asyncio.sleep(905)
            assert [(entry["status"], entry["error"]) for entry in entries(house)] == [
                ("ok", None),
                ("refused", "not now"),
            ]

    @virtual
    async def test_attempts_while_evcc_is_away_are_none(self) -> None:
        async with running() as house:
            show(house, maxCurrent=10)
            await borrow(house)
            house.evcc.otherwise = AWAY
            await asyncio.sleep(1000)
            assert len(entries(house)) == 1
            house.evcc.otherwise = reply()
            await asyncio.sleep(60)
            assert [entry["status"] for entry in entries(house)] == ["ok", "ok"]


@pytest.mark.parametrize("count", [_MOST_ENTRIES + 5])
@virtual
async def test_the_last_200(count: int) -> None:
    async with running() as house:
        for number in range(count):
            await house.answered(f"site/nothing{number}", "1")
        found = entries(house)
        assert len(found) == _MOST_ENTRIES == 200
        assert (found[0]["topic"], found[-1]["topic"]) == ("site/nothing5", f"site/nothing{count - 1}")
        assert house.dispatcher.journal.total == count
