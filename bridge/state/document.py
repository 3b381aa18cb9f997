"""Reads evcc's state document: the answer of `GET /api/state`, checked and within bounds."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.errors import Invalid
from bridge.state.flatten import payload
from bridge.state.known import words
from bridge.state.part import Loadpoint, Part, Scope, Target, Vehicle
from bridge.state.state import MOST_DEVICES, SITE, State, bounded_keys, keys_left_out, vehicle_names, vehicles_left_out
from bridge.state.values import LARGE, is_excessive
from bridge.util.json import parse_evcc_json
from bridge.util.redact import sanitize

# keys of which a state of evcc has one in every release and from its start on; other programs have versions and names
_EVIDENCE = words("fatal siteTitle startupCompleted setupRequired gridConfigured homePower residualPower pvPower")
# null for one of these is no statement: nobody has undone his house
_DEVICES = ("loadpoints", "vehicles")
_FATAL_KEYS = ("class", "device", "error")
_LONGEST_REASON = 500


def parse(body: bytes) -> State:
    """The state in a body of `GET /api/state`, out of the `result` that evcc had around it before 0.207.

    Invalid when it is no JSON, no object, nested too deeply, or no state of evcc. Loadpoints, vehicles and keys
    beyond the bounds are left out, and named in `left_out`.
    """
    try:
        value = parse_evcc_json(body)
    except ValueError as error:
        raise Invalid(f"evcc's state cannot be read: {error}") from None
    if isinstance(value, dict) and isinstance(value.get("result"), dict):
        value = value["result"]
    state = from_document(value)
    if len(body) > LARGE and is_excessive([part.values for part in state.targets()]):
        raise Invalid("evcc's answer is no state: it has more values than any evcc")
    return state


def from_document(document: Any) -> State:
    """The state in a document that has been parsed; Invalid when it is none of evcc's."""
    if not isinstance(document, dict) or not isinstance(document.get("loadpoints", []), list | None):
        raise Invalid("evcc's answer is no state: not an object with a list of loadpoints")
    if document.get("loadpoints") is None and not document.keys() & _EVIDENCE:
        raise Invalid("evcc's answer is no state: nothing in it is evcc's")
    left_out: set[str] = set()
    site = {key: value for key, value in document.items() if key not in _DEVICES}
    loadpoints, vehicles = document.get("loadpoints"), document.get("vehicles")
    return State(
        Part(SITE, _values(SITE, site, left_out)),
        tuple(_loadpoints(loadpoints or [], left_out)),
        {part.name: part for part in _vehicles(vehicles if isinstance(vehicles, dict) else {}, left_out)},
        lists_loadpoints=loadpoints is not None,
        lists_vehicles=isinstance(vehicles, dict),
        left_out=frozenset(left_out),
    )


def fatal(state: State) -> str | None:
    """The configuration error that evcc reports in `fatal`, as one line; None when there is none."""
    value = state.site.get("fatal")
    entries = value if isinstance(value, list) else [value]
    lines = [text for entry in entries if (text := _fatal_text(entry))]
    return "; ".join(lines) or None


def _loadpoints(values: list[Any], left_out: set[str]) -> Iterator[Loadpoint]:
    if len(values) > MOST_DEVICES:
        left_out.add(f"loadpoints beyond {MOST_DEVICES} (evcc lists {len(values)})")
    for number, value in enumerate(values[:MOST_DEVICES], start=1):
        target = Target(Scope.LOADPOINT, str(number))
        yield Loadpoint(target, _values(target, value, left_out))


def _vehicles(values: Mapping[str, Any], left_out: set[str]) -> Iterator[Vehicle]:
    names = vehicle_names(values)
    if len(names) < len(values):
        left_out.add(vehicles_left_out(len(values)))
    for name in names:
        target = Target(Scope.VEHICLE, name)
        yield Vehicle(target, _values(target, values[name], left_out))


def _values(target: Target, value: Any, left_out: set[str]) -> Mapping[str, Any]:
    """The values of a part within the bounds; none where evcc has no object."""
    if not isinstance(value, dict):
        return {}
    taken = bounded_keys(value)
    if taken is not value:
        left_out.add(keys_left_out(target))
    return taken


def _fatal_text(entry: Any) -> str:
    parts = [entry[key] for key in _FATAL_KEYS if entry.get(key)] if isinstance(entry, Mapping) else [entry or ""]
    return sanitize(" ".join(" ".join(payload(part).decode() for part in parts).split()), _LONGEST_REASON)
