"""What evcc refuses, beyond the recorded requests."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from evcc_simulator.clock import Clock
from evcc_simulator.house import ERAS
from evcc_simulator.routes import respond
from evcc_simulator.simulation import Simulation
from tests.simulator.recorded import NIGHT


def _simulation(era: str = "0.313.2", values: Mapping[str, Any] | None = None) -> Simulation:
    simulation = Simulation(ERAS[era], Clock(NIGHT, speed=0))
    for path, value in (values or {}).items():
        simulation.house.set(path, value)
    return simulation


def _post(simulation: Simulation, path: str, body: bytes = b"") -> tuple[int, Any]:
    answer = respond(simulation, "POST", path, {}, body)
    return answer.status, orjson.loads(answer.body)


@pytest.mark.parametrize(
    ("path", "values", "reason"),
    [
        ("prioritysoc/70", {"bufferSoc": 60}, "priority soc must be smaller or equal than buffer soc"),
        ("buffersoc/90", {"bufferStartSoc": 80}, "buffer soc must be smaller or equal than buffer start soc"),
        ("bufferstartsoc/50", {"bufferSoc": 60}, "buffer start soc must be larger than buffer soc"),
        ("residualpower/1.2.3", {}, 'strconv.ParseFloat: parsing "1.2.3": invalid syntax'),
        ("solaradjusted/rue", {}, 'strconv.ParseBool: parsing "rue": invalid syntax'),
        (f"loadpoints/1/priority/{1 << 63}", {}, f'strconv.Atoi: parsing "{1 << 63}": value out of range'),
        (
            "loadpoints/1/maxcurrent/5",
            {"loadpoints.0.minCurrent": 6},
            "max current must be greater or equal than min current",
        ),
        (
            "loadpoints/1/plan/energy/5/2026",
            {},
            'parsing time "2026" as "2006-01-02T15:04:05Z07:00": cannot parse "2026" as "2006"',
        ),
        (
            "vehicles/bike/plan/repeating",
            {},
            "json: cannot unmarshal object into Go value of type []api.RepeatingPlan",
        ),
    ],
)
def test_refuses_with_its_reason(path: str, values: dict[str, Any], reason: str) -> None:
    simulation = _simulation(values=values)
    before = simulation.house.copy()
    assert _post(simulation, f"/api/{path}", b"{}") == (400, {"error": reason})
    assert simulation.house.copy() == before


def test_a_limit_for_all_is_set_on_every_loadpoint() -> None:
    simulation = _simulation()
    assert _post(simulation, "/api/smartcostlimit/0.11") == (200, 0.11)
    assert [each["smartCostLimit"] for each in simulation.house.loadpoints] == [0.11] * 3


def test_a_vehicle_brings_its_name_and_title() -> None:
    simulation = _simulation()
    _post(simulation, "/api/loadpoints/2/vehicle/zoe:old")
    loadpoint = simulation.house.loadpoints[1]
    assert (loadpoint["vehicleName"], loadpoint["vehicleTitle"]) == ("zoe:old", 'Grüner Honda "e" / Zwei')


def test_phases_are_in_use_after_the_cycle() -> None:
    simulation = _simulation("0.131.4")
    assert _post(simulation, "/api/loadpoints/1/phases/1") == (200, {"result": 3})
    simulation.catch_up()
    assert simulation.house.loadpoints[0]["phasesActive"] == 1
    assert _post(simulation, "/api/loadpoints/1/phases/3") == (200, {"result": 1})


@pytest.mark.parametrize(("era", "key"), [("0.131.4", "plans"), ("0.313.2", "plan")])
def test_a_vehicles_plan_stands_where_the_era_has_it(era: str, key: str) -> None:
    simulation = _simulation(era)
    _post(simulation, "/api/vehicles/bike/plan/soc/70/2026-11-30T06:00:00Z")
    plan = {"soc": 70, "time": "2026-11-30T06:00:00Z"}
    assert simulation.house.vehicles["bike"][key] == ([plan] if key == "plans" else plan)
    respond(simulation, "DELETE", "/api/vehicles/bike/plan/soc", {}, b"")
    assert key not in simulation.house.vehicles["bike"]


def test_writes_that_come_together_ask_for_one_cycle_a_loadpoint() -> None:
    simulation = _simulation()
    frames: list[Mapping[str, Any]] = []
    simulation.listen(frames.append)
    for limit in range(10):
        _post(simulation, f"/api/loadpoints/1/limitsoc/{limit}")
    simulation.catch_up()
    assert sum("loadpoints.0.chargeDuration" in frame for frame in frames) == 1
    assert not simulation.due
