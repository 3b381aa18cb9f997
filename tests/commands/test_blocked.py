"""Settings that evcc refuses with 409 while its optimizer decides on them."""

import asyncio

import pytest

from bridge.evcc.reader import Update
from bridge.state.state import SITE, Change, Scope, Target
from tests.commands.fakes import World, reply, running, virtual
from tests.settable.house import TODAY

LIMIT = "loadpoints/1/smartCostLimit"
REASON = "limit is controlled by the optimizer"
CONFLICT = reply(409, {"error": REASON})


async def block(house: World) -> None:
    """Have evcc refuse a limit."""
    house.evcc.replies = [CONFLICT]
    answer = await house.answered(LIMIT, "0.2")
    assert (answer["status"], answer["error"], answer["http"]) == ("refused", REASON, 409)
    assert house.dispatcher.blocked == {LIMIT: REASON}


@virtual
async def test_a_409_is_evccs_reason_and_the_setting_counts_as_refused_for_a_quarter_of_an_hour() -> None:
    async with running() as house:
        await block(house)
        await asyncio.sleep(800)
        assert house.dispatcher.blocked == {LIMIT: REASON}
        await asyncio.sleep(100)
        assert house.dispatcher.blocked == {}


@virtual
async def test_the_setting_is_sent_to_evcc_all_the_same_and_is_settable_once_evcc_takes_it() -> None:
    async with running() as house:
        await block(house)
        await house.answered("loadpoints/2/smartCostLimit", "0.2")
        assert house.dispatcher.blocked == {LIMIT: REASON}
        await house.answered(LIMIT, "0.2")
        assert house.evcc.calls.count("POST loadpoints/1/smartcostlimit/0.2") == 2
        assert house.dispatcher.blocked == {}


@virtual
@pytest.mark.parametrize("status", [400, 404, 422])
async def test_any_other_refusal_concerns_the_value_only(status: int) -> None:
    async with running() as house:
        house.evcc.replies = [reply(status, {"error": "no"})]
        assert (await house.answered(LIMIT, "0.2"))["status"] == "refused"
        assert house.dispatcher.blocked == {}


@virtual
@pytest.mark.parametrize(
    ("change", "restarted", "over"),
    [
        (Change(SITE, "optimizer", True, False), False, True),
        (Change(SITE, "optimizerChargingStrategy", "a", "b"), False, True),
        (Change(SITE, "pvPower", 1, 2), False, False),
        (Change(Target(Scope.LOADPOINT, "1"), "optimizer", 1, 2), False, False),
        (Change(SITE, "pvPower", 1, 2), True, True),
    ],
)
async def test_it_is_over_when_the_optimizer_or_evcc_is_another(change: Change, restarted: bool, over: bool) -> None:
    async with running() as house:
        await block(house)
        house.dispatcher.update(Update(TODAY, (change,), complete=True, restarted=restarted))
        assert (house.dispatcher.blocked == {}) is over
