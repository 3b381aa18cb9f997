"""What may be asked for through `bridge/request/<name>`, and how the question is written."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.commands.text import shown
from bridge.errors import Refused
from bridge.util.json import parse_json

_LONGEST = 65_536  # bytes


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a question: what it takes, in words and as a check."""

    takes: str
    check: Callable[[Any], bool]
    required: bool = False


def _is_whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_text(pattern: str) -> Callable[[Any], bool]:
    matches = re.compile(pattern, re.DOTALL).fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


QUESTIONS: Mapping[str, Mapping[str, Field]] = {
    "state": {"jq": Field("a jq expression", _is_text(r".*\S.*"), required=True)},
    "tariff": {"type": Field("a tariff, such as grid", _is_text(r"[A-Za-z0-9_-]{1,40}"), required=True)},
    "sessions": {
        "format": Field("csv or json", _is_text("csv|json")),
        "lang": Field("a language, such as de", _is_text(r"[A-Za-z-]{2,20}")),
        "year": Field("a year", _is_whole(1, 9999)),
        "month": Field("a month, from 1 to 12", _is_whole(1, 12)),
    },
    "plan": {"loadpoint": Field("the number of a loadpoint, from 1", _is_whole(1, 99_999), required=True)},
    "health": {},
    "refresh": {},
}


def read(name: str, payload: bytes) -> dict[str, Any]:
    """The fields of a question; Refused when it is none, or a field is missing or wrong. Unknown fields are ignored."""
    if name not in QUESTIONS:
        raise Refused(f"there is no request {shown(name)}: there are {', '.join(QUESTIONS)}")
    if len(payload) > _LONGEST:
        raise Refused(f"{len(payload)} bytes are too many for a request: {_LONGEST} are read")
    try:
        values = parse_json(payload)
    except ValueError as error:
        raise Refused(f"the request is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise Refused('the request is no JSON object, such as {} or {"type": "grid"}')
    return {key: values[key] for key, field in QUESTIONS[name].items() if _is_given(values, key, field)}


def _is_given(values: Mapping[str, Any], key: str, field: Field) -> bool:
    if values.get(key) is None:
        if field.required:
            raise Refused(f"{key} is missing: {field.takes}")
        return False
    if not field.check(values[key]):
        raise Refused(f"{key} takes {field.takes}, got {shown(orjson.dumps(values[key]).decode())}")
    return True
