"""Messages about a wrong configuration: one line a mistake, without a secret in it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bridge.settings.model import SECRETS, Settings, fields, options
from bridge.settings.table import takes
from bridge.settings.urls import masked
from bridge.util.redact import sanitize

_LONGEST = 60


def lines(error: ValidationError) -> list[str]:
    """One line for each option that is wrong: both its names, what it got, what it takes."""
    found: dict[str, str] = {}
    for mistake in error.errors(include_url=False):
        name = ".".join(map(str, mistake["loc"][:2])) or "configuration"
        found.setdefault(name, f"{sanitize(name, _LONGEST)}{_line(name, mistake)}")
    return list(found.values())


def misspelt(names: Iterable[str]) -> Iterator[str]:
    """Names in the environment that are no option, but nearly one, each with a hint.

    The environment is full of other programs' names, so section and option must both be near.
    """
    known = options()
    for name in names:
        section, _, option = name.partition("_")
        sections = {known_name.partition("_")[0] for known_name in known}
        for near in get_close_matches(section, sections, n=1, cutoff=0.8) if name not in known else ():
            candidates = [
                known_name.removeprefix(f"{near}_") for known_name in known if known_name.startswith(f"{near}_")
            ]
            for match in get_close_matches(option, candidates, n=1, cutoff=0.8):
                yield f"{sanitize(name, _LONGEST)} is no option and is ignored; did you mean {near}_{match}?"


def _line(name: str, mistake: Mapping[str, Any]) -> str:
    known = _known()
    if mistake["type"] == "extra_forbidden":
        return f": no such option{_nearest(name, known)}"
    field = known.get(name)
    if field is None:
        return f": {_reason(mistake) or 'takes a table of options'}"
    variable = name.replace(".", "_").upper()
    reason = _reason(mistake)
    return f" ({variable}): got {_shown(name, mistake)}, takes {takes(field)}{f' ({reason})' if reason else ''}"


def _reason(mistake: Mapping[str, Any]) -> str:
    return str(mistake["ctx"]["error"]) if mistake["type"] == "value_error" else ""


def _known() -> dict[str, FieldInfo]:
    return {
        f"{section}.{option}": field
        for section, table in Settings.model_fields.items()
        for option, field in fields(table).items()
    }


def _nearest(name: str, known: Iterable[str]) -> str:
    names = [*known] if "." in name else [*Settings.model_fields]
    near = get_close_matches(name, names, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(name: str, mistake: Mapping[str, Any]) -> str:
    value = mistake["input"]
    if name.partition(".")[2] in SECRETS:
        return "something else"
    if not isinstance(value, str | int | float):
        return "nothing" if value is None else f"a {type(value).__name__}"
    return sanitize(json.dumps(masked(value) if name.endswith(".url") and isinstance(value, str) else value), _LONGEST)
