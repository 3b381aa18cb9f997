"""What a topic of evcc's tree means: its row in the catalogue, or a guess by its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import translate

from bridge.settable.setting import Scope
from bridge.state.names import LOADPOINT_ALIASES, SITE_ALIASES
from bridge.state.quantities import FLAG, NUMBER, SERIES, TEXT
from bridge.state.reading import Nature, Quantity, Rank, Reading
from bridge.state.readings import BESIDE, ENDINGS, LOADPOINT, NO_READINGS, SITE, VEHICLE

_UNIX = re.compile(rb"[12]\d{9}")  # 2001 to 2065
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_NONE = re.compile("|".join(map(translate, NO_READINGS)))
# names of older releases that are no aliases, as their payloads differ
_VEHICLE_RENAMED = (("plans/1", "plan"),)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A reading with its wildcard found; `part` is what that stands for, such as the number of an inverter."""

    reading: Reading
    part: str = ""

    def titled(self, part: str = "") -> str:
        """The title, with a name for the part where there is one."""
        return self.reading.title.replace("{}", part or _readable(self.part))


class Table:
    """The rows of one scope, to be found by a topic below it."""

    def __init__(self, rows: Mapping[str, Reading]) -> None:
        self._rows = rows
        self._order = {row.title: place for place, row in enumerate(rows.values())}
        self._patterns = [
            (re.compile(re.escape(key).replace(r"\*", "([^/]+)")), row) for key, row in rows.items() if "*" in key
        ]

    def find(self, key: str) -> Meaning | None:
        """The row of a topic, if there is one."""
        if key in self._rows:
            return Meaning(self._rows[key])
        found = ((pattern.fullmatch(key), row) for pattern, row in self._patterns)
        return next((Meaning(row, match[1]) for match, row in found if match), None)

    def order(self, key: str) -> int:
        """The place of the row that a topic has."""
        found = self.find(key)
        return self._order[found.reading.title] if found else len(self._order)


_TABLES = {Scope.SITE: Table(SITE), Scope.LOADPOINT: Table(LOADPOINT), Scope.VEHICLE: Table(VEHICLE)}
_BESIDE = Table(BESIDE)
_RENAMED = {Scope.SITE: SITE_ALIASES, Scope.LOADPOINT: LOADPOINT_ALIASES, Scope.VEHICLE: _VEHICLE_RENAMED}


def canonical(scope: Scope, key: str) -> str:
    """A topic below its scope in the spelling of today's evcc, whichever release it came from."""
    for old, new in _RENAMED[scope]:
        match = re.fullmatch(rf"{old}(?:/l?(\d.*))?" if scope is Scope.SITE else rf"{old}(?:/(.+))?", key)
        if match:
            return f"{new}/{match[1]}" if match[1] else new
    return key


def meaning(scope: Scope, key: str, payload: bytes) -> Meaning | None:
    """What a topic means, in the spelling of today's evcc; None where it is no reading."""
    found = _TABLES[scope].find(key)
    if found or _NONE.fullmatch(key):
        return found
    return Meaning(
        Reading(_spaced(key), _guess(key, payload), "", "A value that this bridge does not know.", Rank.DETAIL)
    )


def beside(topic: str, payload: bytes = b"") -> Meaning | None:
    """What a topic beside the state means; None where it is no reading."""
    found = _BESIDE.find(topic)
    if found and topic.startswith("jq/"):
        return replace(found, reading=replace(found.reading, quantity=_guess(topic, payload)))
    return found


def order(scope: Scope, key: str) -> int:
    """The place of a topic's row in the catalogue, which has the more important ones first; unknown ones are last."""
    return _TABLES[scope].order(key)


def _guess(key: str, payload: bytes) -> Quantity:
    if payload in {b"true", b"false"}:
        return FLAG
    if payload.startswith((b"[", b"{")):
        return SERIES
    if not _is_number(payload):
        return TEXT
    last = _WORDS.findall(key.rpartition("/")[2])[-1:]
    quantity = ENDINGS.get(last[0].lower(), NUMBER) if last else NUMBER
    return NUMBER if quantity.nature is Nature.MOMENT and not _UNIX.fullmatch(payload) else quantity


def _is_number(payload: bytes) -> bool:
    return re.fullmatch(rb"-?\d+(\.\d+)?", payload) is not None


def _readable(part: str) -> str:
    """`l1` -> `L1`, `thisYear` -> `this year`; names that somebody gave stay as they are."""
    if re.fullmatch(r"l\d", part):
        return part.upper()
    return " ".join(_WORDS.findall(part)).lower() if part[:1].islower() or part[:1].isdigit() else part


def _spaced(key: str) -> str:
    """`someNew/valueOf2` -> `Some new value of 2`."""
    return " ".join(_WORDS.findall(key)).lower().capitalize() or key
