"""JSON as evcc, or something in its place, may send it, for Hypothesis."""

from typing import Any

from hypothesis import strategies as st

from bridge.state.known import words

NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 0.0, -0.0, -0.0004, 1e21, 1e-9, 2**53 + 1, 0.0005, 999.9995]),
)
_TELLING = sorted(
    words("""
        loadpoints vehicles forecast solar feedin energy grid power currents battery devices gridPower
        batterySoc chargeCurrents chargeCurrent phases phasesConfigured plan repeatingPlans features minSoc
        limitSoc excessdcpower password accessToken hems config mqtt tariffs version interval
    """)
)
# keys that mean something to the code beside ones that no topic level can hold
KEYS = st.one_of(
    st.sampled_from(_TELLING),
    st.sampled_from(
        ["", "a/b", "a+b", "#", "\0", "\x1f", "\x7f", "1", "Süd", "\ufffe", "\U0001fffe", "\ufdd0", "/", "%"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["", "2026-11-25T12:00:00Z", "0001-01-01T00:00:00Z", "2026-13-45T99:99:99Z"]),
)
_SLOTS = st.lists(st.fixed_dictionaries({"start": SCALARS, "end": SCALARS, "value": NUMBERS}), min_size=1, max_size=3)
_PAIRS = st.lists(st.lists(NUMBERS, min_size=2, max_size=3), min_size=1, max_size=3)
_PHASES = st.lists(NUMBERS, min_size=3, max_size=3)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(SCALARS, _SLOTS, _PAIRS, _PHASES),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
_DEVICES = st.dictionaries(KEYS, VALUES, max_size=4)
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.builds(
    lambda some, more: {**some, **more},
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.fixed_dictionaries(
        {},
        optional={
            "loadpoints": st.one_of(st.lists(_DEVICES, max_size=3), st.lists(VALUES, max_size=2)),
            "vehicles": st.one_of(st.dictionaries(KEYS, _DEVICES, max_size=3), VALUES),
            "forecast": st.one_of(st.dictionaries(KEYS, VALUES, max_size=3), VALUES),
        },
    ),
)
