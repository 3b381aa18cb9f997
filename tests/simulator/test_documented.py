"""What was not recorded: operations as evcc's source of August 2026 has them, and 409 as its documentation says."""

from typing import Any

import httpx
import pytest

from evcc_simulator import Evcc

KEY = {"Authorization": "Bearer evcc_key"}
STATUS = "/api/config/devices/vehicle/bike/status"


async def ask(evcc: Evcc, method: str, path: str, **options: Any) -> tuple[int, Any]:
    async with httpx.AsyncClient(base_url=evcc.url) as client:
        reply = await client.request(method, path, **options)
    json = reply.headers["content-type"].startswith("application/json") and reply.content
    return reply.status_code, reply.json() if json else reply.text.strip()


async def test_the_status_of_a_vehicle_needs_the_key() -> None:
    async with Evcc(api_key="evcc_key") as evcc:
        assert await ask(evcc, "GET", STATUS) == (401, "Unauthorized")
        assert await ask(evcc, "GET", STATUS, headers={"Authorization": "Bearer evcc_other"}) == (401, "Unauthorized")
        assert await ask(evcc, "GET", STATUS, headers={"Authorization": "Basic evcc_key"}) == (401, "Unauthorized")
        status, probes = await ask(evcc, "GET", STATUS, headers=KEY)
        assert (status, probes["soc"]) == (200, {"value": 62.5, "error": ""})
        evcc.simulation.vehicle_status["bike"] = {"soc": {"value": 0, "error": "", "asleep": True}}
        assert (await ask(evcc, "GET", STATUS, headers=KEY))[1] == {"soc": {"value": 0, "error": "", "asleep": True}}
        missing = STATUS.replace("bike", "car")
        assert await ask(evcc, "GET", missing, headers=KEY) == (404, {"error": "not found: car"})
    async with Evcc() as evcc:
        assert await ask(evcc, "GET", STATUS, headers={"Authorization": "Bearer x"}) == (401, "Unauthorized")


async def test_sessions_are_changed_and_deleted() -> None:
    async with Evcc() as evcc:
        first = evcc.sessions.rows[0]
        path = f"/api/session/{first['id']}"
        assert await ask(evcc, "PUT", path, json={"odometer": 5, "price": 0}) == (200, "")
        assert (first["odometer"], first["price"]) == (5, first["price"])
        assert await ask(evcc, "PUT", path, json={"price": 0}) == (400, {"error": "nothing to update"})
        assert await ask(evcc, "PUT", "/api/session/999", json={"vehicle": "x"}) == (200, "")
        assert await ask(evcc, "DELETE", path) == (200, None)
        assert first not in evcc.sessions.rows


async def test_an_older_evcc_writes_the_vehicle_whatever_is_given() -> None:
    async with Evcc("0.131.4") as evcc:
        first = evcc.sessions.rows[0]
        first["vehicle"] = "Zoe"
        assert await ask(evcc, "PUT", f"/api/session/{first['id']}", json={"odometer": 5}) == (200, "")
        assert first["vehicle"] == ""


async def test_history_by_group() -> None:
    async with Evcc() as evcc:
        evcc.simulation.energy = {"grid": (1.5, 0.25), "pv": (10, 0)}
        path = "/api/history/energy?aggregate=day&grouped=true&from=2026-11-25T00:00:00%2B01:00"
        _, series = await ask(evcc, "GET", path)
        assert [one["group"] for one in series] == ["grid", "pv"]
        assert series[0]["data"][0].items() >= {"energy": 1.5, "returnEnergy": 0.25}.items()
        assert len((await ask(evcc, "GET", f"{path}&group=pv"))[1]) == 1
        assert await ask(evcc, "GET", "/api/history/energy?aggregate=1h") == (500, {"error": "invalid aggregate value"})
        assert await ask(evcc, "GET", "/api/history/energy?to=x") == (400, {"error": "invalid 'to' parameter"})


@pytest.mark.parametrize(
    "path", ["smartcostlimit/0.1", "loadpoints/1/smartfeedinprioritylimit/0.1", "batterygridchargelimit/0"]
)
async def test_price_limits_are_refused_while_the_optimizer_is_in_charge(path: str) -> None:
    async with Evcc() as evcc:
        evcc.simulation.optimizing = "controlled by the optimizer"
        assert await ask(evcc, "POST", f"/api/{path}") == (409, {"error": "controlled by the optimizer"})
        assert (await ask(evcc, "POST", "/api/loadpoints/1/mode/pv"))[0] == 200
        evcc.simulation.optimizing = ""
        assert (await ask(evcc, "POST", f"/api/{path}"))[0] == 200
