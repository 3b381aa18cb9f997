"""Values that are JSON: plans, and what is handed to evcc as it is."""

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.commands.numbers import read_number
from bridge.commands.text import shown
from bridge.commands.times import read_time, written
from bridge.commands.value import Context, Value, plain
from bridge.errors import Refused
from bridge.settable.kinds import Json, Plan
from bridge.util.json import parse_json


def read_plan(kind: Plan, text: str, context: Context) -> Value:
    """A goal and a time to come, like `{"value":80,"time":"07:00"}`.

    One of them alone changes the plan in force; where there is none, it makes one with what is in `or`, as in
    `{"time":"07:00","or":{"soc":100}}`.
    """
    plan = _json(text)
    instead = plan.pop("or", None) if isinstance(plan, dict) else None
    if not _is_plan(kind, plan) or not (instead is None or _is_plan(kind, instead)):
        raise Refused(f'takes {{"{kind.goal}":…,"time":…}}, got {shown(text)}')
    halves = _halves(kind, instead or {}, context) | _in_force(kind, context) | _halves(kind, plan, context)
    missing = {kind.goal, "time"} - halves.keys()
    if missing:
        raise Refused(f'takes "{missing.pop()}" too while there is no plan to change, got {shown(text)}')
    return Value(
        {key: half.shown for key, half in halves.items()},
        {key: half.fields["value"] for key, half in halves.items()},
    )


def read_json(kind: Json, text: str) -> Value:
    """A JSON value of the right shape; what is in it is evcc's to judge."""
    value = _json(text)
    if not isinstance(value, kind.shape):
        raise Refused(
            f"takes a JSON {'list' if kind.shape is list else 'object'} like {kind.example}; got {shown(text)}"
        )
    return Value(value, body=value)


def _is_plan(kind: Plan, plan: Any) -> bool:
    """Whether it has a goal by one of its names, a time, or both, and nothing else."""
    known = {"value", kind.goal, "time"}
    return isinstance(plan, dict) and 0 < len(plan) <= 2 and plan.keys() <= known and plan.keys() != known - {"time"}


def _halves(kind: Plan, plan: Mapping[str, Any], context: Context) -> dict[str, Value]:
    """The goal and the time of a plan, as far as it has them."""
    halves = {}
    for key, value in plan.items():
        if key == "time":
            halves["time"] = plain(written(read_time(_scalar(value), context.now, context.zone)))
        else:
            halves[kind.goal] = read_number(kind.amount, _scalar(value))
    return halves


def _in_force(kind: Plan, context: Context) -> dict[str, Value]:
    """The halves of the plan that there is; none where it is past."""
    try:
        return _halves(kind, _plan_of(kind, context), context)
    except Refused:
        return {}


def _plan_of(kind: Plan, context: Context) -> Mapping[str, Any]:
    """The plan that evcc is just being told, or has: of a loadpoint, of a vehicle today, and in the old era."""
    if context.asked is not None:
        return context.asked.shown if isinstance(context.asked, Value) else {}
    match context.part:
        case {"planEnergy": energy, "planTime": time} if kind.goal == "energy":
            return {"energy": energy, "time": time}
        case {"plan": {"soc": soc, "time": time}} | {"plans": [{"soc": soc, "time": time}, *_]} if kind.goal == "soc":
            return {"soc": soc, "time": time}
    return {}


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        raise Refused(f"takes JSON, got {shown(text)}") from None


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"takes numbers and texts in its JSON, got {shown(orjson.dumps(value).decode())}")
    return value.strip() if isinstance(value, str) else str(value)
