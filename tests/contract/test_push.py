"""Recorded push frames, merged one by one, against the state that they make, flattened from scratch."""

from copy import deepcopy

import pytest

from bridge.state.document import parse
from bridge.state.state import State, changes
from tests.contract.recordings import ERAS, frames, state_body
from tests.state.whole import Tree, whole


def _known(era: str) -> State:
    return parse(state_body(era))


@pytest.mark.parametrize("era", ERAS)
def test_frames_bring_the_tree_that_flattening_from_scratch_brings(era: str) -> None:
    state, tree = _known(era), Tree()
    tree.bring(changes(State(), state))
    for number, frame in enumerate(frames(era)):
        new = state.merged(frame)
        for change in changes(state, new):
            tree.sources[change.source] = tree.layout.topics(change)
        state = new
        if number % 20 == 0:
            assert tree.topics == whole(state), frame
    assert tree.topics == whole(state)


@pytest.mark.parametrize("era", ERAS)
def test_every_frame_is_taken_but_for_what_is_only_rounded(era: str) -> None:
    state = _known(era)
    for frame in frames(era):
        state = state.merged(frame)
        assert _rounded({path: _at(state, path) for path in frame}) == _rounded(frame)


@pytest.mark.parametrize("era", ERAS)
def test_a_frame_that_repeats_what_is_known_changes_nothing(era: str) -> None:
    state = _known(era)
    for frame in frames(era):
        state = state.merged(frame)
        assert state.merged(frame) is state


@pytest.mark.parametrize("era", ERAS)
def test_a_frame_changes_values_of_its_own_keys_only(era: str) -> None:
    state = _known(era)
    for frame in frames(era)[1:]:
        new = state.merged(frame)
        changed = {(change.target.scope.value, change.target.name, change.key) for change in changes(state, new)}
        assert changed <= set(map(_owner, frame)) or "vehicles" in frame
        state = new


@pytest.mark.parametrize("era", ERAS)
def test_states_are_never_changed_in_place(era: str) -> None:
    state = _known(era)
    for frame in frames(era)[:60]:
        old, frozen = state, deepcopy(state.document())
        state = state.merged(frame)
        assert old.document() == frozen


def _at(state: State, path: str) -> object:
    value: object = state.document()
    for level in path.split("."):
        if isinstance(value, list):
            value = value[int(level)]
        else:
            assert isinstance(value, dict)
            value = value.get(level)  # a frame's null for what was never there is nothing
    return value


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(child) for key, child in value.items()}
    return list(map(_rounded, value)) if isinstance(value, list) else value


def _owner(path: str) -> tuple[str, str, str]:
    scope, *below = path.split(".")
    return ("loadpoints", str(int(below[0]) + 1), below[1]) if scope == "loadpoints" else ("site", "", scope)
