"""Which settings this evcc has: as JSON for `bridge/commands`, as lines for a terminal, as a table for the README."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from bridge.settable import setting as kinds
from bridge.settable.loan import SCHEMA, is_lendable
from bridge.settable.lookup import ANYWHERE, OUTSIDE, Found, leaf_of
from bridge.settable.permission import FREE, Permission
from bridge.settable.read import one_of, range_of
from bridge.settable.setting import NO_MODE, Setting, filled, usual
from bridge.settable.table import COST, PRICE, SETTINGS
from bridge.state.releases import release
from bridge.state.state import ABSENT, Change, Part, Scope, State

CLEAR_WORD = "-"
"""What clears a setting that can be cleared."""
NO_WORDS = ("", NO_MODE)
"""What evcc has where there is no mode."""
_NOWHERE = State()
_GENERAL = {COST.unit: "money or g per kWh", PRICE.unit: "money per kWh"}
_TAKES: Mapping[type[kinds.Kind], str] = {
    kinds.Switch: "on or off",
    kinds.Duration: "seconds, or like 1m30s",
    kinds.Clock: "a time like 07:00",
    kinds.Vehicle: "name or title of a vehicle",
    kinds.Button: "anything",
}
_SCHEMAS: Mapping[type[kinds.Kind], dict[str, Any]] = {
    kinds.Switch: {"type": "boolean"},
    kinds.Clock: {"type": "string", "examples": ["07:00"]},
    kinds.Button: {},
}


def _shown_keys() -> Iterator[str]:
    for setting in SETTINGS:
        yield from setting.needs
        yield from (topic.partition("/")[0] for topic in setting.shown)
        if isinstance(setting.kind, kinds.Word) and setting.kind.newer:
            yield setting.kind.newer[0]


PHASES = ("chargerPhases1p3p", "chargerSinglePhase")
"""Which phases can be chosen depends on these."""
# the settings depend on whether these keys are there, and on what the others hold
_PRESENT = frozenset(_shown_keys())
_HELD = frozenset({"version", "currency", "smartCostType", *PHASES}) | frozenset(
    key
    for setting in SETTINGS
    for key in (getattr(setting.kind, "listed", ""), setting.kind.key if isinstance(setting.kind, kinds.Item) else "")
    if key
)


def offered(
    state: State, missing: Collection[tuple[Scope, str]] = (), permission: Permission = FREE
) -> list[dict[str, Any]]:
    """Every set-topic below the root that evcc has and that may be set, with what it takes.

    `missing` are the settings that this evcc turned out not to have.
    """
    return [
        _entry(found, part, state)
        for part in state.targets()
        if part.target.scope is Scope.SITE or part.target.name not in OUTSIDE
        for found in settings_of(part, state)
        if (found.setting.scope, found.setting.leaf) not in missing and permission.allows(found)
    ]


def concerns(change: Change) -> bool:
    """Whether a change of the state may change which settings there are, or what they take."""
    if not change.key or change.key in _HELD:
        return True
    return change.key in _PRESENT and (change.old is ABSENT or change.new is ABSENT)


def exists(setting: Setting, part: Part, version: str) -> bool:
    """Whether an evcc of this version has a setting, as far as its part of the state or its release shows."""
    if setting.since is None or any(key in part.values for key in setting.needs):
        return True
    running = release(version)
    return running is not None and running >= setting.since


def words(kind: kinds.Word, value: Any, part: Part) -> list[str]:
    """The words to offer: those that evcc lists in the device's part of the state, else the usual ones; and `value`."""
    listed = part.get(kind.listed) if kind.listed else None
    found = [word for word in listed if isinstance(word, str)] if isinstance(listed, list) else _usual(kind, part)
    current = [value] if isinstance(value, str) and value not in NO_WORDS else []
    return list(dict.fromkeys([*found, *current]))


def possible(kind: kinds.Choice, part: Part) -> tuple[int, ...]:
    """The numbers that make sense for a device: a charger that cannot switch phases has no 0, a small one no 3."""
    if part.flag("chargerSinglePhase"):
        return tuple(number for number in kind.numbers if number == 1)
    if part.flag("chargerPhases1p3p") is False:
        return tuple(number for number in kind.numbers if number)
    return kind.numbers


def shown_in(setting: Setting, part: Part, entry: int = 0) -> str:
    """The topic, below the part's, where a setting's value stands."""
    topics = setting.shown or (setting.leaf.replace("<i>", str(entry)),)
    return next((topic for topic in topics if topic.partition("/")[0] in part.values), topics[0])


def takes(kind: kinds.Kind, state: State = _NOWHERE, part: Part | None = None) -> str:  # noqa: PLR0911 - one line a kind
    """What a kind takes, in words; without a state, units that depend on the house are left general."""
    match kind:
        case kinds.Number():
            return _number(kind, state)
        case kinds.Choice():
            return ", ".join(map(str, kind.numbers))
        case kinds.Word(fixed=True):
            return one_of(kind.usual)
        case kinds.Word():
            known = words(kind, None, part or state.site)
            return f"a word: {', '.join(known)}, …" if known else "a word"
        case kinds.Plan():
            return f'JSON like {{"{kind.goal}":20,"time":"07:00"}}'
        case kinds.Json():
            return f"JSON like {kind.example}"
        case kinds.Item():
            return takes(kind.of, state, part)
        case _:
            return _TAKES[type(kind)]


def line(entry: Mapping[str, Any]) -> str:
    """An entry of the list for a terminal."""
    clear = f", {entry['clear']} to clear" if "clear" in entry else ""
    return f"{entry['topic']}: {entry['takes']}{clear}"


def table() -> str:
    """Every setting as a Markdown table, for the README."""
    return "\n".join(["| topic | takes | meaning |", "|---|---|---|", *map(_row, SETTINGS)])


def _row(setting: Setting) -> str:
    taken = takes(setting.kind) + (", or clear" if setting.clear else "")
    return f"| `{ANYWHERE[setting.scope]}/{setting.leaf}/set` | {taken} | {setting.meaning} |"


def settings_of(part: Part, state: State) -> Iterator[Found]:
    """The settings that evcc has of a part, once for each entry of a list."""
    for setting in SETTINGS:
        if setting.scope is not part.target.scope or not exists(setting, part, state.release):
            continue
        if isinstance(setting.kind, kinds.Item):
            entries = part.values.get(setting.kind.key)
            count = len(entries) if isinstance(entries, list) else 0
            yield from (Found(setting, part.target, index) for index in range(1, count + 1))
        else:
            yield Found(setting, part.target)


def _entry(found: Found, part: Part, state: State) -> dict[str, Any]:
    setting, kind = found.setting, found.setting.kind
    prefix = part.target.topic
    return {
        "topic": f"{prefix}/{leaf_of(found)}/set",
        "kind": type(kind.of if isinstance(kind, kinds.Item) else kind).__name__.lower(),
        "takes": takes(kind, state, part),
        **_limits(kind, state, part),
        **({"clear": CLEAR_WORD} if setting.clear else {}),
        "meaning": setting.meaning,
        **({} if isinstance(kind, kinds.Button) else {"state": f"{prefix}/{shown_in(setting, part, found.entry)}"}),
        "schema": _payload_schema(setting, state, part),
    }


def _payload_schema(setting: Setting, state: State, part: Part) -> dict[str, Any]:
    schema = _schema(setting.kind, state, part)
    clearable = _clearable(schema) if setting.clear else schema
    return {"anyOf": [clearable, SCHEMA]} if is_lendable(setting) else clearable


def _limits(kind: kinds.Kind, state: State, part: Part) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    match kind:
        case kinds.Number():
            kind = usual(kind, state)
            limits = {"min": kind.low, "max": kind.high, "step": kind.step, "unit": kind.unit, "offer": kind.offer}
        case kinds.Duration():
            limits = {"min": 0, "max": kind.high, "step": 1, "unit": "s", "offer": kind.offer}
        case kinds.Choice():
            limits = {"options": list(possible(kind, part))}
        case kinds.Word():
            limits = {"options": words(kind, None, part)}
        case kinds.Vehicle():
            limits = {"options": _vehicles(state)}
        case kinds.Json():
            limits = {"example": kind.example}
        case kinds.Item():
            limits = _limits(kind.of, state, part)
    return {key: limit for key, limit in limits.items() if limit not in (None, "")}


def _schema(kind: kinds.Kind, state: State, part: Part) -> dict[str, Any]:  # noqa: PLR0911 - one line a kind
    """A JSON Schema of the payload. Words and vehicles are examples: evcc decides which it takes."""
    match kind:
        case kinds.Number():
            return _bounded("integer" if kind.whole else "number", kind.low, kind.high)
        case kinds.Choice():
            return {"enum": list(kind.numbers)}
        case kinds.Word(fixed=True):
            return {"type": "string", "enum": list(kind.usual)}
        case kinds.Word():
            return {"type": "string", "examples": words(kind, None, part)}
        case kinds.Duration():
            return _bounded("integer", 0, kind.high)
        case kinds.Plan():
            return _plan_schema(kind)
        case kinds.Json():
            return kind.schema
        case kinds.Item():
            return _schema(kind.of, state, part)
        case kinds.Vehicle():
            return {"type": "string"}
        case _:
            return _SCHEMAS[type(kind)]


def _bounded(kind: str, low: float | None, high: float | None) -> dict[str, Any]:
    bounds = {"minimum": low, "maximum": high}
    return {"type": kind, **{key: bound for key, bound in bounds.items() if bound is not None}}


def _plan_schema(kind: kinds.Plan) -> dict[str, Any]:
    amount = _bounded("integer" if kind.amount.whole else "number", kind.amount.low, kind.amount.high)
    keys = {kind.goal: amount, "time": {"type": ["string", "integer"], "examples": ["07:00"]}}
    precondition = {"precondition": _bounded("integer", 0, None)}
    return {"type": "object", "properties": {**keys, **precondition}, "minProperties": 1}


def _clearable(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that takes null, one of the clear words, as well."""
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **enum, "type": [schema["type"], "null"]}


def _usual(kind: kinds.Word, part: Part) -> Sequence[str]:
    return kind.newer[1] if kind.newer and kind.newer[0] in part.values else kind.usual


def _number(kind: kinds.Number, state: State) -> str:
    unit = filled(kind.unit, state) if state else _GENERAL.get(kind.unit, kind.unit)
    if kind.low is None and kind.high is None:
        return f"number in {unit}"
    return f"{range_of(kind)} {unit}".rstrip() + (", whole" if kind.whole else "")


def _vehicles(state: State) -> list[str]:
    return [name for name in state.vehicles if name not in OUTSIDE]
