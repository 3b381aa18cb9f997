"""The phases of a restarting evcc, held to the recorded ones."""

from typing import Any

import httpx
import pytest

from evcc_simulator import Evcc, Stage
from tests.simulator.recorded import ERAS, document, unwrapped

Shape = tuple[set[str], list[set[str]]]


def _shape(state: dict[str, Any]) -> Shape:
    """The keys at the top and of each loadpoint; the recording leaves forecasts out."""
    return set(state) - {"forecast"}, [set(loadpoint) for loadpoint in state["loadpoints"]]


def _recorded(era: str) -> list[Shape]:
    rows = document(era, "startup.json")
    return [_shape(unwrapped(row["body"])) for row in rows if isinstance(row.get("body"), dict)]


def _without_limits(evcc: Evcc) -> None:
    """As when it was recorded: no limit was set, and what is not set is not published."""
    for index in range(len(evcc.house.loadpoints)):
        evcc.set(("loadpoints", index, "smartCostLimit"), None)


@pytest.mark.parametrize("era", ERAS)
async def test_grows_by_hand_through_the_recorded_shapes(era: str) -> None:
    async with Evcc(era, still=True) as evcc:
        _without_limits(evcc)
        await evcc.restart(scale=None)
        shapes = []
        while evcc.stage is not Stage.COMPLETE:
            if await evcc.step() in (Stage.HALF, Stage.GROWING, Stage.COMPLETE):
                shapes.append(_shape(evcc.state))
    assert shapes == _recorded(era)


async def test_refuses_then_answers_404_then_grows() -> None:
    async with Evcc() as evcc, httpx.AsyncClient(base_url=evcc.url) as client:
        await evcc.restart(scale=None)
        with pytest.raises(httpx.ConnectError):
            await client.get("/api/state")
        assert await evcc.step() is Stage.SILENT
        assert (await client.get("/api/state")).text == "404 page not found\n"
        assert await evcc.step() is Stage.HALF
        assert (await client.get("/api/state")).status_code == 200


async def test_the_older_era_has_no_silence() -> None:
    async with Evcc("0.131.4") as evcc:
        await evcc.restart(scale=None)
        assert await evcc.step() is Stage.GROWING


async def test_starts_by_itself_at_the_scaled_pace() -> None:
    async with Evcc(interval=0.01) as evcc:
        before = evcc.state
        await evcc.restart(scale=0.05)
        assert evcc.stage is Stage.REFUSED
        await evcc.complete()
        assert _shape(evcc.state)[1] == _shape(before)[1]


async def test_values_come_back_over_push_one_by_one() -> None:
    async with Evcc(still=True) as evcc:
        frames: list[str] = []
        evcc.simulation.listen(frames.extend)
        await evcc.restart(scale=None)
        for _ in range(4):
            await evcc.step()
        assert "loadpoints.0.plan" in frames
        assert "loadpoints.2.plan" not in frames
        await evcc.step()
        assert "loadpoints.2.plan" in frames


@pytest.mark.parametrize("era", ERAS)
async def test_a_broken_configuration_shows_the_recorded_state(era: str) -> None:
    async with Evcc(era, fatal=True) as evcc, httpx.AsyncClient(base_url=evcc.url) as client:
        assert unwrapped((await client.get("/api/state")).json()) == unwrapped(document(era, "fatal.json"))


async def test_restarts_into_a_broken_configuration_and_out_of_it() -> None:
    async with Evcc(interval=0.01) as evcc:
        await evcc.restart(scale=0.01, fatal=True)
        await evcc.complete()
        assert evcc.state["fatal"]
        await evcc.restart(scale=0.01)
        await evcc.complete()
        assert "fatal" not in evcc.state
        assert len(evcc.state["loadpoints"]) == 3


async def test_a_second_restart_begins_again() -> None:
    async with Evcc(interval=0.01) as evcc:
        await evcc.restart(scale=1)
        await evcc.restart(scale=0.01)
        await evcc.complete(timeout=2)
        assert evcc.stage is Stage.COMPLETE
