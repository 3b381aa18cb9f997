"""What evcc answers to GET: its state, also by `?jq=`, tariffs, sessions and plans."""

import json
import re
from datetime import timedelta
from typing import Any

import orjson

from evcc_simulator import plans, tariffs
from evcc_simulator.call import Call, decimal
from evcc_simulator.clock import NEVER, midnight, moment, rfc3339, utc
from evcc_simulator.house import JSON_UTF8, go_json, plain
from evcc_simulator.messages import Answer, Refusal, text
from evcc_simulator.vehicles import plan_time

_WORDS = (
    (re.compile(r"unexpected end of file"), "unexpected EOF"),
    (re.compile(r"(?P<name>\S+/\d+) is not defined"), "function not defined: {name}"),
    (
        re.compile(r'string \("(?P<value>.*)"\) cannot be parsed as a number'),
        'tonumber cannot be applied to "{value}": invalid number',
    ),
)


def query(expression: str, document: bytes) -> Any:
    """The one result of an expression; Refusal when it is no jq, fails, or gives none or several."""
    import jq  # noqa: PLC0415 - a demo dependency, needed by this route only

    try:
        program = jq.compile(expression.removeprefix(".result"))
    except ValueError as error:
        raise Refusal(_reworded(str(error))) from None
    try:
        results = program.input_text(document.decode()).all()
    except ValueError as error:
        raise Refusal(f"jq: query failed: {_reworded(str(error))}") from None
    if len(results) != 1:
        raise Refusal("jq: too many results" if results else "jq: empty result")
    return results[0]


def _reworded(text: str) -> str:
    """An error of libjq in the words of evcc's own jq, where both are known."""
    for pattern, words in _WORDS:
        if found := pattern.search(text):
            return words.format(**found.groupdict())
    return text


NOT_IMPLEMENTED = text(501, "Not implemented")
UNAUTHORIZED = text(401, "Unauthorized")
HEALTHY = Answer(200, JSON_UTF8, b"OK\n")


def state(call: Call) -> Answer:
    """The whole state, or what a jq expression makes of it (never in `result`)."""
    era = call.house.era
    if expression := call.query.get("jq"):
        return Answer(200, era.content_type, _written(query(expression, orjson.dumps(call.house.document()))))
    return Answer(200, era.content_type, call.house.encoded())


def _written(value: Any) -> bytes:
    """A jq result. Its integers may be beyond 64 bits."""
    try:
        return go_json(plain(value))
    except TypeError:
        return f"{json.dumps(plain(value), ensure_ascii=False, separators=(',', ':'))}\n".encode()


def tariff(call: Call) -> dict[str, Any]:
    usage, era = call.params["usage"], call.house.era
    if not era.old and not tariffs.known(usage):
        raise Refusal(f"{usage} does not belong to TariffUsage values", 404)
    found = tariffs.rates(era, usage, call.evcc.now())
    if not found:
        raise Refusal("tariff not available", 404)
    return {"rates": tariffs.written(found, era.rate)}


def sessions(call: Call) -> Any:
    return call.evcc.sessions.answer(call.query)


AGGREGATES = ("15m", "hour", "day", "month")
_STATUS = {"soc": 62.5, "range": 250, "odometer": 12345.6, "vehicleLimitSoc": 80}


def history(call: Call) -> Any:
    """Today's energy by group, all of it in one slot; null while nothing is metered."""
    aggregate = call.query.get("aggregate", "15m")
    if aggregate not in AGGREGATES:
        raise Refusal("invalid aggregate value", 500)
    for key in ("from", "to"):
        try:
            moment(call.query.get(key) or NEVER)
        except ValueError:
            raise Refusal(f"invalid '{key}' parameter") from None
    start = midnight(utc(call.evcc.now()))
    slot = {"start": rfc3339(start), "end": rfc3339(start + timedelta(days=1))}
    wanted = call.query.get("group")
    return [
        {"group": group, "data": [{**slot, "energy": energy, "returnEnergy": returned}]}
        for group, (energy, returned) in call.evcc.energy.items()
        if wanted in (None, group)
    ] or None


def vehicle_status(call: Call) -> dict[str, Any]:
    """What a vehicle's maker says of it, one probe each."""
    name = call.params["name"]
    if name not in call.house.vehicles:
        raise Refusal(f"not found: {name}", 404)
    probes = {key: {"value": value, "error": ""} for key, value in _STATUS.items()}
    return call.evcc.vehicle_status.get(name, probes)


def telemetry(call: Call) -> bool:
    return bool(call.house.state.get("telemetry", False))


def site_config(call: Call) -> dict[str, Any]:
    """The older era shows it to anybody while no password is set."""
    return {
        "title": call.current("siteTitle"),
        "grid": "grid",
        "pv": ["pv_east", "pv_west"],
        "battery": ["bat1", "bat2"],
    }


def current_plan(call: Call) -> dict[str, Any]:
    """The plan that a loadpoint works on."""
    loadpoint, vehicle = call.loadpoint, plans.vehicle_of(call.loadpoint, call.house.vehicles)
    goal = plans.goal(loadpoint, vehicle, call.house.era.efficiency, utc(call.evcc.now()))
    number = {} if call.house.era.old else {"planId": goal.id}
    return number | _plan(call, goal)


def plan_preview(call: Call) -> dict[str, Any]:
    """What a plan would be, had it these values."""
    vehicle = plans.vehicle_of(call.loadpoint, call.house.vehicles)
    value, at = decimal(call.params["value"]), plan_time(call)
    by_soc = plans.soc_based(vehicle)
    if call.params["type"] == "soc" and not by_soc:
        raise Refusal("soc planning only available for vehicles with known soc and capacity")
    if call.params["type"] == "energy" and by_soc:
        raise Refusal("energy planning not available for vehicles with known soc and capacity")
    reached = call.loadpoint["vehicleSoc"]
    energy = plans.soc_energy(vehicle, reached, value, call.house.era.efficiency) if by_soc else value
    return _plan(call, plans.Goal(time=at, energy=energy))


def _plan(call: Call, goal: plans.Goal) -> dict[str, Any]:
    loadpoint = call.loadpoint
    slots = plans.slots(call.house, loadpoint, goal, call.evcc.now())
    return {
        "planTime": goal.time or NEVER,
        "duration": int(plans.duration(loadpoint, goal.energy).total_seconds()),
        "plan": tariffs.written(slots, call.house.era.rate) or None,
        "power": plans.max_power(loadpoint),
    }
