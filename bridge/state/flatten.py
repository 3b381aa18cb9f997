"""Values of evcc's state as topics with payloads, the way evcc's own MQTT integration writes them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from bridge.settings import Settings
from bridge.state.names import LONGEST_NAME, NULLS, SERIES, TEXTS, Selection, escape, is_secret, renamed
from bridge.state.part import ABSENT, Target
from bridge.state.releases import aliases
from bridge.state.state import Change, State, changes
from bridge.state.values import is_number, is_series, text, unix_seconds

_PHASES = ("l1", "l2", "l3")
_OF_PHASES = {"site": 2, "loadpoints": 3}  # levels of a topic directly below site, below a loadpoint
_MOST_TOPICS = 20_000  # of one value: more than the mirror takes
_MOST_KEPT = 2_000_000  # characters of topics that are kept for values that are pushed


class Topics(NamedTuple):
    """The topics of one value: under its own name, and under those of other evcc releases; b"" erases.

    `contested` are those of its own to which more than one of its keys came.
    """

    own: Mapping[str, bytes]
    alias: Mapping[str, bytes]
    contested: frozenset[str] = frozenset()


_NOTHING = Topics({}, {})


class Layout:
    """Which topics a value of evcc's state has."""

    def __init__(self, selection: Selection, *, aliases: bool) -> None:
        self._selection = selection
        self._aliases = aliases
        # by target and key: a number or word that is pushed needs no more than a look
        self._names: dict[tuple[Target, str], Topics] = {}
        self._kept = 0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The layout that the options `topics` ask for."""
        return cls(Selection.of(settings), aliases=settings.topics.aliases)

    def topics(self, change: Change) -> Topics:
        """The topics of a value that changed; none where it is gone."""
        value = change.new
        if value is ABSENT:
            return _NOTHING
        if not isinstance(value, str | int | float) or change.child:
            return self._topics(change.target, change.key, value, change.child)
        names = self._names.get((change.target, change.key))
        if names is None:
            names = self._named(change)
        content = payload(value)
        return Topics(dict.fromkeys(names.own, content), dict.fromkeys(names.alias, content))

    def everything(self, state: State) -> dict[str, Topics]:
        """The topics of a whole state, by the sources of its values."""
        return {change.source: self.topics(change) for change in changes(State(), state)}

    def _named(self, change: Change) -> Topics:
        names = self._topics(change.target, change.key, value=0)
        if self._kept > _MOST_KEPT:
            self._names.clear()
            self._kept = 0
        self._kept += len(change.target.name) + len(change.key) + sum(map(len, (*names.own, *names.alias)))
        self._names[change.target, change.key] = names
        return names

    def _topics(self, target: Target, key: str, value: Any, child: str = "") -> Topics:
        if not key:
            return Topics(self._selected({target.topic: payload(value)}), {})
        tree = {child: value} if child else value
        own, contested = _flatten(_walk(target.topic, {key: tree}))
        other: dict[str, bytes] = {}
        for name, found in aliases(target.scope, key, tree) if self._aliases else ():
            other |= flatten(f"{target.topic}/{name}", found)
        return Topics(self._selected(own), self._selected(other), contested)

    def _selected(self, topics: Mapping[str, bytes]) -> dict[str, bytes]:
        return {topic: content for topic, content in topics.items() if self._selection.takes(topic)}


def flatten(prefix: str, value: Any) -> dict[str, bytes]:
    """`value` as topics at and below `prefix`; b"" stands for a topic that is erased.

    The first of two sources of one topic wins. Keys that name a secret, and those that are too long, are left out.
    """
    return _flatten(_walk(prefix, value))[0]


def payload(value: Any) -> bytes:
    """One scalar as a payload; b"" erases the topic (null, an empty string, Go's zero time).

    Numbers have at most 3 decimals and never an exponent, whole ones are exact; RFC 3339
    times become unix seconds. A value that is no scalar gives its compact JSON text.
    """
    match value:
        case None:
            return b""
        case bool():
            return b"true" if value else b"false"
        case int():
            return b"%d" % value
        case float():
            return _number(value)
        case str():
            return _text(value)
        case _:
            return text(value)


def _number(value: float) -> bytes:
    if not math.isfinite(value):
        return b""
    digits = f"{value:.3f}".rstrip("0").rstrip(".")
    return b"0" if digits == "-0" else digits.encode()


def _text(value: str) -> bytes:
    if len(value) >= 20 and value[4] == "-" and value[10] == "T":
        try:
            seconds = unix_seconds(value)
        except (ValueError, OverflowError):
            pass  # looks like a time and is none: a title may have any text
        else:
            return b"" if seconds is None else b"%d" % seconds
    return value.encode(errors="replace")


def _flatten(found: Iterator[tuple[str, bytes]]) -> tuple[dict[str, bytes], frozenset[str]]:
    """The topics, and those that more than one source came to."""
    topics: dict[str, bytes] = {}
    contested = set()
    for topic, content in found:
        if topic in topics:
            contested.add(topic)
        elif len(topics) >= _MOST_TOPICS:
            break
        else:
            topics[topic] = content
    return topics, frozenset(contested)


def _walk(prefix: str, value: Any) -> Iterator[tuple[str, bytes]]:
    if value is None:
        yield prefix, NULLS.get(_kind(prefix), b"")
    elif not isinstance(value, dict | list) or prefix in TEXTS:
        yield prefix, payload(value)
    elif isinstance(value, list):
        yield from _walk_list(prefix, value)
    else:
        for key, child in value.items():
            if len(key) <= LONGEST_NAME and not is_secret(key):
                yield from _walk(f"{prefix}/{escape(renamed(prefix, key))}", child)


def _walk_list(prefix: str, value: list[Any]) -> Iterator[tuple[str, bytes]]:
    if is_series(value) or (not value and _is_series_topic(prefix)):
        yield prefix, text(value)
    elif _is_of_phases(prefix, value):
        yield prefix, payload(_sum(value))
        yield from ((f"{prefix}/{phase}", payload(item)) for phase, item in zip(_PHASES, value, strict=True))
    else:
        yield prefix, payload(len(value))
        for number, item in enumerate(value, start=1):
            yield from _walk(f"{prefix}/{number}", item)


def _sum(values: list[float]) -> float:
    """The sum of three phases; `/ws` rounds each to 3 decimals, and thirds of 13 are still 13."""
    total = sum(values)
    near = round(total, 2)
    return near if values[0] == values[1] == values[2] and abs(total - near) < 0.0015 else total


def _is_of_phases(prefix: str, value: list[Any]) -> bool:
    scope, *below = prefix.split("/")
    return len(below) + 1 == _OF_PHASES.get(scope) and len(value) == 3 and all(map(is_number, value))


def _is_series_topic(prefix: str) -> bool:
    return _kind(prefix) in SERIES or prefix.rpartition("/")[0] in SERIES


def _kind(topic: str) -> str:
    """`loadpoints/2/plan` -> `loadpoints/plan`: a topic without the number or name of its target."""
    levels = topic.split("/")
    return f"{levels[0]}/{levels[2]}" if len(levels) == 3 else ""
