"""The simulated evcc as tests use it: what can be set, stepped, awaited and broken."""

import asyncio
import ssl
import time

import httpx
import pytest
import trustme

from evcc_simulator import Evcc
from tests.simulator.recorded import ERAS, NIGHT, state, unwrapped


def _client(evcc: Evcc) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=evcc.url, timeout=2)


@pytest.mark.parametrize("era", ERAS)
async def test_starts_as_the_recorded_house(era: str) -> None:
    async with Evcc(era, start=NIGHT) as evcc, _client(evcc) as client:
        reply = await client.get("/api/state")
    assert unwrapped(reply.json()) == state(era)


async def test_tells_the_recorded_house_anew_for_another_day() -> None:
    async with Evcc(start=NIGHT + 10 * 86_400) as evcc:
        assert evcc.get("vehicles.my.car_2.plan.time") == "2026-12-06T06:30:00Z"
        assert evcc.state["forecast"]["grid"][0]["start"] == "2026-12-05T00:00:00Z"
        assert evcc.get("sponsor.status.expiresAt") == "0001-01-01T00:00:00Z"


async def test_a_set_value_is_in_rest_at_once() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.set("loadpoints.0.chargePower", 4_200.0)
        evcc.set("vehicles.my.car_2.limitSoc", 70)
        evcc.set("brandNew.key", [1, 2.5])
        told = (await client.get("/api/state")).json()
    assert told["loadpoints"][0]["chargePower"] == 4_200
    assert told["vehicles"]["my.car_2"]["limitSoc"] == 70
    assert told["brandNew"] == {"key": [1, 2.5]}


async def test_a_deleted_key_is_gone_without_a_frame() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        frames: list[object] = []
        evcc.simulation.listen(frames.append)
        evcc.delete("vehicles.zoe:old")
        evcc.delete("loadpoints.0.plan")
        told = (await client.get("/api/state")).json()
    assert set(told["vehicles"]) == {"bike", "my.car_2"}
    assert "plan" not in told["loadpoints"][0]
    assert frames == []


async def test_a_replaced_body_comes_as_it_is() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.replace(b"\xff not even text")
        assert (await client.get("/api/state")).content == b"\xff not even text"
        evcc.replace(None)
        assert (await client.get("/api/state")).json()["version"] == "0.313.2"


@pytest.mark.parametrize("count", [1, 2, 5, 64])
async def test_has_as_many_loadpoints_as_wanted(count: int) -> None:
    async with Evcc(loadpoints=count) as evcc, _client(evcc) as client:
        reply = await client.post(f"/api/loadpoints/{count}/priority/7")
        titles = {loadpoint["title"] for loadpoint in evcc.state["loadpoints"]}
        assert reply.status_code == 200
        assert (await client.post(f"/api/loadpoints/{count + 1}/priority/7")).status_code == 404
        assert len(titles) == count
        await evcc.cycle(count)


async def test_a_write_changes_effective_values_in_the_cycle_it_asks_for() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        await client.post("/api/loadpoints/2/limitsoc/55")
        await asyncio.sleep(0)
        assert evcc.get("loadpoints.1.effectiveLimitSoc") == 55


async def test_another_mode_ends_the_battery_boost() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        await client.post("/api/loadpoints/1/batteryboost/1")
        await client.post("/api/loadpoints/1/mode/now")
        assert evcc.get("loadpoints.0.batteryBoost") is False
        reply = await client.post("/api/loadpoints/1/batteryboost/1")
        assert reply.json() == {"error": "battery boost is only available in PV modes"}


async def test_the_external_battery_mode_ends_after_a_minute_unless_it_is_sent_again() -> None:
    async with Evcc(start=NIGHT, speed=0, still=True) as evcc, _client(evcc) as client:
        await client.post("/api/batterymode/charge")
        evcc.simulation.clock.advance(50)
        await client.post("/api/batterymode/charge")
        evcc.simulation.clock.advance(50)
        await evcc.cycle()
        assert evcc.get("batteryMode") == "charge"
        evcc.simulation.clock.advance(10)
        await evcc.cycle()
        assert (evcc.get("batteryMode"), evcc.get("batteryModeExternal")) == ("normal", "unknown")


async def test_telemetry_is_for_sponsors() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.set("sponsor.status.name", "somebody")
        assert (await client.post("/api/settings/telemetry/true")).json() is True
        assert evcc.get("telemetry") is True


async def test_a_vehicle_without_a_limit_leaves_it_out() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        await client.post("/api/vehicles/bike/limitsoc/0")
        assert "limitSoc" not in evcc.get("vehicles.bike")


async def test_cycles_run_by_themselves() -> None:
    async with Evcc(interval=0.005, start=NIGHT + 36_000, speed=1_000) as evcc:
        power = evcc.get("pvPower")
        async with asyncio.timeout(15):
            while evcc.get("pvPower") == power:
                await evcc.turn.wait()
        assert evcc.get("interval") == 0.005


async def test_an_error_in_a_cycle_is_raised_at_the_end() -> None:
    evcc = Evcc(interval=0.001)
    await evcc.start()
    evcc.set("loadpoints", [{"nothing": 1}])
    await asyncio.wait(evcc._chores.values(), timeout=5)
    with pytest.raises(KeyError):
        await evcc.stop()
    assert not evcc.connections


@pytest.mark.parametrize(("path", "value"), [("loadpoints", None), ("loadpoints", []), ("loadpoints.1", None)])
async def test_goes_on_with_strange_loadpoints(path: str, value: object) -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        evcc.set(path, value)
        await evcc.cycle(3)
        assert (await client.get("/api/state")).json()["loadpoints"] == evcc.state["loadpoints"]
        assert dict(evcc.house.flat())["version"] == "0.313.2"


async def test_remembers_every_request() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        await client.post("/api/vehicles/db%3A5/plan/strategy?x=1", json={"continuous": True})
        [request] = evcc.requests
    assert (request.method, request.target) == ("POST", "/api/vehicles/db%3A5/plan/strategy?x=1")
    assert (request.path, request.query) == ("/api/vehicles/db:5/plan/strategy", {"x": "1"})
    assert request.body == b'{"continuous":true}'
    assert request.at <= time.monotonic()


async def test_stands_behind_a_prefix_and_a_login() -> None:
    async with Evcc(prefix="/home/evcc", login=("user", "pä:ss")) as evcc:
        assert evcc.url.endswith("/home/evcc")
        async with httpx.AsyncClient(auth=httpx.BasicAuth("user", "pä:ss")) as client:
            assert (await client.get(f"{evcc.url}/api/state")).status_code == 200
            outside = evcc.url.removesuffix("/home/evcc")
            assert (await client.get(f"{outside}/api/state")).status_code == 404
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{evcc.url}/api/state")).status_code == 401


async def test_speaks_tls() -> None:
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    async with Evcc(tls=server) as evcc, httpx.AsyncClient(base_url=evcc.url, verify=client) as http:
        assert evcc.url.startswith("https://")
        assert (await http.get("/api/state")).json()["version"] == "0.313.2"


async def test_refuses_and_accepts_again_on_the_same_port() -> None:
    async with Evcc() as evcc, _client(evcc) as client:
        await client.get("/api/state")
        await evcc.refuse()
        with pytest.raises(httpx.TransportError):
            await client.get("/api/state")
        with pytest.raises(httpx.ConnectError):
            await client.get("/api/state")
        await evcc.accept()
        assert (await client.get("/api/state")).status_code == 200


async def test_sessions_as_many_as_wanted() -> None:
    async with Evcc(sessions=10_000) as evcc, _client(evcc) as client:
        assert len((await client.get("/api/sessions")).json()) == 10_000


async def test_a_finished_session_is_listed_first() -> None:
    async with Evcc(start=NIGHT, speed=0) as evcc, _client(evcc) as client:
        evcc.connect(0, "my.car_2")
        evcc.set("loadpoints.0.chargedEnergy", 7_500)
        evcc.set("loadpoints.0.chargeDuration", 3_600)
        session = evcc.finish_session(0)
        listed = (await client.get("/api/sessions")).json()
    assert listed[0] == session
    assert (session["chargedEnergy"], session["vehicle"]) == (7.5, "Blauer e-Golf")
    assert (session["created"], session["finished"]) == ("2026-11-24T23:45:00Z", "2026-11-25T00:45:00Z")
    assert evcc.get("loadpoints.0.connected") is False
