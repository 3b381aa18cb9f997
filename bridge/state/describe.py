"""The description of a topic: its row in the table of readings, or what its name and its payload suggest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import translate

from bridge.state.reading import FLAG, NUMBER, SERIES, TEXT, Nature, Quantity, Rank, Reading
from bridge.state.readings import ENDINGS, EXTRAS, LOADPOINT, NO_READINGS, SITE, VEHICLE
from bridge.state.releases import RENAMED
from bridge.state.state import Scope

_UNIX = re.compile(rb"[12]\d{9}")  # 2001 to 2065
_NUMBER = re.compile(rb"-?\d+(\.\d+)?")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SCOPES = frozenset(scope.value for scope in Scope)
_NO_READING = re.compile("|".join(map(translate, NO_READINGS)))
# names of older releases that are no aliases, as their payloads differ
_VEHICLE_RENAMED = (("plans/1", "plan"),)


@dataclass(frozen=True, slots=True)
class Description:
    """What a topic is; `wildcard` is the level that matches `*` of its row, such as the number of an inverter.

    `known`: there is a row; else it is what the name and the payload suggest.
    """

    reading: Reading
    wildcard: str = ""
    known: bool = True

    def title(self, name: str = "") -> str:
        """The title, with `name` instead of the level of the wildcard where there is one."""
        return self.reading.title.replace("{}", name or self.name)

    @property
    def name(self) -> str:
        """The level of the wildcard as people write it."""
        return _readable(self.wildcard)


class _Table:
    """The rows of one scope, found by a topic below it."""

    def __init__(self, rows: Mapping[str, Reading]) -> None:
        self._rows = rows
        self._positions = {row.title: position for position, row in enumerate(rows.values())}
        # by the first level, "" where that has a wildcard
        self._patterns: dict[str, list[tuple[re.Pattern[str], Reading]]] = {}
        for key, row in rows.items():
            if "*" in key:
                pattern = re.compile(re.escape(key).replace(r"\*", "([^/]+)"))
                first = key.partition("/")[0]
                self._patterns.setdefault("" if "*" in first else first, []).append((pattern, row))

    def find(self, key: str) -> Description | None:
        """The row of a topic, if there is one."""
        if key in self._rows:
            return Description(self._rows[key])
        patterns = (*self._patterns.get(key.partition("/")[0], ()), *self._patterns.get("", ()))
        found = ((pattern.fullmatch(key), row) for pattern, row in patterns)
        return next((Description(row, match[1]) for match, row in found if match), None)

    def position(self, key: str) -> int:
        """The position of a topic's row."""
        found = self.find(key)
        return self._positions[found.reading.title] if found else len(self._positions)


_TABLES = {Scope.SITE: _Table(SITE), Scope.LOADPOINT: _Table(LOADPOINT), Scope.VEHICLE: _Table(VEHICLE)}
_EXTRAS = _Table(EXTRAS)
_RENAMED = {
    Scope.SITE: [(re.compile(rf"{old}(?:/l?(\d.*))?"), new) for old, new in RENAMED[Scope.SITE]],
    Scope.LOADPOINT: [(re.compile(rf"{old}(?:/(.+))?"), new) for old, new in RENAMED[Scope.LOADPOINT]],
    Scope.VEHICLE: [(re.compile(rf"{old}(?:/(.+))?"), new) for old, new in _VEHICLE_RENAMED],
}


def todays_name(scope: Scope, key: str) -> str:
    """A topic below its scope by the name that it has in today's evcc, whichever release it came from."""
    for old, new in _RENAMED[scope]:
        match = old.fullmatch(key)
        if match:
            return f"{new}/{match[1]}" if match[1] else new
    return key


def describe(scope: Scope, key: str, payload: bytes) -> Description | None:
    """The description of a topic below its scope, by today's name; None where it is no reading.

    A topic without a row has a title made of its name, and a quantity by the end of its name and by its payload.
    """
    found = _TABLES[scope].find(key)
    if found or _NO_READING.fullmatch(key):
        return found
    unknown = Reading(
        _spaced(key), _guess(key, payload), "", "A value without a description in this bridge.", Rank.DETAIL
    )
    return Description(unknown, known=False)


def describe_topic(topic: str, payload: bytes) -> Description | None:
    """The description of a topic below the root, by whatever release's name; None where it is no reading."""
    word, _, rest = topic.partition("/")
    if word not in _SCOPES:
        return describe_extra(topic, payload)
    scope = Scope(word)
    key = rest if scope is Scope.SITE else rest.partition("/")[2]
    return describe(scope, todays_name(scope, key), payload) if key else None


def unit(found: Description | None, currency: str) -> str:
    """The unit that a payload is in; empty where it has none, or none is known."""
    if found is None or found.reading.quantity.share:
        return ""
    return found.reading.quantity.unit.replace("{currency}", currency)


def describe_extra(topic: str, payload: bytes = b"") -> Description | None:
    """The description of a topic that is not of the state, such as `sessions/month/energy`; None: it is no reading."""
    found = _EXTRAS.find(topic)
    if found and topic.startswith("jq/"):
        return replace(found, reading=replace(found.reading, quantity=_guess(topic, payload)))
    return found


def position(scope: Scope, key: str) -> int:
    """The position of a topic's row in the table, which has the more important ones first; without a row: last."""
    return _TABLES[scope].position(key)


def _guess(key: str, payload: bytes) -> Quantity:
    if payload in {b"true", b"false"}:
        return FLAG
    if payload.startswith((b"[", b"{")):
        return SERIES
    if not _NUMBER.fullmatch(payload):
        return TEXT
    last = _WORDS.findall(key.rpartition("/")[2])[-1:]
    quantity = ENDINGS.get(last[0].lower(), NUMBER) if last else NUMBER
    return NUMBER if quantity.nature is Nature.MOMENT and not _UNIX.fullmatch(payload) else quantity


def _readable(level: str) -> str:
    """`l1` -> `L1`, `thisYear` -> `this year`; names that somebody gave stay as they are."""
    if re.fullmatch(r"l\d", level):
        return level.upper()
    return " ".join(_WORDS.findall(level)).lower() if level[:1].islower() or level[:1].isdigit() else level


def _spaced(key: str) -> str:
    """`someNew/valueOf2` -> `Some new value of 2`."""
    return " ".join(_WORDS.findall(key)).lower().capitalize() or key
