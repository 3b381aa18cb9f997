"""The devices that other programs show: the site, its loadpoints and its vehicles."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from bridge.settable.setting import Scope
from bridge.state.names import escape

_LONGEST_TITLE = 250  # characters; a title stands in every entity's configuration
_NO_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Device:
    """One device; `id` is stable and unlike any other's, `part` is what the state says about it."""

    scope: Scope
    name: str
    title: str
    id: str
    part: Mapping[str, Any] = field(repr=False, hash=False, compare=False)

    @property
    def prefix(self) -> str:
        """Its topic below the root."""
        return f"{self.scope}/{escape(self.name)}" if self.name else str(self.scope)


def devices(state: Mapping[str, Any]) -> Iterator[Device]:
    """The site first, then loadpoints and vehicles in evcc's order."""
    yield Device(Scope.SITE, "", _title(state, "siteTitle", "evcc"), "site", state)
    for number, part in enumerate(_list(state.get("loadpoints")), start=1):
        title = _title(part, "title", f"Loadpoint {number}")
        yield Device(Scope.LOADPOINT, str(number), title, f"loadpoint_{number}", part)
    for name, part in _mapping(state.get("vehicles")).items():
        if name and isinstance(part, Mapping):
            yield Device(Scope.VEHICLE, name, _title(part, "title", name), f"vehicle_{slug(name)}", part)


def slug(name: str) -> str:
    """A name in small letters, digits and single underscores; a name that had to be changed is told apart by a sum."""
    plain = _NO_WORD.sub("_", name.lower()).strip("_")
    return plain if plain == name else f"{plain}_{crc32(name.encode(errors='replace')):08x}".lstrip("_")


def _title(part: Any, key: str, instead: str) -> str:
    title = _mapping(part).get(key)
    return (isinstance(title, str) and title[:_LONGEST_TITLE].strip()) or instead


def _list(value: Any) -> list[Any]:
    return [_mapping(item) for item in value] if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
