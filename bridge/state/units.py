"""Units: the parts of a state document that change by themselves, each with its own topics.

A unit is named like the topic it begins at: `site/grid`, `site/forecast/solar`, `loadpoints/1/mode`,
`vehicles/bike`, and the counts `loadpoints` and `vehicles`. A push frame touches one unit; a poll is
compared unit by unit. So only what changed is flattened. Where a key had to be escaped for that, it follows the
name, so that two keys that come to one topic are two units, and the tree sees who was first.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import zip_longest
from typing import Any, NamedTuple

import orjson

from bridge.state.flatten import flatten, flatten_all
from bridge.state.names import (
    LOADPOINT_ALIASES,
    LOADPOINT_DEFAULTS,
    SITE_ALIASES,
    VEHICLE_DEFAULTS,
    Selection,
    escape,
)

# keys whose children are large, and are pushed apart
_SPLIT = frozenset({"forecast"})
_MISSING = object()
_KEY = "\0"  # no topic holds it
_NAMES = 4096  # an evcc has some hundred keys


class Topics(NamedTuple):
    """The topics of one unit: under their own names, and under those of other evcc releases.

    `contested` are those of its own to which more than one of its keys came.
    """

    own: dict[str, bytes]
    alias: dict[str, bytes]
    contested: frozenset[str] = frozenset()


def units(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A whole state document as (unit, value) pairs."""
    for key, value in state.items():
        yield from units_of(key, value)


def units_of(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """One top-level key of the state document as (unit, value) pairs."""
    if key == "loadpoints":
        yield from _loadpoints(value)
    elif key == "vehicles":
        yield from _vehicles(value)
    elif key in _SPLIT and isinstance(value, Mapping):
        yield from ((f"site/{key}/{_name(child)}", {child: below}) for child, below in value.items())
    else:
        yield f"site/{_name(key)}", {key: value}


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The units whose values differ between two state documents, with their new values; None: the unit is gone."""
    before = dict(units(_apart(old, new)))
    for unit, value in units(_apart(new, old)):
        if unit not in before or not same(before.pop(unit), value):
            yield unit, value
            before.pop(unit, None)
    yield from ((unit, None) for unit in before)


def _apart(state: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `state` that are not the very same in `other`, and of the loadpoints those that are not."""
    apart = {key: value for key, value in state.items() if other.get(key, _MISSING) is not value}
    mine, others = apart.get("loadpoints"), other.get("loadpoints")
    if isinstance(mine, list) and isinstance(others, list):
        shared = [one is two for one, two in zip(mine, others, strict=False)]
        apart["loadpoints"] = [None if same else one for one, same in zip_longest(mine, shared[: len(mine)])]
    return apart


def loadpoint_unit(index: int, key: str, value: Any) -> tuple[str, Any]:
    """The unit of one value of the loadpoint at `index`, counted from 0 as evcc's push frames do."""
    return f"loadpoints/{index + 1}/{_name(key)}", {key: value}


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: Python takes `true` and `1` for the same."""
    if one is other:
        return True
    if isinstance(one, dict) and len(one) == 1 and isinstance(other, dict) and one.keys() == other.keys():
        (mine,), (others,) = one.values(), other.values()
        return same(mine, others)
    if isinstance(one, dict | list):
        return type(one) is type(other) and one == other and _text(one) == _text(other)
    return type(one) is type(other) and bool(one == other)


def _text(value: Any) -> Any:
    try:
        return orjson.dumps(value)
    except TypeError:  # nested more deeply than it writes: equal to nothing
        return object()


def topics(unit: str, value: Any, selection: Selection, *, aliases: bool = True) -> Topics:
    """The topics of one unit as `units` gave it."""
    unit = unit.partition(_KEY)[0]
    scope, slash, _ = unit.partition("/")
    if not slash:
        return Topics(_selected(flatten(unit, value), selection), {})
    parent = unit if scope == "vehicles" else unit.rpartition("/")[0]
    own, contested = flatten_all(parent, value)
    other = _aliases(parent, value) if aliases else {}
    return Topics(_selected(own, selection), _selected(other, selection), contested)


@lru_cache(_NAMES)
def _name(key: str) -> str:
    level = escape(key)
    return f"{level}{_KEY}{key}" if "%" in level else level


def _loadpoints(value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, list):
        return
    yield "loadpoints", len(value)
    for index, loadpoint in enumerate(value):
        if isinstance(loadpoint, Mapping):
            for key, child in (LOADPOINT_DEFAULTS | dict(loadpoint)).items():
                yield loadpoint_unit(index, key, child)


def _vehicles(value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return
    yield "vehicles", len(value)
    for name, vehicle in value.items():
        if isinstance(vehicle, Mapping):
            yield f"vehicles/{_name(name)}", VEHICLE_DEFAULTS | dict(vehicle)


def _aliases(parent: str, value: Mapping[str, Any]) -> dict[str, bytes]:
    pairs = SITE_ALIASES if parent == "site" else LOADPOINT_ALIASES if parent.startswith("loadpoints/") else ()
    found: dict[str, bytes] = {}
    for old, new in pairs:
        for source, target in ((old, new), (new, old)):
            there = _lookup(value, source)
            if there is not _MISSING and not isinstance(there, Mapping):
                found |= flatten(f"{parent}/{target}", there)
    return found


def _lookup(value: Any, path: str) -> Any:
    for level in path.split("/"):
        if not isinstance(value, Mapping) or level not in value:
            return _MISSING
        value = value[level]
    return value


def _selected(found: dict[str, bytes], selection: Selection) -> dict[str, bytes]:
    return {topic: content for topic, content in found.items() if selection.takes(topic)}
