"""What can be set: as JSON for `bridge/commands`, as lines for a terminal, as a table for the README."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson

from bridge.commands.call import Target
from bridge.commands.find import ANYWHERE, topic_of
from bridge.commands.numbers import range_of
from bridge.commands.permission import FREE, Permission
from bridge.commands.units import filled, unit_of
from bridge.commands.vehicles import titles
from bridge.settable import kinds
from bridge.settable.kinds import Button, Choice, Duration, Json, Kind, Number, Plan, Switch, Vehicle, Word
from bridge.settable.setting import Scope, Setting
from bridge.settable.table import SETTINGS
from bridge.state.payload import without_secrets

CLEAR_WORD = "-"
"""What clears a setting that can be cleared."""
NO_WORDS = ("", "unknown")
"""What evcc says where there is no mode."""
_GENERAL = {kinds.COST.unit: "money or g per kWh", kinds.PRICE.unit: "money per kWh"}


def listing(
    state: Mapping[str, Any], missing: Collection[tuple[Scope, str]] = (), permission: Permission = FREE
) -> list[dict[str, Any]]:
    """Every set-topic below the root that exists in this state and may be set, with what it takes and its value.

    `missing` are the settings that this evcc turned out not to have.
    """
    return [
        _entry(setting, target, part, state)
        for target, part in targets(state)
        for setting in SETTINGS
        if setting.scope is target.scope and exists(setting, part) and (setting.scope, setting.leaf) not in missing
        if permission.allows(topic_of(setting, target))
    ]


def targets(state: Mapping[str, Any]) -> Iterator[tuple[Target, Mapping[str, Any]]]:
    """The site, the loadpoints and the vehicles of a state, each with its own part of the state."""
    if state:
        yield Target(Scope.SITE), state
    loadpoints = state.get("loadpoints")
    for number, part in enumerate(loadpoints if isinstance(loadpoints, list) else (), 1):
        yield Target(Scope.LOADPOINT, str(number)), part if isinstance(part, dict) else {}
    for name in titles(state) or ():
        part = state["vehicles"][name]
        yield Target(Scope.VEHICLE, name), part if isinstance(part, dict) else {}


def exists(setting: Setting, part: Mapping[str, Any]) -> bool:
    """Whether evcc has a setting, as far as its part of the state shows."""
    return not setting.needs or any(key in part for key in setting.needs)


def value_of(setting: Setting, part: Mapping[str, Any]) -> Any:
    """The value in force; None where the state does not say."""
    return next((part[key] for key in setting.keys if key in part), None)


def words(kind: Word, value: Any, part: Mapping[str, Any]) -> list[str]:
    """The words to offer: those that evcc lists in the device's part of the state, else the usual ones; and `value`."""
    listed = part.get(kind.listed) if kind.listed else None
    offered = [word for word in listed if isinstance(word, str)] if isinstance(listed, list) else _usual(kind, part)
    current = [value] if isinstance(value, str) and value not in NO_WORDS else []
    return list(dict.fromkeys([*offered, *current]))


def _usual(kind: Word, part: Mapping[str, Any]) -> Sequence[str]:
    return kind.newer[1] if kind.newer and kind.newer[0] in part else kind.usual


def takes(kind: Kind, state: Mapping[str, Any] | None = None, part: Mapping[str, Any] | None = None) -> str:
    """What a kind takes, in words; without a state, units that depend on the house are left general."""
    return _TAKES[type(kind)](kind, state or {}, part or {})


def line(entry: Mapping[str, Any]) -> str:
    """An entry of the listing for a terminal."""
    clear = f", {entry['clear']} to clear" if "clear" in entry else ""
    now = "" if entry.get("value") in (None, "") else f"  (now {orjson.dumps(entry['value']).decode()})"
    return f"{entry['topic']}: {entry['takes']}{clear}{now}"


def table() -> str:
    """Every setting as a Markdown table, for the README."""
    return "\n".join(["| topic | takes | meaning |", "|---|---|---|", *map(_row, SETTINGS)])


def _row(setting: Setting) -> str:
    taken = takes(setting.kind) + (", or clear" if setting.clear else "")
    return f"| `{ANYWHERE[setting.scope]}/{setting.leaf}/set` | {taken} | {setting.meaning} |"


def _entry(setting: Setting, target: Target, part: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    value = value_of(setting, part)
    return {
        "topic": f"{topic_of(setting, target)}/set",
        "kind": type(setting.kind).__name__.lower(),
        "takes": takes(setting.kind, state, part),
        **_limits(setting.kind, value, state, part),
        **({"clear": CLEAR_WORD} if setting.clear else {}),
        **({} if isinstance(setting.kind, Button) else {"value": without_secrets(value)}),
    }


def _limits(kind: Kind, value: Any, state: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    match kind:
        case Number():
            limits = {"min": kind.low, "max": kind.high, "step": kind.step, "unit": unit_of(kind, state)}
        case Duration():
            limits = {"min": 0, "max": kind.high, "step": 1, "unit": "s"}
        case Choice():
            limits = {"options": list(kind.numbers)}
        case Word():
            limits = {"options": words(kind, value, part)}
        case Vehicle():
            limits = {"options": list(titles(state) or ())}
        case Json():
            limits = {"example": kind.example}
    return {key: limit for key, limit in limits.items() if limit not in (None, "")}


def _number(kind: Number, state: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    unit = filled(kind.unit, state) if state else _GENERAL.get(kind.unit, kind.unit)
    if kind.low is None and kind.high is None:
        return f"number in {unit}"
    return f"{range_of(kind)} {unit}".rstrip() + (", whole" if kind.whole else "")


def _word(kind: Word, _: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    offered = words(kind, None, part)
    return f"a word: {', '.join(offered)}, …" if offered else "a word"


_TAKES: dict[type[Kind], Callable[[Any, Mapping[str, Any], Mapping[str, Any]], str]] = {
    Number: _number,
    Choice: lambda kind, *_: ", ".join(map(str, kind.numbers)),
    Switch: lambda *_: "on or off",
    Word: _word,
    Duration: lambda *_: "seconds, or like 1m30s",
    Plan: lambda kind, *_: f'JSON like {{"{kind.goal}":20,"time":"07:00"}}',
    Json: lambda kind, *_: f"JSON like {kind.example}",
    Vehicle: lambda *_: "name or title of a vehicle",
    Button: lambda *_: "anything",
}
