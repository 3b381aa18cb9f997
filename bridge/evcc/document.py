"""The state document: what evcc says, and what it only does not say yet.

From a complete, running evcc a key that is missing is gone. From an evcc that is starting, it is only not there
yet: known values stay until nothing known is missing any more, at most the grace period. A document is never
changed in place: every change makes a new one that shares what did not change, so old and new can be compared.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.errors import Invalid
from bridge.state.payload import is_number, is_series, payload
from bridge.state.units import changed, loadpoint_unit, same
from bridge.util.json import parse_evcc_json
from bridge.util.redact import sanitize

State = Mapping[str, Any]

# a restart can hide between two polls: so many loadpoint values do not vanish from a running evcc
_MISSING_AT_ONCE = 10
# null for one of these is no statement: nobody has undone his house
_HOUSE = frozenset({"loadpoints", "vehicles"})
_FATAL_KEYS = ("class", "device", "error")
_LONGEST_REASON = 500
_DEFAULT_INTERVAL = 30.0
_LONGEST_INTERVAL = 3600.0
_DEEPEST_PATH = 16  # of a push frame's key; evcc's have three levels


def parse(body: bytes) -> dict[str, Any]:
    """The state in a body of `GET /api/state`, out of the `result` that evcc had around it before 0.207.

    Invalid when it is no JSON, no object, nested too deeply, or no state of evcc at all.
    """
    try:
        value = parse_evcc_json(body)
    except ValueError as error:
        raise Invalid(f"evcc's state cannot be read: {error}") from None
    if isinstance(value, dict) and isinstance(value.get("result"), dict):
        value = value["result"]
    if not isinstance(value, dict) or not isinstance(value.get("loadpoints", []), list | None):
        raise Invalid("evcc's answer is no state: not an object with a list of loadpoints")
    value = {key: child for key, child in value.items() if child is not None or key not in _HOUSE}
    if "loadpoints" not in value and "version" not in value and "siteTitle" not in value:
        raise Invalid("evcc's answer is no state: no loadpoints, version or site title in it")
    return value


def fatal(state: State) -> str | None:
    """The configuration error that evcc reports in `fatal`, as one line; None when there is none."""
    value = state.get("fatal")
    entries = value if isinstance(value, list) else [value]
    lines = [text for entry in entries if (text := _fatal_text(entry))]
    return "; ".join(lines) or None


def missing(known: Any, new: Any) -> int:
    """How many values of `known` have no counterpart in `new`; null is one, but not of what has values in it."""
    if isinstance(known, Mapping):
        there = new if isinstance(new, Mapping) else {}
        return sum(missing(value, there[key]) if key in there else leaves(value) for key, value in known.items())
    if _is_of_devices(known):
        others = new if isinstance(new, list) else []
        return sum(map(missing, known, others)) + sum(map(leaves, known[len(others) :]))
    return 0


def leaves(value: Any) -> int:
    """How many values other than null there are in `value`."""
    if isinstance(value, Mapping):
        return sum(map(leaves, value.values()))
    if _is_of_devices(value):
        return sum(map(leaves, value))
    return value is not None


def merge(known: Any, new: Any) -> Any:
    """`new` over `known`: what `new` does not have is kept, and null does not replace what has values in it."""
    if new is None and (isinstance(known, Mapping) or _is_of_devices(known)):
        return known
    if isinstance(known, Mapping) and isinstance(new, Mapping):
        return {**known, **{key: merge(known[key], value) if key in known else value for key, value in new.items()}}
    if _is_of_devices(known) and isinstance(new, list):
        return [*map(merge, known, new), *new[len(known) :], *known[len(new) :]]
    return new


def heal(known: Any, new: Any) -> Any:
    """`new`, with the known value wherever a number, a boolean, an object or a list has become something else.

    Null is believed: it says that there is no value. What has not changed is the known object itself.
    """
    if new is None:
        return None
    if same(known, new):
        return known
    if isinstance(known, bool | int | float):
        return new if _kind(known) == _kind(new) else known
    if isinstance(known, Mapping) and known:
        return {key: heal(known.get(key), value) for key, value in new.items()} if isinstance(new, Mapping) else known
    if isinstance(known, list) and known:
        return _healed_list(known, new) if isinstance(new, list) else known
    return new


class Document:
    """What is known of evcc's state, from full documents and from push frames.

    `grace` in seconds replaces the usual (loadpoints + 2) x evcc's own `interval`.
    """

    def __init__(self, grace: float | None = None) -> None:
        self._grace = grace
        self._deadline = math.inf
        self._newer: list[list[str]] | None = None
        self._known_version: Any = None  # of the evcc whose types are those of `state`
        self.state: State = {}
        self.starting = False
        self.disbelieved: list[str] = []

    @property
    def interval(self) -> float:
        """evcc's control interval in seconds, as it says itself; 30 where it does not."""
        value = self.state.get("interval")
        return float(value) if is_number(value) and 0 < value <= _LONGEST_INTERVAL else _DEFAULT_INTERVAL

    @property
    def grace(self) -> float:
        """How long, in seconds, a value may be missing from an evcc that starts."""
        if self._grace is not None:
            return self._grace
        loadpoints = self.state.get("loadpoints")
        return ((len(loadpoints) if isinstance(loadpoints, list) else 0) + 2) * self.interval

    def patience(self, now: float) -> float:
        """The seconds until an evcc that starts is taken as it is; endless while that is not known."""
        return max(self._deadline - now, 0.0) if self.starting else math.inf

    def suspect(self, *, away: bool = True) -> None:
        """A sign of a restart was seen: until evcc is complete, nothing that is missing counts as gone.

        `away`: evcc does not answer, so the grace period begins when it does again. A `/ws` that only closes again
        and again must not make it endless.
        """
        if self.state:
            if away or not self.starting:
                self._deadline = math.inf
            self.starting = True

    def asked(self) -> None:
        """Note that a full document was asked for: what frames bring until it is there is newer than it may be."""
        self._newer = []

    def replace(self, new: State, now: float) -> None:
        """Take a full document; `now` is in seconds of a monotonic clock."""
        new = self._with_newer(new)
        if not self.starting and _missing_at_once(self.state, new) >= _MISSING_AT_ONCE:
            self.suspect()
        if self.starting and self._still_starting(new, now):
            new = merge(self.state, new)
        else:
            self.starting = False
        self.state = self._healed(new)

    def apply(self, frame: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Take a push frame; yields the units that it changed, with their values, as `units` does.

        A frame never says that a key is gone. One for a loadpoint that no full document has shown is left alone.
        """
        for path, value in frame.items():
            key, *below = path.split(".")
            old = self.state.get(key)
            if not _is_meant(key, below, old, value):
                continue
            before = _at(old, below)
            after = heal(before, merge(before, value) if self.starting else value)
            if not same(before, after) and (new := _with(old, below, after)) is not old:
                self.state = {**self.state, key: new}
                if self._newer is not None:
                    self._newer.append([key, *below])
                yield from _changed(key, below, old, new)

    def _with_newer(self, new: State) -> State:
        newer, self._newer = self._newer or [], None
        for key, *below in newer:
            if key in new:
                new = {**new, key: _with(new[key], below, _at(self.state[key], below))}
        return new

    def _healed(self, new: State) -> State:
        """Wrong types where numbers were are not believed, unless another evcc version brings them, until complete."""
        known = self.state
        self.disbelieved = []
        if self._known_version != new.get("version"):
            if not self.starting:
                self._known_version = new.get("version")
            return new
        healed = {key: heal(known.get(key), new[key]) for key in new if not same(known.get(key), new[key])}
        self.disbelieved = [key for key, value in healed.items() if not same(value, new[key])]
        return {key: healed[key] if key in healed else known.get(key) for key in new}

    def _still_starting(self, new: State, now: float) -> bool:
        if not missing(self.state, new):
            return False
        self._deadline = min(self._deadline, now + self.grace)
        return now < self._deadline


def _is_meant(key: str, below: list[str], old: Any, value: Any) -> bool:
    """Whether a push frame's key is one of evcc's: how many loadpoints there are, a full document alone says."""
    if len(below) > _DEEPEST_PATH:
        return False
    if key == "loadpoints":
        known = bool(below) and isinstance(_at(old, below[:1]), Mapping)
        return known and (len(below) > 1 or isinstance(value, Mapping))
    return key != "vehicles" or bool(below) or isinstance(value, Mapping)


def _changed(key: str, below: list[str], old: Any, new: Any) -> Iterator[tuple[str, Any]]:
    if key == "loadpoints" and len(below) >= 2:
        index = int(below[0])
        yield loadpoint_unit(index, below[1], new[index][below[1]])
    else:
        yield from changed({key: old}, {key: new})


def _missing_at_once(known: State, new: State) -> int:
    """The values that loadpoints which are still listed have lost; without any loadpoint, or without vehicles, all."""
    before, after = known.get("loadpoints"), new.get("loadpoints")
    lost = 0 if "vehicles" in new else leaves(known.get("vehicles"))
    if isinstance(before, list):
        lost += missing(before[: len(after)], after) if after else leaves(before)
    return lost


def _is_of_devices(value: Any) -> bool:
    """A list of loadpoints, meters or plans, whose members have keys; not a time series."""
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value) and not is_series(value)


def _kind(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _at(value: Any, path: list[str]) -> Any:
    for level in path:
        if isinstance(value, Mapping):
            value = value.get(level)
        elif isinstance(value, list) and (index := _index(value, level)) is not None:
            value = value[index]
        else:
            return None
    return value


def _with(value: Any, path: list[str], new: Any) -> Any:
    """`value` with `new` at `path`, sharing all else; `value` itself where the path does not fit."""
    if not path:
        return new
    level, *below = path
    if isinstance(value, list):
        index = _index(value, level)
        if index is None or (child := _with(value[index], below, new)) is value[index]:
            return value
        return [*value[:index], child, *value[index + 1 :]]
    if value is None or isinstance(value, Mapping):
        before = value or {}
        child = _with(before.get(level), below, new)
        return value if level in before and child is before[level] else {**before, level: child}
    return value


def _index(values: list[Any], level: str) -> int | None:
    """The place in a list that a level of a push frame's key names; None where there is none."""
    index = int(level) if level.isdecimal() and len(level) <= 6 else len(values)
    return index if index < len(values) else None


def _healed_list(known: list[Any], new: list[Any]) -> list[Any]:
    return new if is_series(known) else [*map(heal, known, new), *new[len(known) :]]


def _fatal_text(entry: Any) -> str:
    parts = [entry[key] for key in _FATAL_KEYS if entry.get(key)] if isinstance(entry, Mapping) else [entry or ""]
    return sanitize(" ".join(" ".join(payload(part).decode() for part in parts).split()), _LONGEST_REASON)
