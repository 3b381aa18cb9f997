"""Loadpoints and vehicles by their titles, for people whose loadpoints change their order: `by-title/<slug>/…`."""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from bridge.state.part import Part, Target
from bridge.state.state import State

ROOT = "by-title"
_LONGEST_TITLE = 250
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "å": "a", "æ": "ae"})


def slug(title: str) -> str:
    """A title as one topic level: small letters, digits and dashes, of any script; may be empty."""
    spelt = unicodedata.normalize("NFKC", title[:_LONGEST_TITLE]).casefold().translate(_SPELT_OUT)
    letters = (letter for letter in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "-", "".join(letters)).strip("-")


def targets(state: State) -> dict[str, Target]:
    """Every loadpoint and vehicle that has a title, by its slug.

    Equal titles get `-2`, `-3`, …: loadpoints in their order, then vehicles by their names.
    """
    found: dict[str, Target] = {}
    numbers: dict[str, int] = {}
    for part in _parts(state):
        base = name = slug(part.title)
        while name in found:
            numbers[base] = numbers.get(base, 1) + 1
            name = f"{base}-{numbers[base]}"
        if base:
            found[name] = part.target
    return found


def copies(targets: Mapping[str, Target], topics: Mapping[str, bytes]) -> dict[str, bytes]:
    """The topics below each target again, below its slug."""
    slugs = {target.topic: name for name, target in targets.items()}
    found: dict[str, bytes] = {}
    for topic, payload in topics.items():
        scope, _, below = topic.partition("/")
        name, _, rest = below.partition("/")
        if rest and (title := slugs.get(f"{scope}/{name}")) is not None:
            found[f"{ROOT}/{title}/{rest}"] = payload
    return found


def _parts(state: State) -> Iterator[Part]:
    yield from state.loadpoints
    yield from (state.vehicles[name] for name in sorted(state.vehicles))
