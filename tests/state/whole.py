"""The topics that follow from evcc's state: made from scratch, or change by change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.state.document import from_document
from bridge.state.flatten import Layout, Topics
from bridge.state.names import Selection
from bridge.state.state import Change, State

EVERYTHING = Selection()


@dataclass
class Tree:
    """Topics by source: the first source has a topic, and other names only where nobody has them as their own."""

    layout: Layout = field(default_factory=lambda: Layout(EVERYTHING, aliases=True))
    sources: dict[str, Topics] = field(default_factory=dict)

    def bring(self, changes: Iterable[Change]) -> set[str]:
        """Take changes; the topics that are touched."""
        before = self.topics
        for change in changes:
            self.sources[change.source] = self.layout.topics(change)
        after = self.topics
        return {topic for topic in before.keys() | after.keys() if before.get(topic) != after.get(topic)}

    @property
    def topics(self) -> dict[str, str]:
        own: dict[str, bytes] = {}
        alias: dict[str, bytes] = {}
        for topics in self.sources.values():
            own = {**topics.own, **own}
            alias = {**topics.alias, **alias}
        return {topic: payload.decode() for topic, payload in {**alias, **own}.items() if payload}

    @property
    def contested(self) -> set[str]:
        named = [topic for topics in self.sources.values() for topic in topics.own]
        twice = {topic for topic in named if named.count(topic) > 1}
        return twice.union(*(topics.contested for topics in self.sources.values()))


def state(document: Mapping[str, Any]) -> State:
    """A state of this document, which needs nothing else of evcc in it."""
    made = from_document({"loadpoints": [], **document})
    return made if "loadpoints" in document else replace(made, lists_loadpoints=False)


def whole(
    value: State | Mapping[str, Any], selection: Selection = EVERYTHING, *, aliases: bool = True
) -> dict[str, str]:
    """The topics of a state, or of a document, made from scratch."""
    layout = Layout(selection, aliases=aliases)
    return Tree(layout, layout.everything(value if isinstance(value, State) else state(value))).topics
