"""jq expressions: kept from secrets, and several as one in which one that fails does not take the others with it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from bridge.state.names import TELLTALES
from bridge.util.redact import HIDDEN, LOGIN

ERROR = "__error"
# evcc refuses an expression with several results; without parentheses and a new line, a comment or an operator
# would reach into the next one
_SAFE = """(try ([({expression}
)] | if length > 1 then error("it gives \\(length) results, not one") else .[0] end)
catch {{"{error}": .}})"""

# evcc's state without what a key's name says is secret, but for a vehicle that is called so, and without logins in
# addresses. Most of a state is a forecast: what has nothing to hide is only looked through, not taken apart
_CLEAN = """def c($p):if $p!=[] and (tojson|test({hint};"i")|not) then . elif type=="string" then gsub({login};{hidden})
elif type=="array" then map(c([0])) else with_entries(select($p==["vehicles"] and (.value|type)=="object"
or (.key|test({secret};"i")|not))|.key as $k|map_values(c($p+[$k]))) end;c([])|"""


class Results(NamedTuple):
    """What the expressions gave: values, and for those that failed their reasons, by name."""

    values: dict[str, Any]
    errors: dict[str, str]


def guarded(expression: str) -> str:
    """The expression, computed from evcc's state without the secrets in it.

    Nothing that may stand on the right of the first `|` gets at what is on its left: no operator binds less, `.` is
    what has passed, and no variable holds anything else. So the expression need not be looked into.
    """
    return _GUARD + _bare(expression)


def combined(expressions: Mapping[str, str]) -> str:
    """One expression that gives an object with the result of each, or its error."""
    parts = (
        f"{_literal(name)}: {_SAFE.format(expression=_bare(expression), error=ERROR)}"
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


def _literal(text: str) -> str:
    return orjson.dumps(text).decode()


_GUARD = _CLEAN.format(
    hint=_literal(f"{TELLTALES}|@"), login=_literal(LOGIN), hidden=_literal(f"//{HIDDEN}@"), secret=_literal(TELLTALES)
)


def _bare(expression: str) -> str:
    """Without the `.result` that evcc itself cuts off in front, for clients of the time when it was there."""
    return expression.strip().removeprefix(".result") or "."
