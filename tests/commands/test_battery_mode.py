import asyncio

import pytest

from tests.commands.fakes import AWAY, reply, running, settle, virtual

TOPIC = "site/batteryMode"
HOLD = "POST batterymode/hold"


@pytest.mark.parametrize("last", ["-", "none"])
@virtual
async def test_a_mode_is_repeated_until_it_is_cleared(last: str) -> None:
    async with running(keep_battery_mode=True) as house:
        await house.answered(TOPIC, "hold")
        await asyncio.sleep(65)
        assert house.evcc.calls == [HOLD] * 3
        await house.answered(TOPIC, last)
        await asyncio.sleep(300)
        assert house.evcc.calls == [*[HOLD] * 3, "DELETE batterymode"]


@virtual
async def test_the_gap_between_repetitions_stays_below_evccs_60_seconds() -> None:
    async with running(keep_battery_mode=True) as house:
        await asyncio.sleep(29)
        await house.answered(TOPIC, "hold")
        await asyncio.sleep(300)
        gaps = [later - earlier for earlier, later in zip(house.evcc.times, house.evcc.times[1:], strict=False)]
        assert len(gaps) == 10
        assert max(gaps) <= 30


@virtual
async def test_another_mode_takes_over() -> None:
    async with running(keep_battery_mode=True) as house:
        await house.answered(TOPIC, "hold")
        await house.answered(TOPIC, "charge")
        await asyncio.sleep(35)
        assert house.evcc.calls == [HOLD, "POST batterymode/charge", "POST batterymode/charge"]


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("last", ["-", "charge"])
@virtual
async def test_a_mode_that_evcc_takes_late_does_not_come_back_after_the_next_command(last: str, repeated: bool) -> None:
    async with running(keep_battery_mode=True) as house:
        if repeated:
            await house.answered(TOPIC, "hold")
        house.evcc.gate.clear()
        if repeated:
            await asyncio.sleep(30)
        else:
            house.set(TOPIC, "hold")
        await settle()
        house.set(TOPIC, last)
        before = house.evcc.calls.count(HOLD)
        house.evcc.gate.set()
        await asyncio.sleep(100)
        assert house.evcc.calls.count(HOLD) == before


@virtual
async def test_what_evcc_refuses_is_not_repeated() -> None:
    async with running(keep_battery_mode=True) as house:
        house.evcc.replies = [reply(), reply(400, {"error": "no battery"})]
        await house.answered(TOPIC, "hold")
        await asyncio.sleep(300)
        assert house.evcc.calls == [HOLD] * 2


@virtual
async def test_repetitions_go_on_when_evcc_was_away() -> None:
    async with running(keep_battery_mode=True) as house:
        await house.answered(TOPIC, "hold")
        house.evcc.otherwise = AWAY
        await asyncio.sleep(100)
        house.evcc.otherwise = reply()
        before = len(house.evcc.calls)
        await asyncio.sleep(60)
        assert len(house.evcc.calls) >= before + 2
        assert len(house.mirror.sent) == 1


@virtual
async def test_other_settings_are_never_repeated() -> None:
    async with running(keep_battery_mode=True) as house:
        await house.answered("loadpoints/1/mode", "now")
        await asyncio.sleep(300)
        assert len(house.evcc.calls) == 1


@virtual
async def test_by_default_nothing_is_repeated() -> None:
    async with running() as house:
        await house.answered(TOPIC, "hold")
        await asyncio.sleep(300)
        assert house.evcc.calls == [HOLD]
