"""The kinds of changes that evcc makes to its state from one release to another, each in both directions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridge.state.part import ABSENT, Scope
from bridge.state.values import is_number, unix_seconds

Release = tuple[int, int, int]
"""A release of evcc: `(0, 209, 4)`."""
Values = dict[str, Any]
"""A copy of a part's values, to be changed; what it contains belongs to evcc's state and must not be."""

_MODES = {"pv": "off", "minpv": "on"}  # a mode of before, and what `alwaysCharge` is in its place
_ALWAYS = ("on", "once")
_SLOT, _POINT = ("start", "end", "value"), ("ts", "val")


@dataclass(frozen=True, slots=True)
class Rule:
    """One change: the release that brought it, the parts of the state that it concerns, and what it changed.

    It goes by what a part has, not by evcc's version: what is in the wanted shape already stays as it is.
    """

    release: Release
    scope: Scope
    meaning: str

    def older(self, values: Values) -> None:
        """Give values the shape from before the change."""

    def newer(self, values: Values) -> None:
        """Give values the shape that the change brought."""


@dataclass(frozen=True, slots=True)
class Renamed(Rule):
    """A value has another name; both are paths of at most two levels below the part.

    `alias`: both names are published, whatever evcc runs. `within`: the object that the old name stands in is never
    made for it.
    """

    old: str = ""
    new: str = ""
    alias: bool = True
    within: bool = False

    def older(self, values: Values) -> None:
        """Move the value to its old name."""
        self._move(values, self.new, self.old)

    def newer(self, values: Values) -> None:
        """Move the value to its new name."""
        self._move(values, self.old, self.new)

    def _move(self, values: Values, source: str, target: str) -> None:
        value = _at(values, source)
        key, _, below = target.partition("/")
        holder = values.get(key)
        # an object or list at the old name of a list is another value, which moves by itself
        if value is ABSENT or isinstance(value, Mapping) or (below and source != key and _is_taken(values, key, below)):
            return
        if not below and key in values and not source.startswith(f"{key}/"):
            return
        if below and self.within and target == self.old and not isinstance(holder, Mapping):
            return
        _remove(values, source)
        _put(values, target, value)


def _at(values: Values, path: str) -> Any:
    key, _, below = path.partition("/")
    value = values.get(key, ABSENT)
    if below:
        return value.get(below, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value


def _is_taken(values: Values, key: str, below: str) -> bool:
    """Whether a value cannot be put there: there is one, or what should contain it is no object."""
    holder = values.get(key)
    return below in holder if isinstance(holder, Mapping) else holder is not None


def _remove(values: Values, path: str) -> None:
    """Remove a value, and the object that contained it when that is empty then."""
    key, _, below = path.partition("/")
    rest = {name: value for name, value in values[key].items() if name != below} if below else {}
    if rest:
        values[key] = rest
    else:
        del values[key]


def _put(values: Values, path: str, value: Any) -> None:
    key, _, below = path.partition("/")
    holder = values.get(key)
    if below:
        values[key] = {**(holder or {}), below: value}
        return
    for name, other in holder.items() if isinstance(holder, Mapping) else ():
        values.setdefault(f"{key}{name[:1].upper()}{name[1:]}", other)  # `battery.forecast` -> `batteryForecast`
    values[key] = value


@dataclass(frozen=True, slots=True)
class Unlisted(Rule):
    """A list of at most one object became that object, under another name."""

    old: str = ""
    new: str = ""

    def older(self, values: Values) -> None:
        """Put the object into a list."""
        if isinstance(values.get(self.new), Mapping) and not values.get(self.old):
            values[self.old] = [values.pop(self.new)]

    def newer(self, values: Values) -> None:
        """Take the object out of the list; a list of several stays beside it."""
        items = values.get(self.old)
        if isinstance(items, list) and items and isinstance(items[0], Mapping) and not values.get(self.new):
            values[self.new] = items[0]
            if len(items) == 1:
                del values[self.old]


@dataclass(frozen=True, slots=True)
class Series(Rule):
    """Time series at or below a key became lists of numbers: `[start,end,value]` and `[ts,val]`, in unix seconds.

    `listed`: whether the release did so; else it left this one as objects, and a later release may have changed it.
    """

    key: str = ""
    listed: bool = True

    def older(self, values: Values) -> None:
        """Make objects of lists."""
        self._convert(values, _as_object)

    def newer(self, values: Values) -> None:
        """Make lists of objects."""
        if self.listed:
            self._convert(values, _as_list)

    def _convert(self, values: Values, to: Callable[[Any], Any]) -> None:
        if self.key in values:
            values[self.key] = _converted(values[self.key], to, levels=2)


def _converted(value: Any, to: Callable[[Any], Any], levels: int) -> Any:
    """A series with each of its items converted, or those within an object; the value itself where none is."""
    if isinstance(value, list):
        items = [to(item) for item in value]
        return items if any(map(_differ, items, value)) else value
    if isinstance(value, Mapping) and levels:
        found = {key: _converted(child, to, levels - 1) for key, child in value.items()}
        return found if any(map(_differ, found.values(), value.values())) else value
    return value


def _differ(one: Any, other: Any) -> bool:
    return one is not other


def _as_object(item: Any) -> Any:
    """A slot or point of a series as an object; anything else as it is."""
    if not isinstance(item, list) or len(item) not in {2, 3} or not all(map(is_number, item)):
        return item
    keys = _SLOT if len(item) == 3 else _POINT
    try:
        times = [f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in item[:-1]]
    except (ValueError, OverflowError, OSError):
        return item
    return dict(zip(keys, (*times, item[-1]), strict=True))


def _as_list(item: Any) -> Any:
    """A slot or point of a series as a list; anything else as it is, so that no other key is lost."""
    keys = next((keys for keys in (_SLOT, _POINT) if isinstance(item, Mapping) and item.keys() == {*keys}), ())
    if not keys:
        return item
    *moments, value = (item[key] for key in keys)
    try:
        times = [unix_seconds(moment) for moment in moments if isinstance(moment, str)]
    except (ValueError, OverflowError):
        return item
    complete = len(times) == len(moments) and None not in times and is_number(value)
    return [*times, value] if complete else item


@dataclass(frozen=True, slots=True)
class Words(Rule):
    """A value has new words; `words` are those that were used before in their place."""

    keys: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()

    def older(self, values: Values) -> None:
        """Use the old words. There is no way back: evcc of before has no state that the new ones mean."""
        for key in self.keys:
            values.update((key, old) for new, old in self.words if values.get(key) == new)


@dataclass(frozen=True, slots=True)
class Modes(Rule):
    """The modes `pv` and `minpv` became `smart`, with `alwaysCharge` (`off`, `on`, `once`) beside it."""

    def older(self, values: Values) -> None:
        """One word of both."""
        always = values.pop("alwaysCharge", None)
        if values.get("mode") == "smart":
            values["mode"] = "minpv" if always in _ALWAYS else "pv"

    def newer(self, values: Values) -> None:
        """Two values of one; a loadpoint that is off, or charges fast, does not always charge."""
        mode = values.get("mode")
        if "alwaysCharge" in values or not isinstance(mode, str) or not mode:
            return
        values["alwaysCharge"] = _MODES.get(mode, "off")
        if mode in _MODES:
            values["mode"] = "smart"
