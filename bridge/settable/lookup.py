"""Which setting, on which target, a `/set` topic means; its spellings; what is nearest to a misspelt one."""

import re
from collections.abc import Iterable
from typing import NamedTuple, NoReturn

from bridge.errors import Refused
from bridge.settable.setting import Setting
from bridge.settable.table import SETTINGS
from bridge.settable.value import shown
from bridge.state.by_title import targets
from bridge.state.known import KEYS
from bridge.state.names import SCOPES, escape
from bridge.state.state import Part, Scope, State, Target

ANYWHERE = {Scope.SITE: "site", Scope.LOADPOINT: "loadpoints/<n>", Scope.VEHICLE: "vehicles/<name>"}
"""Where the settings of a scope are, whatever the target."""
OUTSIDE = frozenset({"", ".", ".."})
"""Names that percent-encoding does not keep within their path segment."""

_BY_TITLE = "by-title"
_NUMBER = re.compile(r"[1-9][0-9]{0,4}")
_INDEX = "<i>"
_LONGEST_COMPARED = 60
# how much of two names must be the same, from 0 to 1, for one to be offered in place of the other; and how many are
_SIMILAR, _MOST_NEAREST = 0.3, 3
_CHOICES = 20


class Found(NamedTuple):
    """A setting on a target; `entry` is the number of the list's entry where the setting has one, else 0."""

    setting: Setting
    target: Target
    entry: int = 0

    @property
    def topic(self) -> str:
        """The topic below the root, as the state spells it, without `/set`."""
        return topic_of(self.setting, self.target, self.entry)


def _rows() -> dict[Scope, dict[str, Setting]]:
    """Every setting by all its names in small letters."""
    rows: dict[Scope, dict[str, Setting]] = {scope: {} for scope in Scope}
    for setting in SETTINGS:
        entry = "/".join(setting.leaf.split("/")[1:])
        rest = setting.path.partition("/{")[0] if setting.method == "POST" else setting.leaf
        for name in (f"{rest}/{entry}".rstrip("/"), *setting.aliases, setting.leaf):
            rows[setting.scope][name.lower()] = setting
    return rows


ROWS = _rows()
"""The settings of each scope by their names in small letters."""
# what evcc has values and settings below
_OF_EVCC = frozenset(word.partition("/")[0].lower() for words in (*KEYS.values(), *ROWS.values()) for word in words)


def is_evccs(topic: str) -> bool:
    """Whether a topic below the root that ends with `/set` lies where evcc's settings and values are.

    Elsewhere people have what is their own, such as a home-made charger below `loadpoints/1/charger/`: nothing of
    evcc's is set there, and what is retained there stays.
    """
    scope, *below = topic.removesuffix("/set").split("/")
    names = below if scope == Scope.SITE else below[1:]
    return scope in SCOPES and (len(names) < 2 or names[0].lower() in _OF_EVCC)


def find(topic: str, state: State) -> Found:
    """The setting and target of a topic below the root that ends with `/set`.

    Refused when the topic is no setting, with the nearest ones, or its loadpoint or vehicle is none that evcc has.
    """
    levels = topic.removesuffix("/set").split("/")
    target, names = _target(levels, state)
    name = "/".join(names)
    rows = ROWS[target.scope]
    setting = rows.get(name.lower())
    if setting is not None and _INDEX not in name:
        return Found(setting, target)
    return _entry(target, names) or _refuse(topic, [topic_of(row, target) for row in _nearest(name, target.scope)])


def leaf_of(found: Found) -> str:
    """A setting's topic below its target's, without `/set`."""
    return found.setting.leaf.replace(_INDEX, str(found.entry)) if found.entry else found.setting.leaf


def topic_of(setting: Setting, target: Target, entry: int = 0) -> str:
    """A setting's topic below the root, without `/set`."""
    return f"{target.topic}/{leaf_of(Found(setting, target, entry))}"


def spellings(found: Found) -> list[str]:
    """A setting's topics, below the root and without `/set`, with each name that it has, in small letters.

    The field of a list's entry has those of the whole list as well: who may not set the list may not set its entries.
    """
    whole = found.setting.leaf.partition(f"/{_INDEX}")[0].lower()
    rows = ROWS[found.setting.scope]
    names = [name for name, row in rows.items() if row in {found.setting, rows[whole]}]
    return [f"{found.target.topic}/{name.replace(_INDEX, str(found.entry))}" for name in names]


def choices(parts: Iterable[Part]) -> str:
    """The known vehicles for a sentence: names, and titles where they differ."""
    named = [
        name if part.title in {"", name} else f"{name}: {shown(part.title)}"
        for part in parts
        if (name := part.target.name) not in OUTSIDE
    ]
    return ", ".join(named[:_CHOICES]) or "it has none"


def _target(levels: list[str], state: State) -> tuple[Target, list[str]]:
    match levels:
        case [Scope.SITE, *names] if names:
            return state.site.target, names
        case [Scope.LOADPOINT, number, *names] if names:
            return _loadpoint(number, state), names
        case [Scope.VEHICLE, level, *names] if names:
            return _vehicle(level, state), names
        case [first, slug, *names] if first == _BY_TITLE and names:
            return _titled(slug, state), names
    return _refuse("/".join(levels), _anywhere(levels[-1]))


def _loadpoint(number: str, state: State) -> Target:
    count = len(state.loadpoints)
    if not _NUMBER.fullmatch(number) or (int(number) > count and state):
        known = f"evcc has {count}, counted from 1" if state else "they are counted from 1"
        raise Refused(f"there is no loadpoint {shown(number)}: {known}")
    return Target(Scope.LOADPOINT, number)


def _vehicle(level: str, state: State) -> Target:
    if level in state.vehicles and level not in OUTSIDE:
        return state.vehicles[level].target
    for name, vehicle in state.vehicles.items():
        if level == escape(name) and name not in OUTSIDE:
            return vehicle.target
    if not state and level not in OUTSIDE:
        return Target(Scope.VEHICLE, level)
    raise Refused(f"there is no vehicle {shown(level)}: {choices(state.vehicles.values())}")


def _titled(slug: str, state: State) -> Target:
    target = targets(state).get(slug)
    if target is None or target.name in OUTSIDE:
        raise Refused(f"there is no loadpoint or vehicle with the title {shown(slug)}")
    return target


def _entry(target: Target, names: list[str]) -> Found | None:
    """A field of a list's entry, such as `repeatingPlans/1/active`."""
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    if len(numbers) != 1:
        return None
    name = "/".join(_INDEX if name is numbers[0] else name for name in names)
    setting = ROWS[target.scope].get(name.lower())
    return None if setting is None or _INDEX not in setting.leaf else Found(setting, target, int(numbers[0]))


def _nearest(name: str, scope: Scope) -> list[Setting]:
    """The settings with the most similar names, best first: those that share most of their pairs of letters.

    Not difflib, which takes milliseconds: a flood of misspelt topics must not cost more than one of commands.
    """
    pairs = _pairs(name[:_LONGEST_COMPARED].lower())
    scores = {known: 2 * len(pairs & theirs) / (len(pairs) + len(theirs)) for known, theirs in _PAIRS[scope].items()}
    close = sorted(
        (known for known, score in scores.items() if score >= _SIMILAR), key=scores.__getitem__, reverse=True
    )
    return list({row.leaf: row for row in map(ROWS[scope].__getitem__, close)}.values())[:_MOST_NEAREST]


def _pairs(name: str) -> frozenset[str]:
    return frozenset(f" {name}"[index : index + 2] for index in range(len(name) + 1))


_PAIRS = {scope: {name: _pairs(name) for name in rows} for scope, rows in ROWS.items()}


def _anywhere(name: str) -> list[str]:
    return [f"{ANYWHERE[scope]}/{row.leaf}" for scope in Scope for row in _nearest(name, scope)[:1]]


def _refuse(topic: str, nearest: list[str]) -> NoReturn:
    hint = f"; nearest: {', '.join(f'{name}/set' for name in nearest)}" if nearest else ""
    raise Refused(f"{shown(topic.removesuffix('/set'))} is no setting{hint}")
