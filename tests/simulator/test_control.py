"""The simulated evcc driven over its second port."""

from collections.abc import AsyncIterator

import httpx
import pytest

from evcc_simulator import Evcc
from evcc_simulator.control import Control


@pytest.fixture
async def driven() -> AsyncIterator[tuple[Evcc, httpx.AsyncClient]]:
    async with Evcc() as evcc:
        control = Control(evcc)
        await control.start()
        async with httpx.AsyncClient(base_url=f"{control.url}/demo/") as client:
            yield evcc, client
        await control.stop()


Driven = tuple[Evcc, httpx.AsyncClient]


async def test_sets_a_value(driven: Driven) -> None:
    evcc, client = driven
    reply = await client.post("set", json={"path": "loadpoints.0.mode", "value": "now"})
    assert reply.json()["at"] > 0
    assert evcc.get("loadpoints.0.mode") == "now"


async def test_gives_what_an_action_gives(driven: Driven) -> None:
    _, client = driven
    assert (await client.post("get", json={"path": "siteTitle"})).json()["result"] == "Haus Süd"
    assert (await client.post("finish_session", json={"loadpoint": 0})).json()["result"]["id"] == 6


async def test_refuses_accepts_and_restarts(driven: Driven) -> None:
    evcc, client = driven
    await client.post("refuse")
    async with httpx.AsyncClient(base_url=evcc.url) as user:
        with pytest.raises(httpx.ConnectError):
            await user.get("/api/state")
        await client.post("accept")
        assert (await user.get("/api/state")).status_code == 200
    await client.post("restart", json={"scale": None})
    assert (await client.get("stage")).json()["result"] == "refused"


async def test_tells_the_requests_and_the_state(driven: Driven) -> None:
    evcc, client = driven
    async with httpx.AsyncClient(base_url=evcc.url) as user:
        await user.get("/api/state")
        await user.post("/api/prioritysoc/20")
    told = (await client.get("requests", params={"after": 1})).json()["result"]
    assert [(each["method"], each["target"]) for each in told] == [("POST", "/api/prioritysoc/20")]
    assert (await client.get("state")).json()["result"]["prioritySoc"] == 20


async def test_replaces_the_body(driven: Driven) -> None:
    evcc, client = driven
    async with httpx.AsyncClient(base_url=evcc.url) as user:
        await client.post("replace", json={"body": "[]"})
        assert (await user.get("/api/state")).text == "[]"
        await client.post("replace", json={"body": None})
        assert (await user.get("/api/state")).json()["version"]


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("bogus", {}),
        ("set", {}),
        ("fault", {"name": "bogus"}),
        ("push_fault", {"name": "bogus"}),
        ("get", {"path": "x"}),
    ],
)
async def test_says_what_cannot_be_done(driven: Driven, action: str, arguments: dict[str, str]) -> None:
    _, client = driven
    reply = await client.post(action, json=arguments)
    assert reply.status_code == 400
    assert reply.json()["error"]
