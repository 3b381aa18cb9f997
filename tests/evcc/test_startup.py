"""What an evcc that starts does not have yet, against what a running one does not have any more."""

import asyncio
import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Invalid
from bridge.evcc.startup import Startup
from bridge.state.document import parse
from bridge.state.merge import filled_frame
from bridge.state.state import State, changes
from tests.state.documents import DOCUMENTS, KEYS, VALUES
from tests.state.whole import Tree, state, whole
from tests.virtual import in_virtual_time


def _loadpoint(**more: Any) -> dict[str, Any]:
    return {**{f"value{number}": number for number in range(12)}, "mode": "pv", "soc": 40.5, "enabled": True, **more}


def _document(count: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "version": "0.313.2",
        "interval": 10,
        "loadpoints": [_loadpoint() for _ in range(count)],
        "vehicles": {"zoe": {"minSoc": 20, "plan": {"soc": 80}}, "bike": {"minSoc": 0}},
        "pvPower": 4500.4,
        **more,
    }


def _less() -> dict[str, Any]:
    return {key: value for key, value in _document().items() if key != "pvPower"}


class _Evcc:
    """The state as the reader keeps it."""

    def __init__(self, grace: float | None = None) -> None:
        self.startup = Startup(grace)
        self.state = State()
        self.answer(_document())

    def answer(self, document: dict[str, Any]) -> None:
        self.state = self.startup.accept(self.state, state(document))

    @property
    def document(self) -> dict[str, Any]:
        return self.state.document()


@pytest.fixture
def evcc() -> _Evcc:
    return _Evcc()


async def test_what_a_running_evcc_does_not_have_any_more_has_gone(evcc: _Evcc) -> None:
    document = _less()
    del document["vehicles"]["zoe"]["plan"]
    evcc.answer(document)

    assert evcc.document == document
    assert not evcc.startup.starting


async def test_a_loadpoint_that_was_taken_away_is_gone_at_once(evcc: _Evcc) -> None:
    evcc.answer(_document(1))
    assert evcc.document == _document(1)


async def test_as_long_as_evcc_starts_nothing_known_is_gone(evcc: _Evcc) -> None:
    evcc.startup.note_sign()
    evcc.answer({"version": "0.313.2", "interval": 10, "loadpoints": [{"mode": "off"}]})

    assert evcc.startup.starting
    assert evcc.document == {**_document(), "loadpoints": [_loadpoint(mode="off"), _loadpoint()]}


@pytest.mark.parametrize("more", [{"new": 1}, {"pvPower": None}])
async def test_evcc_has_started_when_nothing_known_is_missing(evcc: _Evcc, more: dict[str, Any]) -> None:
    evcc.startup.note_sign()
    evcc.answer(_document(**more))

    assert not evcc.startup.starting
    assert evcc.document == _document(**more)


def test_the_name_of_a_vehicle_that_is_empty_while_evcc_starts_stays_until_the_grace_period_is_over() -> None:
    async def main() -> None:
        evcc = _Evcc()
        names = {"vehicleName": "zoe", "vehicleTitle": "Zoe"}
        empty = dict.fromkeys(names, "")
        evcc.answer(_document(loadpoints=[_loadpoint(**names)]))
        evcc.startup.note_sign()
        evcc.answer(_document(loadpoints=[_loadpoint(**empty)]))
        assert whole(evcc.state)["loadpoints/1/vehicleTitle"] == "Zoe"
        assert evcc.startup.starting
        frame = filled_frame(evcc.state, {"loadpoints.0.vehicleName": ""})
        assert whole(evcc.state.merged(frame))["loadpoints/1/vehicleName"] == "zoe"

        await asyncio.sleep(evcc.startup.grace(evcc.state))
        evcc.answer(_document(loadpoints=[_loadpoint(**empty)]))
        assert not evcc.startup.starting
        assert "loadpoints/1/vehicleName" not in whole(evcc.state)

    in_virtual_time(main())


async def test_the_name_of_a_vehicle_that_leaves_a_running_evcc_is_gone_at_once(evcc: _Evcc) -> None:
    evcc.answer(_document(loadpoints=[_loadpoint(vehicleName="zoe")] * 12))
    evcc.answer(_document(loadpoints=[_loadpoint(vehicleName="")] * 12))
    assert "loadpoints/1/vehicleName" not in whole(evcc.state)


@pytest.mark.parametrize(("grace", "seconds"), [(None, 40.0), (7.0, 7.0), (0.0, 0.0)])
def test_the_grace_period_ends(grace: float | None, seconds: float) -> None:
    async def main() -> None:
        evcc = _Evcc(grace)
        assert evcc.startup.left == math.inf
        evcc.startup.note_sign()
        assert evcc.startup.left == math.inf
        evcc.answer(_less())
        if seconds:
            assert evcc.document == _document()
            assert evcc.startup.left == seconds
            await asyncio.sleep(seconds - 0.01)
            evcc.answer(_less())
            assert evcc.document == _document()
            await asyncio.sleep(0.02)
            evcc.answer(_less())
        assert evcc.document == _less()
        assert not evcc.startup.starting

    in_virtual_time(main())


@pytest.mark.parametrize(("away", "document"), [(True, _document()), (False, _less())])
def test_only_an_evcc_that_was_away_again_has_another_grace_period(*, away: bool, document: dict[str, Any]) -> None:
    async def main() -> None:
        evcc = _Evcc()
        evcc.startup.note_sign()
        evcc.answer(_less())
        await asyncio.sleep(39)
        evcc.startup.note_sign(away=away)
        evcc.answer(_less())
        await asyncio.sleep(39)
        evcc.answer(_less())
        assert evcc.document == document

    in_virtual_time(main())


@pytest.mark.parametrize(
    "lost",
    [
        {"loadpoints": [{"mode": "pv"}, _loadpoint()]},
        {"loadpoints": [{"mode": "pv"}]},
        {"loadpoints": []},
        {"loadpoints": [None, None]},
        {"loadpoints": [5, "x"]},
    ],
)
async def test_a_restart_between_two_polls_shows_in_many_values_missing_at_once(
    evcc: _Evcc, lost: dict[str, Any]
) -> None:
    evcc.answer({**_document(), **lost})

    assert evcc.startup.starting
    assert evcc.document == _document()


async def test_a_house_without_loadpoints_or_vehicles_is_one_that_starts(evcc: _Evcc) -> None:
    evcc.answer({"version": "0.313.2"})

    assert evcc.startup.starting
    assert evcc.document == _document()


async def test_few_values_missing_are_gone(evcc: _Evcc) -> None:
    fewer = {key: value for key, value in _loadpoint().items() if key not in {"soc", "mode"}}
    evcc.answer(_document(loadpoints=[fewer, _loadpoint()]))

    assert not evcc.startup.starting
    assert evcc.document["loadpoints"][0] == fewer


async def test_the_last_vehicle_deleted_is_gone(evcc: _Evcc) -> None:
    evcc.answer(_document(vehicles={}))
    assert evcc.document["vehicles"] == {}


_PATHS = st.one_of(
    st.lists(st.one_of(KEYS, st.sampled_from(["loadpoints", "0", "1", "2", "vehicles", "zoe"])), max_size=4).map(
        ".".join
    ),
    st.sampled_from(["loadpoints.0.mode", "loadpoints.0.soc", "loadpoints.1", "vehicles", "loadpoints", "pvPower"]),
)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("frame"), st.dictionaries(_PATHS, VALUES, max_size=3)),
        st.tuples(st.just("poll"), st.one_of(DOCUMENTS, DOCUMENTS.map(lambda more: {**_document(), **more}))),
        st.tuples(st.just("suspect"), st.just({})),
    ),
    max_size=6,
)


def _play(evcc: _Evcc, steps: list[tuple[str, Any]]) -> Iterator[State]:
    """The state after each step, as the reader makes it."""
    for kind, value in steps:
        if kind == "suspect":
            evcc.startup.note_sign()
        elif kind == "frame":
            frame = filled_frame(evcc.state, value) if evcc.startup.starting else value
            evcc.state = evcc.state.merged(frame)
        else:
            try:
                evcc.state = evcc.startup.accept(evcc.state, parse(orjson.dumps(value)))
            except Invalid:
                continue
        yield evcc.state


@given(_STEPS)
@settings(max_examples=40)
async def test_any_polls_and_frames_bring_what_flattening_from_scratch_brings(steps: list[tuple[str, Any]]) -> None:
    evcc, tree = _Evcc(), Tree()
    known = evcc.state
    tree.bring(changes(State(), known))
    for new in _play(evcc, steps):
        tree.bring(changes(known, new))
        known = new
        if not tree.contested:
            assert tree.topics == whole(known)


@given(_STEPS)
@settings(max_examples=40)
async def test_a_state_is_never_changed_in_place(steps: list[tuple[str, Any]]) -> None:
    evcc = _Evcc()
    for known in _play(evcc, steps):
        frozen = deepcopy(known.document())
        known.merged({"loadpoints.0.mode": "other", "pvPower": -1, "vehicles": {}})
        Startup().accept(known, state({"version": "0.313.2"}))
        assert known.document() == frozen
