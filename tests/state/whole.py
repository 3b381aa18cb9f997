"""The topics of a whole state document, made in one go."""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.state.names import Selection
from bridge.state.tree import Tree
from bridge.state.units import Topics, topics, units

NOTHING = Topics({}, {})
EVERYTHING = Selection()


def bring(tree: Tree, changes: Iterable[tuple[str, Any]], selection: Selection = EVERYTHING) -> set[str]:
    """Bring units to a tree, as the site does; the topics that changed."""
    changed: set[str] = set()
    for unit, value in changes:
        changed |= tree.replace(unit, *(NOTHING if value is None else topics(unit, value, selection)))
    return changed


def whole(state: Mapping[str, Any], selection: Selection = EVERYTHING, *, aliases: bool = True) -> dict[str, str]:
    """The tree of a state document, made from scratch."""
    tree = Tree()
    for unit, value in units(state):
        tree.replace(unit, *topics(unit, value, selection, aliases=aliases))
    return {topic: payload.decode() for topic, payload in tree.topics.items()}
