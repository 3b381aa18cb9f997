"""A second tree by title, for people whose loadpoints change their order: `by-title/<slug>/…`."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.commands.call import Target
from bridge.settable.setting import Scope
from bridge.state.names import escape
from bridge.state.units import Topics

ROOT = "by-title"
_LONGEST_TITLE = 250
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "å": "a", "æ": "ae"})


def slug(title: str) -> str:
    """A title as one topic level: small letters, digits and dashes, of any script; may be empty."""
    spelt = unicodedata.normalize("NFKC", title).casefold().translate(_SPELT_OUT)
    letters = (letter for letter in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "-", "".join(letters)).strip("-")


def targets(state: Mapping[str, Any]) -> dict[str, Target]:
    """Every loadpoint and vehicle that has a title, by its slug.

    Two with the same title are told apart by `-2`, `-3`: loadpoints in their order before vehicles by their names.
    """
    found: dict[str, Target] = {}
    for title, target in _titled(state):
        name, number = slug(title), 1
        while name in found:
            number += 1
            name = f"{slug(title)}-{number}"
        if name:
            found[name] = target
    return found


def copies(targets: Mapping[str, Target], topics: Mapping[str, bytes]) -> dict[str, bytes]:
    """The topics below each target again, below its slug."""
    slugs = {(target.scope.value, escape(target.name)): name for name, target in targets.items()}
    found: dict[str, bytes] = {}
    for topic, content in topics.items():
        scope, _, below = topic.partition("/")
        name, _, rest = below.partition("/")
        if rest and (title := slugs.get((scope, name))) is not None:
            found[f"{ROOT}/{title}/{rest}"] = content
    return found


class ByTitle:
    """Keeps the second tree beside the first: each source of topics has a second one, with their copies."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}

    def target(self, name: str) -> Target | None:
        """What a slug stands for now."""
        return self._targets.get(name)

    def beside(
        self, state: Mapping[str, Any], changed: Mapping[str, Topics], known: Mapping[str, Mapping[str, bytes]]
    ) -> dict[str, Topics]:
        """The copies of changed sources; of all that are known, too, when a title has come, gone or moved."""
        now = targets(state)
        whole = {} if now == self._targets else {name: Topics(dict(own), {}) for name, own in known.items()}
        self._targets = now
        return {
            f"{ROOT}/{name}": Topics(copies(now, {**topics.alias, **topics.own}), {})
            for name, topics in {**whole, **changed}.items()
            if not name.startswith(ROOT)
        }


def _titled(state: Mapping[str, Any]) -> Iterator[tuple[str, Target]]:
    loadpoints, vehicles = state.get("loadpoints"), state.get("vehicles")
    if isinstance(loadpoints, list):
        for number, loadpoint in enumerate(loadpoints, start=1):
            yield _title(loadpoint), Target(Scope.LOADPOINT, str(number))
    if isinstance(vehicles, Mapping):
        for name in sorted(vehicles):
            yield _title(vehicles[name]), Target(Scope.VEHICLE, name)


def _title(value: Any) -> str:
    title = value.get("title") if isinstance(value, Mapping) else None
    return title[:_LONGEST_TITLE] if isinstance(title, str) else ""
