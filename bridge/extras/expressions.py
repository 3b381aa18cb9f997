"""Several jq expressions as one, in which one that fails does not take the others with it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

ERROR = "__error"
# evcc refuses an expression with several results; without parentheses and a new line, a comment or an operator
# would reach into the next one
_SAFE = """(try ([({expression}
)] | if length > 1 then error("it gives \\(length) results, not one") else .[0] end)
catch {{"{error}": .}})"""


class Results(NamedTuple):
    """What the expressions gave: values, and for those that failed their reasons, by name."""

    values: dict[str, Any]
    errors: dict[str, str]


def combined(expressions: Mapping[str, str]) -> str:
    """One expression that gives an object with the result of each, or its error."""
    parts = (
        f"{orjson.dumps(name).decode()}: {_SAFE.format(expression=_bare(expression), error=ERROR)}"
        for name, expression in expressions.items()
    )
    return "{" + ",\n".join(parts) + "}"


def results(expressions: Mapping[str, str], answer: Any) -> Results:
    """The answer to `combined`, taken apart."""
    found = Results({}, {})
    for name in expressions:
        value = answer.get(name) if isinstance(answer, Mapping) else None
        if isinstance(value, Mapping) and value.keys() == {ERROR}:
            found.errors[name] = " ".join(str(value[ERROR]).split())[:200]
        else:
            found.values[name] = value
    return found


def _bare(expression: str) -> str:
    """Without the `.result` that evcc itself cuts off in front, for clients of the time when it was there."""
    return expression.strip().removeprefix(".result") or "."
