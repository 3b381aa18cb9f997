"""What comes over /ws, from any bytes to topics."""

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Invalid
from bridge.evcc.push import parse_frame
from bridge.state.document import parse
from bridge.state.flatten import Layout
from bridge.state.merge import filled_frame
from bridge.state.names import Selection
from bridge.state.state import changes
from tests.contract.recordings import state_body
from tests.state.documents import KEYS, VALUES

_HOUSE = parse(state_body("0.313.2"))
_SPOILT = st.builds(
    lambda frame, at, byte: frame[: at % len(frame)] + bytes([byte]) + frame[at % len(frame) + 1 :],
    st.sampled_from([orjson.dumps({key: value}) for key, value in _HOUSE.document().items()]),
    st.integers(0, 10**6),
    st.integers(0, 255),
)
_PATHS = st.one_of(
    KEYS,
    st.sampled_from(
        ["loadpoints.0.mode", "loadpoints.9.mode", "loadpoints", "vehicles", "forecast.solar", "....", "1.2"]
    ),
    st.lists(KEYS, max_size=20).map(".".join),
)


@given(st.binary() | _SPOILT | VALUES.map(orjson.dumps))
def test_any_bytes_are_a_frame_or_invalid(message: bytes) -> None:
    with suppress(Invalid):
        _take([parse_frame(message)])


@given(st.lists(st.dictionaries(_PATHS, VALUES, max_size=4), max_size=6))
def test_any_frames_are_survived(frames: list[dict[str, Any]]) -> None:
    _take(frames)


def _take(frames: list[dict[str, Any]]) -> None:
    state, layout = _HOUSE, Layout(Selection(), aliases=True)
    for frame in frames:
        filled = state.merged(filled_frame(state, frame))
        for new in (filled, filled.merged(frame)):
            for change in changes(state, new):
                own, alias, _ = layout.topics(change)
                assert all(isinstance(payload, bytes) for payload in (*own.values(), *alias.values()))
            state = new
    orjson.dumps(state.document())
