"""What evcc lets one set on its vehicles and plan for them, and on a loadpoint's own plan and vehicle."""

from typing import Any

from evcc_simulator import plans
from evcc_simulator.call import Call, Handler, decimal, mode, whole
from evcc_simulator.clock import NEVER, moment, rfc3339, utc
from evcc_simulator.messages import Refusal


def soc(key: str) -> Handler:
    """A vehicle's limit in whole percent."""

    def change(call: Call) -> dict[str, int]:
        value = whole(call.params["value"])
        call.change_vehicle(call.params["name"], key, value)
        return {"soc": value}

    return change


def change_mode(call: Call) -> dict[str, str]:
    """The mode that a loadpoint takes when the vehicle comes; none when the path has no value."""
    value = mode(call.params["value"]) if "value" in call.params else ""
    call.change_vehicle(call.params["name"], "mode", value)
    return {"mode": value}


def plan_soc(call: Call) -> dict[str, Any]:
    """One plan to a state of charge; 0 % deletes it."""
    name, value = call.params["name"], whole(call.params["value"])
    call.vehicle(name)
    at = _future(call)
    plan = {"soc": value, "time": at if value else NEVER}
    _store_plan(call, name, plan if value else None)
    return plan


def delete_plan(call: Call) -> dict[str, Any]:
    _store_plan(call, call.params["name"], None)
    return {}


def _store_plan(call: Call, name: str, plan: dict[str, Any] | None) -> None:
    if call.house.era.old:
        call.change_vehicle(name, "plans", [plan] if plan else None)
    else:
        call.change_vehicle(name, "plan", plan)


def repeating_plans(call: Call) -> Any:
    plans = call.json()
    if not isinstance(plans, list):
        raise Refusal("json: cannot unmarshal object into Go value of type []api.RepeatingPlan")
    call.change_vehicle(call.params["name"], "repeatingPlans", plans)
    return plans


def plan_strategy(call: Call) -> dict[str, Any]:
    """Of the vehicle or the loadpoint in the path."""
    given = call.json()
    chosen = {"continuous": bool(given.get("continuous")), "precondition": int(given.get("precondition", 0))}
    if "name" in call.params:
        call.change_vehicle(call.params["name"], "planStrategy", chosen)
    else:
        call.change("planStrategy", chosen)
    return chosen


def plan_energy(call: Call) -> dict[str, Any]:
    """A loadpoint's own plan, in kWh."""
    energy, at = decimal(call.params["value"]), _future(call)
    _store_energy(call, energy, at if energy else None)
    return {"energy": energy, "time": at if energy else NEVER}


def delete_energy(call: Call) -> dict[str, Any]:
    _store_energy(call, 0, None)
    return {}


def _store_energy(call: Call, energy: float, at: str | None) -> None:
    call.change("planEnergy", energy)
    call.change("planTime", at)


def plan_time(call: Call) -> str:
    """The time in the path, as evcc writes it."""
    text = call.params["time"]
    try:
        return rfc3339(moment(text))
    except ValueError:
        reason = f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}" as "2006"'
        raise Refusal(reason) from None


def _future(call: Call) -> str:
    at = plan_time(call)
    if moment(at) < utc(call.evcc.now()):
        raise Refusal("timestamp is in the past")
    return at


def assign(call: Call) -> dict[str, str]:
    """Put a vehicle on a loadpoint."""
    name = call.params["name"]
    title = call.vehicle(name)["title"]
    if call.current("vehicleName") != name:
        _replace(call, name, title)
    return {"vehicle": title}


def remove(call: Call) -> dict[str, str]:
    _replace(call, "", "")
    return {}


def detect(call: Call) -> dict[str, str]:
    """Start looking for the vehicle anew."""
    _replace(call, "", "")
    call.change("vehicleDetectionActive", True)  # noqa: FBT003 - the value of the key
    return {}


def _replace(call: Call, name: str, title: str) -> None:
    for key, value in (plans.NO_VEHICLE | {"vehicleName": name, "vehicleDetectionActive": False}).items():
        call.change(key, value)
    if not call.house.era.old:
        call.change("vehicleTitle", title)
