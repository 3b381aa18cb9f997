"""Values that are JSON: plans, and what is handed to evcc as it is."""

from typing import Any

import orjson

from bridge.catalogue.kinds import Json, Plan
from bridge.commands.numbers import read_number
from bridge.commands.text import shown
from bridge.commands.times import read_time, written
from bridge.commands.value import Context, Value
from bridge.errors import Refused
from bridge.parsed import parsed


def read_plan(kind: Plan, text: str, context: Context) -> Value:
    """A goal and a time to come, like `{"value":80,"time":"07:00"}`."""
    plan = _json(text)
    goals = {"value", kind.goal} & plan.keys() if isinstance(plan, dict) else set()
    if len(goals) != 1 or plan.keys() != goals | {"time"}:
        raise Refused(f'takes {{"{kind.goal}":…,"time":…}}, got {shown(text)}')
    amount = read_number(kind.amount, _scalar(plan[goals.pop()]))
    time = written(read_time(_scalar(plan["time"]), context.now, context.zone))
    return Value({kind.goal: amount.shown, "time": time}, {kind.goal: amount.fields["value"], "time": time})


def read_json(kind: Json, text: str) -> Value:
    """A JSON value of the right shape; what is in it is evcc's to judge."""
    value = _json(text)
    if not isinstance(value, kind.shape):
        raise Refused(
            f"takes a JSON {'list' if kind.shape is list else 'object'} like {kind.example}; got {shown(text)}"
        )
    return Value(value, body=value)


def _json(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError:
        raise Refused(f"takes JSON, got {shown(text)}") from None


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"takes numbers and texts in its JSON, got {shown(orjson.dumps(value).decode())}")
    return value.strip() if isinstance(value, str) else str(value)
