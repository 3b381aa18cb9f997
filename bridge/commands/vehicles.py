"""Vehicles, known to evcc by a name and to people by a title."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from unicodedata import normalize

from bridge.commands.text import shown
from bridge.commands.value import Value, plain
from bridge.errors import Refused

# percent-encoding does not keep these within their path segment
OUTSIDE = frozenset({"", ".", ".."})
# what evcc's routes let through
_NAME = re.compile(r"[a-zA-Z0-9_.:-]{1,200}")
_CHOICES = 20


def titles(state: Mapping[str, Any]) -> dict[str, str] | None:
    """The title of each vehicle by name; None while evcc has not said which there are."""
    vehicles = state.get("vehicles")
    if not isinstance(vehicles, dict):
        return None if not state else {}
    return {name: _title(vehicle) for name, vehicle in vehicles.items() if name not in OUTSIDE}


def read_vehicle(text: str, state: Mapping[str, Any]) -> Value:
    """A vehicle's name, by name or title, as evcc's state has them."""
    known = titles(state)
    if known is None:
        if text in OUTSIDE or not _NAME.fullmatch(text):
            raise Refused(f"takes a vehicle's name while evcc has not said which there are, got {shown(text)}")
        return plain(text)
    for matches in _ways(text):
        found = [name for name, title in known.items() if matches(name, title)]
        if len(found) == 1:
            return plain(found[0])
        if found:
            raise Refused(
                f"takes one vehicle, but {shown(text)} is the title of several: {', '.join(found[:_CHOICES])}"
            )
    raise Refused(f"takes a vehicle that evcc knows ({choices(known)}), got {shown(text)}")


def choices(known: Mapping[str, str]) -> str:
    """The known vehicles for a sentence: names, and titles where they differ."""
    named = [name if title in {"", name} else f"{name}: {shown(title)}" for name, title in known.items()]
    return ", ".join(named[:_CHOICES]) or "it knows none"


def _ways(text: str) -> tuple[Callable[[str, str], bool], ...]:
    loose = _loose(text)
    return (
        lambda name, _: name == text,
        lambda _, title: title == text,
        lambda name, title: loose in {_loose(name), _loose(title)},
    )


def _loose(text: str) -> str:
    return normalize("NFC", text).casefold()


def _title(vehicle: Any) -> str:
    title = vehicle.get("title") if isinstance(vehicle, dict) else None
    return title if isinstance(title, str) else ""
