"""evcc's state as one value, a push frame merged into it, and what differs between two versions.

Nothing here is changed in place. A new version shares every part and every value that did not change, so that a
comparison stops wherever both versions hold the same object.
"""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, zip_longest
from typing import Any

import orjson

from bridge.state.names import LONGEST_NAME, escape, is_name
from bridge.state.part import ABSENT, Loadpoint, Part, Scope, Target, Vehicle

__all__ = ["ABSENT", "Change", "Loadpoint", "Part", "Scope", "State", "Target", "Vehicle", "changes", "same"]

MOST_DEVICES = 500
"""The most loadpoints, and the most vehicles, of a state."""
MOST_KEYS = 5000
"""The most keys of a part, or of an object within one that push frames build up."""

SITE, LOADPOINTS, VEHICLES = Target(Scope.SITE), Target(Scope.LOADPOINT), Target(Scope.VEHICLE)
_SPLIT = "forecast"  # its children are large, and are pushed one by one
_DEEPEST_PATH = 16  # of a push frame's key; evcc's have three levels
_DEFAULT_INTERVAL = 30.0
_LONGEST_INTERVAL = 3600.0


@dataclass(frozen=True, eq=False)
class State:
    """One version of evcc's state; `State()` is empty and false: evcc has not answered yet."""

    site: Part = field(default_factory=lambda: Part(SITE))
    loadpoints: tuple[Loadpoint, ...] = ()
    vehicles: Mapping[str, Vehicle] = field(default_factory=dict)
    lists_loadpoints: bool = False
    lists_vehicles: bool = False
    left_out: frozenset[str] = frozenset()
    """What is not in it because it was beyond a bound, one text for each kind."""
    pinned: str = ""
    """The release whose names, words and shapes these are, where that is not evcc's own."""

    def __bool__(self) -> bool:
        return bool(self.site.values) or self.lists_loadpoints or self.lists_vehicles

    @property
    def version(self) -> str:
        """evcc's release; "" where it has none."""
        return self.site.text("version")

    @property
    def release(self) -> str:
        """The release that this looks like: the pinned one, else evcc's."""
        return self.pinned or self.version

    @property
    def currency(self) -> str:
        """The currency of prices; "" where evcc has none."""
        return self.site.text("currency")

    @property
    def interval(self) -> float:
        """evcc's control interval in seconds; 30 where it has none."""
        value = self.site.number("interval")
        return float(value) if value is not None and 0 < value <= _LONGEST_INTERVAL else _DEFAULT_INTERVAL

    def find(self, target: Target) -> Part | None:
        """The part of a target; None where evcc does not list it."""
        if target.scope is Scope.SITE:
            return self.site
        if target.scope is Scope.VEHICLE:
            return self.vehicles.get(target.name)
        return self._loadpoint(target.name)

    def targets(self) -> Iterator[Part]:
        """The site, the loadpoints and the vehicles."""
        yield self.site
        yield from self.loadpoints
        yield from self.vehicles.values()

    def document(self) -> dict[str, Any]:
        """evcc's document again, of which nothing may be changed."""
        found = dict(self.site.values)
        if self.lists_loadpoints:
            found["loadpoints"] = [part.values for part in self.loadpoints]
        if self.lists_vehicles:
            found["vehicles"] = {name: part.values for name, part in self.vehicles.items()}
        return found

    def lacks(self, topic: str) -> bool:
        """Whether a topic below the root lies below a loadpoint or a vehicle that evcc does not list."""
        scope, _, below = topic.partition("/")
        name = below.partition("/")[0]
        if scope == Scope.VEHICLE:
            return self.lists_vehicles and bool(name) and name not in self._vehicle_levels
        if scope == Scope.LOADPOINT:
            return self.lists_loadpoints and name.isascii() and name.isdecimal() and self._loadpoint(name) is None
        return False

    @cached_property
    def _vehicle_levels(self) -> frozenset[str]:
        return frozenset(map(escape, self.vehicles))

    def _loadpoint(self, name: str) -> Loadpoint | None:
        index = _index(name, len(self.loadpoints) + 1)
        return self.loadpoints[index - 1] if index and str(index) == name else None

    def merged(self, frame: Mapping[str, Any]) -> "State":
        """This state with a push frame of `/ws`: dotted keys with 0-based numbers and their new values.

        A frame shows neither which loadpoints there are, nor that a key is gone. A number that is the known one
        rounded to 3 decimals, as `/ws` sends it, is no change. The state itself where nothing changed.
        """
        updates = _updates(frame)
        numbered, named = updates.pop("loadpoints", None), updates.pop("vehicles", None)
        values = _merged_keys(self.site.values, updates)
        new = State(
            self.site if values is self.site.values else Part(SITE, values),
            self._merged_loadpoints(numbered.below) if numbered else self.loadpoints,
            self._merged_vehicles(named) if named else self.vehicles,
            self.lists_loadpoints,
            self.lists_vehicles or (named is not None and isinstance(named.value, Mapping)),
            self.left_out,
        )
        left_out = {keys_left_out(SITE)} if _is_cut(values, _Update(below=updates)) else set()
        left_out.update(_left_out(new, numbered.below if numbered else {}, named or _Update()))
        new = replace(new, left_out=self.left_out | left_out) if left_out else new
        return self if new.is_same(self) else new

    def is_same(self, other: "State") -> bool:
        """Whether another version holds the same objects."""
        return (
            self.site is other.site
            and self.loadpoints is other.loadpoints
            and self.vehicles is other.vehicles
            and self.lists_loadpoints == other.lists_loadpoints
            and self.lists_vehicles == other.lists_vehicles
            and self.left_out == other.left_out
        )

    def _merged_loadpoints(self, updates: "_Updates") -> tuple[Loadpoint, ...]:
        found = list(self.loadpoints)
        for level, update in updates.items():
            index = _index(level, len(found))
            if index is not None:
                known = found[index]
                values = _merged_values(known.values, update)
                found[index] = known if values is known.values else Loadpoint(known.target, values)
        return self.loadpoints if _same_items(found, self.loadpoints) else tuple(found)

    def _merged_vehicles(self, update: "_Update") -> Mapping[str, Vehicle]:
        whole = isinstance(update.value, Mapping)
        found = {}
        for name in vehicle_names(update.value) if whole else self.vehicles:
            known = self.vehicles.get(name) or Vehicle(Target(Scope.VEHICLE, name))
            values = _merged_values(known.values, _Update(update.value[name])) if whole else known.values
            values = _merged_values(values, update.below[name]) if name in update.below else values
            found[name] = known if values is known.values else Vehicle(known.target, values)
        same_names = found.keys() == self.vehicles.keys()
        return self.vehicles if same_names and all(found[name] is self.vehicles[name] for name in found) else found


def vehicle_names(vehicles: Mapping[str, Any]) -> list[str]:
    """Those names of vehicles in a document or a frame that are taken."""
    return list(islice(filter(is_name, vehicles), MOST_DEVICES))


def bounded_keys(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those keys of a part that are taken, with their values."""
    if len(values) <= MOST_KEYS and all(map(is_name, values)):
        return values
    return {key: values[key] for key in islice(filter(is_name, values), MOST_KEYS)}


def vehicles_left_out(count: int) -> str:
    """What is noted when not all vehicles are taken, of which evcc has so many."""
    return f"vehicles (at most {MOST_DEVICES}, with names of at most {LONGEST_NAME} bytes; evcc lists {count})"


def keys_left_out(target: Target) -> str:
    """What is noted when not all keys of a part are taken."""
    return f"keys of {target.topic} (at most {MOST_KEYS}, with names of at most {LONGEST_NAME} bytes)"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs between two versions of the state.

    `old` and `new` include the defaults that evcc leaves out; `ABSENT` where there was, or is, none. What the site
    has of `forecast` changes child by child. Without a key it is the count of loadpoints or of vehicles.
    """

    target: Target
    key: str
    old: Any
    new: Any
    child: str = ""

    @property
    def source(self) -> str:
        """The value's own name, which no other one has, even where two of them come to one topic."""
        return f"state:{self.target.scope}\0{self.target.name}\0{self.key}\0{self.child}"


def changes(old: State, new: State) -> tuple[Change, ...]:
    """What differs between two versions, each value once."""
    return tuple(_changes(old, new))


def _changes(old: State, new: State) -> Iterator[Change]:
    if old.site is not new.site:
        yield from _changed_keys(SITE, old.site.values, new.site.values)
    yield from _changed_count(LOADPOINTS, _count(old, LOADPOINTS), _count(new, LOADPOINTS))
    for before, after in zip_longest(old.loadpoints, new.loadpoints):
        if before is not after:
            yield from _changed_part(before, after)
    yield from _changed_count(VEHICLES, _count(old, VEHICLES), _count(new, VEHICLES))
    if old.vehicles is not new.vehicles:
        for name in {**old.vehicles, **new.vehicles}:
            yield from _changed_part(old.vehicles.get(name), new.vehicles.get(name))


def _count(state: State, of: Target) -> Any:
    if of is LOADPOINTS:
        return len(state.loadpoints) if state.lists_loadpoints else ABSENT
    return len(state.vehicles) if state.lists_vehicles else ABSENT


def _changed_count(target: Target, old: Any, new: Any) -> Iterator[Change]:
    if old is not new and old != new:
        yield Change(target, "", old, new)


def _changed_part(old: Part | None, new: Part | None) -> Iterator[Change]:
    part = new or old
    if part is not None and old is not new:
        before = {**part.DEFAULTS, **old.values} if old else {}
        yield from _changed_keys(part.target, before, {**part.DEFAULTS, **new.values} if new else {})


def _changed_keys(target: Target, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key, value in new.items():
        known = old.get(key, ABSENT)
        if known is not value and not same(known, value):
            yield from _changed_value(target, key, known, value)
    for key in old:
        if key not in new:
            yield from _changed_value(target, key, old[key], ABSENT)


def _changed_value(target: Target, key: str, old: Any, new: Any) -> Iterator[Change]:
    if key != _SPLIT or target is not SITE:
        yield Change(target, key, old, new)
        return
    before, after = _children(old), _children(new)
    for child in {**before, **after}:
        known, value = before.get(child, ABSENT), after.get(child, ABSENT)
        if not same(known, value):
            yield Change(target, key, known, value, child)


def _children(value: Any) -> Mapping[str, Any]:
    """The shards of a value, by their names; "" stands for one that is not split."""
    if isinstance(value, Mapping):
        return {child: below for child, below in value.items() if child}
    return {} if value is ABSENT else {"": value}


def same(one: Any, other: Any) -> bool:
    """Equal as JSON, where `true` is not `1`, and `1` not `1.0`."""
    if one is other:
        return True
    if type(one) is not type(other) or one != other:
        return False
    return not isinstance(one, dict | list) or _json(one) == _json(other)


def _json(value: Any) -> Any:
    try:
        return orjson.dumps(value)
    except TypeError:  # nested more deeply than it writes: equal to nothing
        return object()


@dataclass(slots=True)
class _Update:
    """What a push frame brings to one place: a new value, and then values at keys below it."""

    value: Any = ABSENT
    below: "_Updates" = field(default_factory=dict)


_Updates = dict[str, _Update]


def _updates(frame: Mapping[str, Any]) -> _Updates:
    """The keys of a frame as a tree, so that each object that it changes is copied once."""
    found = _Update()
    for path, value in frame.items():
        place = found
        levels = path.split(".", _DEEPEST_PATH)
        if len(levels) <= _DEEPEST_PATH:
            for level in levels:
                place = place.below.setdefault(level, _Update())
            place.value, place.below = value, {}
    return found.below


def _left_out(new: State, numbered: _Updates, named: _Update) -> Iterator[str]:
    """What is left out of what a frame brings to loadpoints and vehicles."""
    whole = named.value if isinstance(named.value, Mapping) else {}
    if len(whole) > len(new.vehicles):
        yield vehicles_left_out(len(whole))
    if any(level.isdecimal() and int(level[:6]) >= MOST_DEVICES for level in numbered):
        yield f"loadpoints beyond {MOST_DEVICES}"
    updates: list[tuple[Part | None, _Update]] = [(new.vehicles.get(name), one) for name, one in named.below.items()]
    updates += [(part, _Update(whole.get(name, ABSENT))) for name, part in new.vehicles.items() if whole]
    for level, one in numbered.items():
        index = _index(level, len(new.loadpoints))
        updates += [] if index is None else [(new.loadpoints[index], one)]
    yield from (keys_left_out(part.target) for part, one in updates if part and _is_cut(part.values, one))


def _is_cut(value: Any, update: _Update) -> bool:
    """Whether an object is without keys that an update brought."""
    if isinstance(value, list):
        items = ((_index(level, len(value)), one) for level, one in update.below.items())
        return any(_is_cut(value[index], one) for index, one in items if index is not None)
    if not isinstance(value, Mapping):
        return False
    whole = update.value if isinstance(update.value, Mapping) else {}
    below = update.below.items()
    return not whole.keys() <= value.keys() or any(key not in value or _is_cut(value[key], one) for key, one in below)


def _merged_values(known: Mapping[str, Any], update: _Update) -> Mapping[str, Any]:
    """The values of a loadpoint or a vehicle after an update; what is no object is left alone."""
    if isinstance(update.value, Mapping):
        known = _shared(known, bounded_keys(update.value))
    return _merged_keys(known, update.below)


def _merged(known: Any, update: _Update) -> Any:
    value = known if update.value is ABSENT else _shared(known, update.value)
    if not update.below:
        return value
    if isinstance(value, list):
        return _merged_items(value, update.below)
    if isinstance(value, Mapping):
        return _merged_keys(value, update.below)
    return _merged_keys({}, update.below) or value if value is None or value is ABSENT else value


def _merged_keys(known: Mapping[str, Any], updates: _Updates) -> Mapping[str, Any]:
    changed = {}
    room = MOST_KEYS - len(known)
    for key, update in updates.items():
        before = known.get(key, ABSENT)
        after = _merged(before, update) if before is not ABSENT or (room > 0 and is_name(key)) else ABSENT
        if after is not before:
            changed[key] = after
            room -= before is ABSENT
    return {**known, **changed} if changed else known


def _merged_items(known: list[Any], updates: _Updates) -> list[Any]:
    found = list(known)
    for level, update in updates.items():
        index = _index(level, len(found))
        if index is not None:
            found[index] = _merged(found[index], update)
    return known if _same_items(found, known) else found


def _shared(known: Any, new: Any) -> Any:
    """A pushed value, or what is known in its place, wherever both are equal or one is the other rounded."""
    return known if same(known, new) else _shared_within(known, new)


def _shared_within(known: Any, new: Any) -> Any:
    if isinstance(known, dict) and isinstance(new, dict):
        found = {key: _shared_within(known.get(key, ABSENT), value) for key, value in new.items()}
        same_keys = found.keys() == known.keys()
        return known if same_keys and all(value is known[key] for key, value in found.items()) else found
    if isinstance(known, list) and isinstance(new, list) and len(known) == len(new):
        items = list(map(_shared_within, known, new))
        return known if _same_items(items, known) else items
    if isinstance(known, float) and isinstance(new, float | int) and round(known, 3) == new:  # as /ws sends it
        return known
    return known if not isinstance(new, dict | list) and same(known, new) else new


def _same_items(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))


def _index(level: str, length: int) -> int | None:
    """The place in a list of that length that a level names; None where there is none."""
    index = int(level) if level.isascii() and level.isdecimal() and len(level) <= 6 else length
    return index if index < length else None
