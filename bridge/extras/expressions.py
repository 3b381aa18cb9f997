"""jq expressions: which ones are plain paths, how secrets are kept from the others, and several in one request."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from bridge.errors import Refused
from bridge.state.names import TELLTALES, is_secret
from bridge.util.redact import HIDDEN, LOGIN

ERROR = "__error"
# evcc refuses an expression with several results; without parentheses and a new line, a comment or an operator
# would reach into the next one
_SAFE = """(try ([({expression}
)] | if length > 1 then error("it gives \\(length) results, not one") else .[0] end)
catch {{"{error}": .}})"""

# evcc's state without the values of keys whose names are those of secrets, but for a vehicle of such a name, and
# without logins in addresses. Most of a state is a forecast: what has nothing to hide is only searched, not rebuilt
_CLEAN = """def c($p):if $p!=[] and (tojson|test({hint};"i")|not) then . elif type=="string" then gsub({login};{hidden})
elif type=="array" then map(c([0])) else with_entries(select($p==["vehicles"] and (.value|type)=="object"
or (.key|test({secret};"i")|not))|.key as $k|map_values(c($p+[$k]))) end;c([])|"""

# a path: `.`, or names, quoted keys and indices. No alternative begins as another one, and none gives anything back,
# so that it is matched in linear time; escapes that could hide a letter of a key are left out
_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_KEY = r'"(?:[^"\\\x00-\x1f]|\\["\\/])*+"'
_INDEX = rf"\[(?:-?[0-9]{{1,9}}+|{_KEY})\]"
_PATH = re.compile(rf"\.(?:(?:{_NAME}|{_KEY}|{_INDEX})(?:\.(?:{_NAME}|{_KEY}|{_INDEX})|{_INDEX}|\?)*+)?+")
_KEYS = re.compile(rf"({_NAME})|({_KEY})")
_LONGEST_PATH = 1000


class Results(NamedTuple):
    """The results of several expressions: values, and for those that failed the reasons, by name."""

    values: dict[str, Any]
    errors: dict[str, str]


def path(expression: str) -> str:
    """A path such as `.statistics["30d"].avgPrice`, which costs evcc nothing to look up.

    Refused for any other expression, and for a path through a key whose value is secret.
    """
    found = _bare(expression)
    if len(found) > _LONGEST_PATH or not _PATH.fullmatch(found):
        raise Refused(
            'jq takes a path such as .loadpoints[0].mode or .statistics["30d"].avgPrice; '
            "other expressions need requests.jq = any (REQUESTS_JQ)"
        )
    for name, key in _KEYS.findall(found):
        if is_secret(name or orjson.loads(key)):
            raise Refused(f"{name or key} is secret, and not given away")
    return found


def guarded(expression: str) -> str:
    """The expression, computed from evcc's state without the secrets in it.

    Nothing on the right of the first `|` has access to what is on its left: no operator binds less, `.` is the
    result of the left side, and no variable holds anything else. So the expression need not be parsed.
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
