"""evcc behind a proxy with TLS, a path of its own and a login: REST, `/ws` and commands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.evcc.client import EvccClient, Verdict
from bridge.evcc.reader import Reader
from bridge.settings import Evcc
from bridge.util.diagnostics import Diagnostics
from evcc_simulator import Evcc as SimulatedEvcc
from tests.broker.authority import Authority
from tests.evcc.reverse_proxy import Proxy, basic, reverse_proxy
from tests.patience import PATIENCE

USER, PASSWORD, KEY = "me", "p@ss:w/ö", "evcc_aB3xYz7k0Pq2sN5mWtR4"
BASIC = basic(USER, PASSWORD)
LOGIN = {"user": USER, "password": PASSWORD}
STATUS = "/api/config/devices/vehicle/bike/status"


@asynccontextmanager
async def reached(
    authority: Authority, wanted: str, **options: Any
) -> AsyncIterator[tuple[SimulatedEvcc, Proxy, EvccClient, Reader]]:
    """An evcc behind a proxy that wants a login, and what the bridge has before it, with `options`."""
    async with (
        SimulatedEvcc(interval=0.2, prefix="/home/evcc", api_key=KEY) as evcc,
        reverse_proxy(evcc.port, wanted, authority) as proxy,
    ):
        url = f"https://localhost:{proxy.port}/home/evcc"
        settings = Evcc.model_validate({"url": url, "ca_file": authority.ca_file, "interval": 0.2, **options})
        async with EvccClient(settings) as client:
            yield evcc, proxy, client, Reader(client, settings, Diagnostics())


@pytest.mark.parametrize(
    ("wanted", "options"),
    [
        (BASIC, LOGIN),
        (BASIC, {**LOGIN, "api_key": KEY}),
        (f"Bearer {KEY}", {"api_key": KEY}),
    ],
    ids=["basic", "basic, with a key for evcc", "bearer"],
)
async def test_state_push_and_commands_pass(authority: Authority, wanted: str, options: dict[str, Any]) -> None:
    async with reached(authority, wanted, **options) as (evcc, proxy, client, reader):
        running = asyncio.create_task(reader.run())
        async with asyncio.timeout(PATIENCE):
            async for update in reader.updates():
                if reader.push_alive and reader.frames and update.state:
                    break
        assert reader.state.version == "0.313.2"
        reply = await client.call("POST", "/api/loadpoints/1/mode/now")
        assert reply.verdict is Verdict.OK
        async with asyncio.timeout(PATIENCE):
            while reader.state.loadpoints[0].text("mode") != "now":
                await anext(reader.updates())
        running.cancel()
        assert {path for path, _ in proxy.seen} >= {"/home/evcc/ws", "/home/evcc/api/state"}
        assert {sent for _, sent in proxy.seen} == {wanted}
        assert evcc.requests


async def test_a_key_reaches_evcc_through_a_proxy_that_wants_it_too(authority: Authority) -> None:
    async with reached(authority, f"Bearer {KEY}", api_key=KEY) as (_, _, client, _):
        assert (await client.call("GET", STATUS)).json()["soc"]["value"] == 62.5


async def test_a_login_and_a_key_have_one_header_between_them(authority: Authority) -> None:
    """Where a proxy wants a basic login, evcc cannot get its key: both stand in the same header."""
    async with reached(authority, BASIC, **LOGIN, api_key=KEY) as (_, proxy, client, _):
        assert (await client.call("GET", STATUS)).status == 401
        assert proxy.seen == [(f"/home/evcc{STATUS}", f"Bearer {KEY}")]


@pytest.mark.parametrize("options", [{}, {"user": USER, "password": "wrong"}, {"api_key": "evcc_wrong"}])
async def test_a_refused_login_is_reported(authority: Authority, options: dict[str, Any]) -> None:
    async with reached(authority, BASIC, **options) as (evcc, _, _, reader):
        running = asyncio.create_task(reader.run())
        async with asyncio.timeout(PATIENCE):
            async for _ in reader.updates():
                if reader.health.reason:
                    break
        running.cancel()
        assert reader.health.word == "invalid"
        words = "refuses the login; check" if "user" in options else "requires a login; set"
        assert reader.health.reason.endswith(f"it {words} evcc.user (EVCC_USER) and evcc.password (EVCC_PASSWORD)")
        assert not evcc.requests
