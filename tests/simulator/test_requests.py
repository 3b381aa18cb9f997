"""Waiting for requests."""

import asyncio

import pytest

from evcc_simulator.messages import Journal, Request


def _request(method: str, path: str) -> Request:
    return Request(method, path, path, {}, {}, b"")


async def test_finds_what_has_come() -> None:
    journal = Journal()
    for path in ("/api/state", "/api/loadpoints/1/mode/pv"):
        journal.add(_request("POST", path))
    assert (await journal.find(path="/api/loadpoints/.*")).path == "/api/loadpoints/1/mode/pv"


async def test_waits_for_what_has_not() -> None:
    journal = Journal()
    journal.add(_request("GET", "/api/state"))
    waiting = asyncio.ensure_future(journal.find("GET", "/api/state", after=1))
    await asyncio.sleep(0)
    journal.add(_request("POST", "/api/state"))
    await asyncio.sleep(0)
    assert not waiting.done()
    wanted = _request("GET", "/api/state")
    journal.add(wanted)
    assert await waiting is wanted


async def test_gives_up_in_time() -> None:
    with pytest.raises(TimeoutError):
        await Journal().find("GET", timeout=0.01)
