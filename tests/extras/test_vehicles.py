import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import orjson
import pytest

from bridge.errors import Unreachable
from bridge.extras.vehicles import MEMORY, Vehicles
from tests.extras.house import House
from tests.extras.recorded import NO_ROUTE, Answer, FakeEvcc, reply
from tests.virtual import START, in_virtual_time, jump, now

PERIOD = 900.0
UNAUTHORIZED = reply("Unauthorized", 401, "text/plain; charset=utf-8")
HOUSE: dict[str, Any] = {
    "loadpoints": [{"connected": True, "vehicleName": "bike", "vehicleSoc": 40}, {"connected": False}],
    "vehicles": {"bike": {}, "my.car_2": {}, "zoe:old": {}},
}


def path(name: str) -> str:
    return f"/api/config/devices/vehicle/{name}/status"


def status(**values: Any) -> Answer:
    """As evcc 0.313 answers: a probe each, one of them failing."""
    probes = {key: {"value": value, "error": ""} for key, value in values.items()}
    return reply(probes | {"chargeStatus": {"value": "", "error": "timeout"}, "capacity": {"value": 60, "error": ""}})


FULL = status(soc=62.5, range=250, odometer=12345.6, vehicleLimitSoc=80)


class Garage(House):
    """Vehicles of a fake evcc; `left` is what an earlier run has left."""

    def __init__(
        self, answers: Mapping[str, Answer] | None = None, left: Any = None, document: Any = None, **evcc: Any
    ) -> None:
        settings = {"evcc": {"api_key": "evcc_key", **evcc}, "extras": {"vehicles": "15m"}}
        known = {path(name): answer for name, answer in (answers or {}).items()}
        super().__init__(FakeEvcc(known), document or HOUSE, **settings)
        self.mirror.left = {MEMORY: left if isinstance(left, bytes) else orjson.dumps(left or {})}
        self.vehicles = Vehicles(self.access)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.rest.update(self.idle())
        task = asyncio.create_task(self.vehicles.run())
        await asyncio.sleep(0.1)
        yield
        task.cancel()

    def asked(self, name: str) -> int:
        return self.evcc.asked.count(path(name))


def of(garage: Garage, name: str) -> dict[str, bytes]:
    prefix = f"vehicles/{name}/"
    return {t.removeprefix(prefix): value for t, value in garage.mirror.topics.items() if t.startswith(prefix)}


def test_what_a_vehicle_that_is_not_connected_has() -> None:
    async def main() -> None:
        garage = Garage({"my.car_2": FULL, "zoe:old": status(vehicleSoc=30, limitSoc=90)})
        async with garage.running():
            assert garage.mirror.unread == set()
            await asyncio.sleep(150)
            values = of(garage, "my.car_2")
            assert START + 60 <= int(values.pop("updated")) <= START + 130
            assert values == {"soc": b"62.5", "range": b"250", "odometer": b"12345.6", "vehicleLimitSoc": b"80"}
            assert of(garage, "zoe:old").keys() == {"soc", "vehicleLimitSoc", "updated"}
            assert garage.mirror.aliases["vehicles/zoe:old/soc"] == b"30"  # evcc's own topic would have precedence

    in_virtual_time(main())


def test_each_is_asked_after_the_other_and_never_more_often_than_the_period() -> None:
    async def main() -> None:
        garage = Garage({"my.car_2": FULL, "zoe:old": Unreachable("evcc did not answer within 30 s")})
        times: dict[str, list[float]] = {"my.car_2": [], "zoe:old": []}
        async with garage.running():
            for second in range(4 * 3600):
                await asyncio.sleep(1)
                if second % 100 == 0:
                    garage.vehicles.refresh()  # as a request, or a restart of evcc, has it
                    garage.vehicles.update(garage.idle(restarted=True))
                for name, seen in times.items():
                    seen.extend([now()] * (garage.asked(name) - len(seen)))
        for seen in times.values():
            gaps = [later - earlier for earlier, later in pairwise(seen)]
            assert len(gaps) >= 12
            assert PERIOD - 1 <= min(gaps) <= max(gaps) <= PERIOD * 1.1 + 15
        assert all(abs(one - other) >= 9 for one in times["my.car_2"] for other in times["zoe:old"])
        assert garage.asked("bike") == 0

    in_virtual_time(main())


def test_a_connected_one_is_not_asked_and_has_its_loadpoints_values() -> None:
    async def main() -> None:
        garage = Garage({"bike": FULL, "my.car_2": FULL, "zoe:old": FULL})
        async with garage.running():
            assert of(garage, "bike")["soc"] == b"40"
            garage.vehicles.update(garage.loadpoint(1, {"vehicleSoc": 41, "vehicleRange": 0}))
            assert (of(garage, "bike")["soc"], "range" in of(garage, "bike")) == (b"41", False)
            garage.vehicles.update(garage.loadpoint(2, {"connected": True, "vehicleName": "zoe:old"}))
            garage.vehicles.update(garage.loadpoint(1, {"vehicleSoc": 10}, complete=False))  # it starts
            assert of(garage, "bike")["soc"] == b"41"
            await asyncio.sleep(3600)
            assert (garage.asked("bike"), garage.asked("zoe:old")) == (0, 0)
            garage.vehicles.update(garage.loadpoint(1, {"connected": False, "vehicleName": ""}))
            assert of(garage, "bike")["soc"] == b"41"
            await asyncio.sleep(PERIOD - 10)
            assert garage.asked("bike") == 0  # evcc itself has just asked it
            await asyncio.sleep(PERIOD * 0.1 + 40)
            assert (garage.asked("bike"), of(garage, "bike")["soc"]) == (1, b"62.5")

    in_virtual_time(main())


def test_a_restart_of_the_bridge_wakes_no_car_and_loses_nothing() -> None:
    async def main() -> None:
        first = Garage({"my.car_2": FULL, "zoe:old": Unreachable("asleep")})
        async with first.running():
            await asyncio.sleep(200)
        left = first.mirror.topics[MEMORY]
        for _ in range(5):
            again = Garage({"my.car_2": FULL, "zoe:old": FULL}, left)
            async with again.running():
                assert of(again, "my.car_2") == of(first, "my.car_2")
                await asyncio.sleep(60)
                assert (again.asked("my.car_2"), again.asked("zoe:old")) == (0, 0)
                left = again.mirror.topics[MEMORY]
        last = Garage({"my.car_2": FULL, "zoe:old": FULL}, left)
        async with last.running():
            await asyncio.sleep(PERIOD * 1.1)
            assert (last.asked("my.car_2"), last.asked("zoe:old")) == (1, 1)

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("answer", "login", "problem"),
    [
        (UNAUTHORIZED, None, "evcc, or a proxy before it, refuses evcc.api_key (401)"),
        (reply("no", 403), None, "refuses evcc.api_key (403)"),
        (UNAUTHORIZED, "me", "(401): a login and a key cannot be sent together"),
        (NO_ROUTE, None, "this evcc has no status of vehicles"),
    ],
)
def test_an_evcc_that_refuses_is_reported_once_and_asked_for_one_vehicle_a_period(
    answer: Answer, login: str | None, problem: str
) -> None:
    async def main() -> None:
        garage = Garage({"my.car_2": answer, "zoe:old": answer}, user=login)
        async with garage.running():
            await asyncio.sleep(130)
            assert problem in garage.diagnostics.text
            text = garage.diagnostics.text
            await asyncio.sleep(3 * PERIOD)
            assert len(garage.evcc.asked) in {3, 4}
            assert garage.diagnostics.text == text
            garage.evcc.answers |= {path("my.car_2"): FULL, path("zoe:old"): FULL}
            await asyncio.sleep(2 * PERIOD)
            assert garage.diagnostics.text == ""
            assert of(garage, "my.car_2")["soc"] == of(garage, "zoe:old")["soc"] == b"62.5"

    in_virtual_time(main())


@pytest.mark.parametrize(
    "answer",
    [
        reply({"error": "not found"}, 404),
        reply({"error": "instance zoe:old not initialized"}, 400),
        reply("gone", 502, "text/html"),
        reply("<html>", 200, "text/html"),
        reply(None),
        reply([1]),
        reply({}),
        reply({"soc": {"value": 0, "error": "", "asleep": True}}),
        reply({"soc": {"value": 0, "error": "login failed"}, "range": 5, "odometer": None}),
        reply({"soc": {"value": "60", "error": ""}, "range": {"value": True, "error": ""}}),
        reply({"soc": {"value": -1, "error": ""}, "odometer": {"value": 1e300, "error": ""}}),
    ],
)
def test_a_vehicle_without_an_answer_keeps_what_is_known(answer: Answer) -> None:
    async def main() -> None:
        left = {"zoe:old": {"soc": 30, "updated": 1795600000, "asked": START - PERIOD}, "gone": {"soc": 1}}
        garage = Garage({"zoe:old": answer, "my.car_2": FULL}, left)
        async with garage.running():
            await asyncio.sleep(150)
            assert garage.asked("zoe:old") == 1
            assert of(garage, "zoe:old") == {"soc": b"30", "updated": b"1795600000"}
            assert of(garage, "my.car_2")["soc"] == b"62.5"
            assert garage.diagnostics.text == ""
            assert not of(garage, "gone")

    in_virtual_time(main())


@pytest.mark.parametrize(
    "left", [b"", b"{", b"[]", b"null", b'{"zoe:old":5}', b'{"zoe:old":{"soc":"x","asked":"y","updated":[]}}']
)
def test_whatever_an_earlier_run_has_left_is_read(left: bytes) -> None:
    async def main() -> None:
        garage = Garage({"zoe:old": FULL, "my.car_2": FULL}, left)
        async with garage.running():
            await asyncio.sleep(150)
            assert of(garage, "zoe:old")["soc"] == b"62.5"

    in_virtual_time(main())


@pytest.mark.parametrize("seconds", [-30 * 86_400, 30 * 86_400])
def test_a_jump_of_the_clock_neither_floods_nor_stops(seconds: float) -> None:
    async def main() -> None:
        garage = Garage({"my.car_2": FULL, "zoe:old": FULL})
        async with garage.running():
            await asyncio.sleep(200)
            before = garage.asked("my.car_2")
            jump(seconds)
            await asyncio.sleep(2 * PERIOD * 1.1 + 60)
            assert 1 <= garage.asked("my.car_2") - before <= 3

    in_virtual_time(main())


def test_names_that_evccs_routes_do_not_take_are_not_asked() -> None:
    async def main() -> None:
        vehicles: dict[str, Any] = {name: {} for name in ("..", ".", "a/b", "a b", "ü", "x?y", "..a")}
        garage = Garage(document={"loadpoints": [], "vehicles": vehicles})
        async with garage.running():
            await asyncio.sleep(500)
            assert {*garage.evcc.asked} <= {path("..a"), "/api/state?jq=null"}

    in_virtual_time(main())


def test_it_is_off_unless_it_is_switched_on() -> None:
    assert not Vehicles.enabled(House().settings)
