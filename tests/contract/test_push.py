"""Recorded push frames, applied one by one, against the document that they make, flattened from scratch."""

from copy import deepcopy

import pytest

from bridge.evcc.document import Document, parse
from bridge.state.tree import Tree
from bridge.state.units import changed
from tests.contract.recordings import ERAS, frames, state_body
from tests.state.whole import bring, whole


def _known(era: str) -> Document:
    document = Document()
    document.replace(parse(state_body(era)), 0.0)
    return document


@pytest.mark.parametrize("era", ERAS)
def test_frames_bring_the_tree_that_flattening_from_scratch_brings(era: str) -> None:
    document, tree = _known(era), Tree()
    bring(tree, changed({}, document.state))
    for number, frame in enumerate(frames(era)):
        bring(tree, document.apply(frame))
        if number % 20 == 0:
            assert _payloads(tree) == whole(document.state), frame
    assert _payloads(tree) == whole(document.state)


@pytest.mark.parametrize("era", ERAS)
def test_every_frame_is_believed(era: str) -> None:
    document = _known(era)
    for frame in frames(era):
        list(document.apply(frame))
        assert {path: _at(document, path) for path in frame} == frame


@pytest.mark.parametrize("era", ERAS)
def test_a_frame_that_repeats_what_is_known_touches_nothing(era: str) -> None:
    document = _known(era)
    for frame in frames(era):
        list(document.apply(frame))
        before = document.state
        assert list(document.apply(frame)) == []
        assert document.state is before


@pytest.mark.parametrize("era", ERAS)
def test_a_frame_touches_its_own_topics_only(era: str) -> None:
    document, tree = _known(era), Tree()
    bring(tree, changed({}, document.state))
    for frame in frames(era)[1:]:
        touched = bring(tree, document.apply(frame))
        assert {_owner(topic) for topic in touched} <= {_scope(path) for path in frame}


@pytest.mark.parametrize("era", ERAS)
def test_documents_are_never_changed_in_place(era: str) -> None:
    document = _known(era)
    for frame in frames(era)[:60]:
        old, frozen = document.state, deepcopy(document.state)
        list(document.apply(frame))
        assert old == frozen


def _payloads(tree: Tree) -> dict[str, str]:
    return {topic: payload.decode() for topic, payload in tree.topics.items()}


def _at(document: Document, path: str) -> object:
    value: object = document.state
    for level in path.split("."):
        if isinstance(value, list):
            value = value[int(level)]
        else:
            assert isinstance(value, dict)
            value = value.get(level)  # a frame's null for what was never there is nothing
    return value


def _scope(path: str) -> str:
    """The part of the tree that a frame's key belongs to; names of other releases stand beside their own."""
    scope, *below = path.split(".")
    if scope == "loadpoints":
        return f"loadpoints/{int(below[0]) + 1}"
    if scope == "vehicles":
        return scope
    return _family(scope)


def _owner(topic: str) -> str:
    scope, *below = topic.split("/")
    if scope == "loadpoints":
        return f"loadpoints/{below[0]}"
    if scope == "vehicles":
        return scope
    return _family(below[0])


def _family(key: str) -> str:
    return next((word for word in ("battery", "grid") if key.startswith(word)), f"site/{key}")
