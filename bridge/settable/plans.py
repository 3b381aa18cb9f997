"""Values that are JSON: plans, what is sent to evcc as it is, and fields of a list's entries."""

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.errors import Refused
from bridge.settable.numbers import read_duration, read_number
from bridge.settable.setting import Duration, Item, Json, Plan, release
from bridge.settable.times import read_time, written
from bridge.settable.value import Context, Value, shown
from bridge.state.state import State
from bridge.util.json import parse_json

_PRECONDITION = "precondition"


def read_plan(kind: Plan, text: str, context: Context) -> Value:
    """A goal and a time to come, like `{"value":80,"time":"07:00"}`, and perhaps `precondition`, in seconds.

    A part that is missing is that of the plan in force; where there is none, that of the plan in `or`, as in
    `{"time":"07:00","or":{"soc":100}}`. `precondition` is ignored where evcc has it in the plan strategy.
    """
    plan = _json(text)
    instead = plan.pop("or", None) if isinstance(plan, dict) else None
    if not _is_plan(kind, plan) or not (instead is None or _is_plan(kind, instead)):
        raise Refused(f'takes {{"{kind.goal}":…,"time":…}}, got {shown(text)}')
    parts = _parts(kind, instead or {}, context) | _in_force(kind, context) | _parts(kind, plan, context)
    missing = [key for key in (kind.goal, "time") if key not in parts]
    if missing:
        raise Refused(f'takes "{missing[0]}" too while there is no plan to change, got {shown(text)}')
    precondition = parts.pop(_PRECONDITION, None)
    value = Value(
        {key: part.shown for key, part in parts.items()},
        {key: part.fields["value"] for key, part in parts.items()},
    )
    return value if precondition is None else _with_precondition(kind, value, precondition, context.state)


def read_json(kind: Json, text: str, context: Context) -> Value:
    """A JSON value of the right shape; its content is for evcc to judge."""
    value = _json(text)
    if not isinstance(value, kind.shape):
        shape = "list" if kind.shape is list else "object"
        raise Refused(f"takes a JSON {shape} like {kind.example}; got {shown(text)}")
    return Value(value, body=_wrapped(kind, value, context.state))


def read_item(kind: Item, value: Value, context: Context) -> Value:
    """A field of a list's entry, as the whole list with that field changed."""
    entries = _list_in_force(kind, context)
    if not 0 < context.entry <= len(entries) or not isinstance(entries[context.entry - 1], Mapping):
        raise Refused(f"is not there: evcc has {len(entries)} entries in {kind.key}, counted from 1")
    changed = list(entries)
    changed[context.entry - 1] = {**entries[context.entry - 1], kind.field: value.shown}
    return Value(value.shown, body=_wrapped(kind.whole, changed, context.state))


def _list_in_force(kind: Item, context: Context) -> list[Any]:
    found = context.part.get(kind.key)
    if isinstance(context.asked, Value):
        found = context.asked.body
        if kind.whole.wrapped and isinstance(found, dict):
            found = found.get(kind.whole.wrapped[0])
    return found if isinstance(found, list) else []


def _wrapped(kind: Json, value: Any, state: State) -> Any:
    """A value as this release of evcc takes it."""
    running = release(state.version)
    if kind.wrapped is None or running is None or running >= kind.wrapped[1]:
        return value
    return {kind.wrapped[0]: value}


def _with_precondition(kind: Plan, value: Value, precondition: Value, state: State) -> Value:
    running, (first, end) = release(state.version), kind.precondition
    if running is None or not first <= running < end:
        return value
    return Value(
        {**value.shown, _PRECONDITION: precondition.shown},
        value.fields,
        params={_PRECONDITION: precondition.fields["value"]},
    )


def _is_plan(kind: Plan, plan: Any) -> bool:
    """Whether it has a goal by one of its names, a time, seconds of late charging, or several, and nothing else."""
    if not isinstance(plan, dict) or not plan:
        return False
    return plan.keys() <= {"value", kind.goal, "time", _PRECONDITION} and not {"value", kind.goal} <= plan.keys()


def _parts(kind: Plan, plan: Mapping[str, Any], context: Context) -> dict[str, Value]:
    """The goal, the time and the seconds of late charging of a plan, as far as it has them."""
    parts = {}
    for key, value in plan.items():
        if key == "time":
            moment = written(read_time(_scalar(value), context.now, context.zone))
            parts["time"] = Value(moment, {"value": moment})
        elif key == _PRECONDITION:
            parts[key] = read_duration(Duration(), _scalar(value))
        else:
            parts[kind.goal] = read_number(kind.amount, _scalar(value), context.state)
    return parts


def _in_force(kind: Plan, context: Context) -> dict[str, Value]:
    """The parts of the plan that there is; none where it is past."""
    try:
        return _parts(kind, _plan_in_force(kind, context), context)
    except Refused:
        return {}


def _plan_in_force(kind: Plan, context: Context) -> Mapping[str, Any]:
    """The plan that evcc is just being asked for, or has: of a loadpoint, of a vehicle today, and in the old era."""
    if context.asked is not None:
        return context.asked.shown if isinstance(context.asked, Value) else {}
    late = {} if (seconds := _held(kind, context)) is None else {_PRECONDITION: seconds}
    match context.part.values:
        case {"planEnergy": energy, "planTime": time} if kind.goal == "energy":
            return {"energy": energy, "time": time, **late}
        case {"plan": {"soc": soc, "time": time}} | {"plans": [{"soc": soc, "time": time}, *_]} if kind.goal == "soc":
            return {"soc": soc, "time": time, **late}
    return {}


def _held(kind: Plan, context: Context) -> int | float | None:
    """The seconds of late charging of the plan in force; None where the state has none."""
    found: Any = context.part.values
    for key in kind.held:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        raise Refused(f"takes JSON, got {shown(text)}") from None


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"takes numbers and texts in its JSON, got {shown(orjson.dumps(value).decode())}")
    return value.strip() if isinstance(value, str) else str(value)
