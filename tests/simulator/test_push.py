"""/ws of the simulated evcc, held to the recorded frames."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from evcc_simulator import Evcc
from tests.simulator.recorded import ERAS, NIGHT, lines, state

FORECASTS = 6


@asynccontextmanager
async def _client(evcc: Evcc) -> AsyncIterator[ClientConnection]:
    async with connect(f"{evcc.url.replace('http', 'ws')}/ws", max_size=None, proxy=None) as client:
        yield client


async def _frame(client: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), 5))
    return frame


async def _welcomed(client: ClientConnection, era: str) -> dict[str, Any]:
    """The whole state, forecasts included."""
    welcome = await _frame(client)
    for _ in range(FORECASTS if era == "0.313.2" else 0):
        welcome |= await _frame(client)
    return welcome


async def _until(client: ClientConnection, key: str) -> list[dict[str, Any]]:
    """The frames up to one that holds the key."""
    frames = [await _frame(client)]
    while key not in frames[-1]:
        frames.append(await _frame(client))
    return frames


async def _closed(client: ClientConnection) -> None:
    """Read what still comes until the connection is at its end."""
    with suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(client.recv(), 5)


def _recorded(era: str) -> list[dict[str, Any]]:
    return [line["frame"] for line in lines(era, "push.jsonl")]


def _cycle(era: str) -> list[dict[str, Any]]:
    """The frames of one recorded cycle of the first loadpoint, which a write brought about."""
    frames = _recorded(era)
    starts = [number for number, frame in enumerate(frames) if "loadpoints.0.limitSoc" in frame]
    return frames[starts[1] + 1 : starts[2]]


def _keys(frames: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The keys of each frame; readings of loadpoints come in the order in which their meters answer."""
    return sorted(tuple(frame) for frame in frames)


@pytest.mark.parametrize("era", ERAS)
async def test_welcomes_with_every_recorded_key_in_one_frame(era: str) -> None:
    async with Evcc(era) as evcc, _client(evcc) as client:
        assert set(await _frame(client)) == set(_recorded(era)[0])


@pytest.mark.parametrize("era", ERAS)
async def test_welcome_says_what_rest_says(era: str) -> None:
    async with Evcc(era, start=NIGHT) as evcc, _client(evcc) as client:
        welcome = await _welcomed(client, era)
    for key, value in state(era).items():
        if key == "loadpoints":
            for index, loadpoint in enumerate(value):
                assert loadpoint.items() == {name: welcome[f"loadpoints.{index}.{name}"] for name in loadpoint}.items()
        elif key == "forecast":
            assert value.items() <= {shard: welcome[f"forecast.{shard}"] for shard in value}.items()
        else:
            assert welcome[key] == value


async def test_forecasts_follow_the_welcome_one_by_one_and_null_where_there_is_none() -> None:
    async with Evcc("0.313.2") as evcc, _client(evcc) as client:
        await _frame(client)
        frames = [await _frame(client) for _ in range(FORECASTS)]
    assert [list(frame) for frame in frames] == [list(frame) for frame in _recorded("0.313.2")[1 : 1 + FORECASTS]]
    assert frames[-1] == {"forecast.temperature": None}


@pytest.mark.parametrize("era", ERAS)
async def test_a_write_sends_its_own_frame_and_then_the_recorded_cycle(era: str) -> None:
    async with Evcc(era, start=NIGHT, speed=0) as evcc:
        evcc.simulation.settle()
        async with _client(evcc) as client, httpx.AsyncClient(base_url=evcc.url) as http:
            await _welcomed(client, era)
            await http.post("/api/loadpoints/1/limitsoc/20")
            evcc.set("siteTitle", "end")
            frames = await _until(client, "siteTitle")
    assert frames[0] == {"loadpoints.0.limitSoc": 20}
    assert {"loadpoints.0.effectiveLimitSoc": 20} in frames
    extra = [("loadpoints.0.chargeRemainingDuration",), ("loadpoints.0.chargeRemainingEnergy",)]
    sent = [keys for keys in _keys(frames[1:-1]) if keys not in extra]
    assert sent == _keys(_cycle(era))


@pytest.mark.parametrize("era", ERAS)
async def test_a_still_house_repeats_itself(era: str) -> None:
    async with Evcc(era, start=NIGHT, still=True) as evcc:
        await evcc.cycle(3)
        async with _client(evcc) as client:
            known = await _welcomed(client, era)
            await evcc.cycle(3)
            evcc.set("siteTitle", "end")
            frames = (await _until(client, "siteTitle"))[:-1]
    assert len(frames) > 3 * 40
    assert all(known[key] == value for frame in frames for key, value in frame.items())


async def test_forecasts_are_sent_whole_once_a_day_and_else_leave_an_empty_frame() -> None:
    async with Evcc("0.313.2", start=NIGHT, speed=0) as evcc, _client(evcc) as client:
        await _welcomed(client, "0.313.2")
        await evcc.cycle(2)
        evcc.simulation.clock.advance(86_400)
        await evcc.cycle()
        evcc.set("siteTitle", "end")
        frames = await _until(client, "siteTitle")
    forecasts = [frame for frame in frames if not frame or "forecast.grid" in frame]
    assert [len(frame) for frame in forecasts] == [FORECASTS, 0, FORECASTS]
    assert forecasts[2]["forecast.grid"][0]["start"] == "2026-11-26T00:00:00Z"


async def test_a_slow_client_is_cut_off_after_1024_frames() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        client.transport.pause_reading()
        while evcc.hub.sockets:
            evcc.set("siteTitle", "x" * 4_096)
            await asyncio.sleep(0)
        client.transport.resume_reading()
        await _closed(client)


async def test_a_client_that_reads_again_gets_every_frame() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        await _welcomed(client, "0.313.2")
        client.transport.pause_reading()
        for number in range(1_000):
            evcc.set("siteTitle", f"{number:>10000}")
            await asyncio.sleep(0)
        client.transport.resume_reading()
        frames = [await _frame(client) for _ in range(1_000)]
    assert [int(frame["siteTitle"]) for frame in frames] == list(range(1_000))


async def test_answers_pings() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        await asyncio.wait_for(await client.ping(), 5)


async def test_missing_is_a_404_and_ends_what_there_was() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.push_fault("missing")
        await _closed(client)
        with pytest.raises(InvalidStatus):
            await connect(f"{evcc.url.replace('http', 'ws')}/ws", proxy=None)
        evcc.push_fault(None)
        async with _client(evcc) as again:
            assert await _frame(again)


async def test_silent_sends_nothing_until_it_is_over() -> None:
    async with Evcc("0.131.4") as evcc, _client(evcc) as client:
        await _frame(client)
        evcc.push_fault("silent")
        evcc.set("siteTitle", "unheard")
        evcc.push_fault(None)
        evcc.set("siteTitle", "heard")
        assert await _frame(client) == {"siteTitle": "heard"}


async def test_closing_accepts_and_closes() -> None:
    async with Evcc() as evcc:
        evcc.push_fault("closing")
        async with _client(evcc) as client:
            await _closed(client)


async def test_garbage_is_no_json() -> None:
    async with Evcc() as evcc:
        evcc.push_fault("garbage")
        async with _client(evcc) as client:
            with pytest.raises(json.JSONDecodeError):
                await _frame(client)


async def test_dropped_clients_may_come_back() -> None:
    async with Evcc("0.131.4") as evcc, _client(evcc) as client:
        await _frame(client)
        evcc.drop_sockets()
        await _closed(client)
        async with _client(evcc) as again:
            assert await _frame(again)


async def test_a_write_while_a_client_is_being_closed_is_a_write_like_any_other() -> None:
    async with Evcc(still=True) as evcc, _client(evcc) as client:
        await _frame(client)
        evcc.push_fault("closing")
        evcc.push_fault("garbage")
        evcc.set("homePower", 77)
        assert evcc.get("homePower") == 77
        await _closed(client)
