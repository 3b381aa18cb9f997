"""Which setting, on which target, a `/set` topic means."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from bridge.commands.call import Target
from bridge.commands.text import shown
from bridge.commands.vehicles import OUTSIDE, choices, titles
from bridge.errors import Refused
from bridge.settable.setting import Scope, Setting
from bridge.settable.table import SETTINGS
from bridge.state.ghosts import SCOPES
from bridge.state.known import KEYS
from bridge.state.names import escape

# where the settings of a scope are, whatever the target
ANYWHERE = {Scope.SITE: "site", Scope.LOADPOINT: "loadpoints/<n>", Scope.VEHICLE: "vehicles/<name>"}
_BY_TITLE = "by-title"
_NUMBER = re.compile(r"[1-9][0-9]{0,4}")
# the search for similar names takes time with the square of their length: a client's mistake must not cost much
_LONGEST_COMPARED = 60


class Found(NamedTuple):
    """A setting on a target."""

    setting: Setting
    target: Target

    @property
    def topic(self) -> str:
        """The topic below the root, as the state spells it, without `/set`."""
        return topic_of(self.setting, self.target)


def _rows() -> dict[Scope, dict[str, Setting]]:
    """Every setting by all its names in small letters."""
    rows: dict[Scope, dict[str, Setting]] = {scope: {} for scope in Scope}
    for setting in SETTINGS:
        rest = setting.path.partition("/{")[0] if setting.method == "POST" else setting.leaf
        for name in (rest, *setting.aliases, setting.leaf):
            rows[setting.scope][name.lower()] = setting
    return rows


ROWS = _rows()
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


def find(topic: str, state: Mapping[str, Any], by_title: Callable[[str], Target | None] | None = None) -> Found:
    """The setting and target of a topic below the root that ends with `/set`.

    `by_title` gives the target of a slug below `by-title/`. Refused when the topic is no setting, or its
    loadpoint or vehicle is none that evcc has, with what is nearest.
    """
    levels = topic.removesuffix("/set").split("/")
    target, names = _target(levels, state, by_title)
    name = "/".join(names)
    setting = ROWS[target.scope].get(name.lower())
    if setting is None:
        nearest = [topic_of(row, target) for row in _nearest(name, target.scope)]
        raise Refused(_no_setting(topic, nearest))
    return Found(setting, target)


def topic_of(setting: Setting, target: Target) -> str:
    """A setting's topic below the root, without `/set`."""
    middle = "" if target.scope is Scope.SITE else f"/{escape(target.name)}"
    return f"{target.scope}{middle}/{setting.leaf}"


def spellings(topic: str) -> list[str]:
    """A setting's topic, below the root and without `/set`, with each name that the setting has, in small letters."""
    scope, *levels = topic.split("/")
    if scope not in ANYWHERE:
        return [topic]
    above = levels[: 0 if scope == Scope.SITE else 1]
    rows = ROWS[Scope(scope)]
    setting = rows.get("/".join(levels[len(above) :]).lower())
    return ["/".join([scope, *above, name]) for name, row in rows.items() if row is setting] or [topic]


def _target(
    levels: list[str], state: Mapping[str, Any], by_title: Callable[[str], Target | None] | None
) -> tuple[Target, list[str]]:
    match levels:
        case [Scope.SITE, *names] if names:
            return Target(Scope.SITE), names
        case [Scope.LOADPOINT, number, *names] if names:
            return Target(Scope.LOADPOINT, _loadpoint(number, state)), names
        case [Scope.VEHICLE, level, *names] if names:
            return Target(Scope.VEHICLE, _vehicle(level, state)), names
        case [first, slug, *names] if first == _BY_TITLE and names and by_title is not None:
            return _titled(slug, by_title), names
    raise Refused(_no_setting("/".join(levels), _anywhere(levels[-1])))


def _loadpoint(number: str, state: Mapping[str, Any]) -> str:
    loadpoints = state.get("loadpoints")
    count = len(loadpoints) if isinstance(loadpoints, list) else 0
    if not _NUMBER.fullmatch(number) or (state and int(number) > count):
        known = f"evcc has {count}, counted from 1" if state else "they are counted from 1"
        raise Refused(f"there is no loadpoint {shown(number)}: {known}")
    return number


def _vehicle(level: str, state: Mapping[str, Any]) -> str:
    known = titles(state)
    if known is None and level not in OUTSIDE:
        return level
    for name in known or ():
        if level in {name, escape(name)}:
            return name
    raise Refused(f"there is no vehicle {shown(level)}: {choices(known or {})}")


def _titled(slug: str, by_title: Callable[[str], Target | None]) -> Target:
    target = by_title(slug)
    if target is None:
        raise Refused(f"there is no loadpoint or vehicle with the title {shown(slug)}")
    return target


def _nearest(name: str, scope: Scope) -> list[Setting]:
    close = _close(name[:_LONGEST_COMPARED].lower(), scope)
    return list({row.leaf: row for row in map(ROWS[scope].__getitem__, close)}.values())


@lru_cache(maxsize=256)
def _close(name: str, scope: Scope) -> list[str]:
    return get_close_matches(name, ROWS[scope], n=3, cutoff=0.3)


def _anywhere(name: str) -> list[str]:
    return [f"{ANYWHERE[scope]}/{row.leaf}" for scope in Scope for row in _nearest(name, scope)[:1]]


def _no_setting(topic: str, nearest: list[str]) -> str:
    hint = f"; nearest: {', '.join(f'{name}/set' for name in nearest)}" if nearest else ""
    return f"{shown(topic.removesuffix('/set'))} is no setting{hint}"
