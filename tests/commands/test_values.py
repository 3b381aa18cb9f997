import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.commands.value import CLEAR, Clear, Context, Value
from bridge.commands.values import read
from bridge.errors import Refused
from bridge.settable.setting import Setting
from bridge.settable.table import SETTINGS
from tests.commands.house import TODAY

CONTEXT = Context(datetime(2026, 11, 25, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"), TODAY)
ROWS = {f"{row.scope}/{row.leaf}": row for row in SETTINGS}


def fields(topic: str, payload: str) -> dict[str, str]:
    value = read(ROWS[topic], payload.encode(), CONTEXT)
    assert isinstance(value, Value)
    return dict(value.fields)


@pytest.mark.parametrize("payload", ["ON", "on", "true", "TRUE", "True", "1", "yes", "Yes", '"on"', " true\n"])
def test_a_switch_goes_on(payload: str) -> None:
    assert fields("site/solarAdjusted", payload) == {"value": "true"}
    assert fields("loadpoints/batteryBoost", payload) == {"value": "1"}


@pytest.mark.parametrize("payload", ["OFF", "off", "false", "False", "0", "no", "NO"])
def test_a_switch_goes_off(payload: str) -> None:
    assert fields("site/solarAdjusted", payload) == {"value": "false"}
    assert fields("loadpoints/batteryBoost", payload) == {"value": "0"}


@pytest.mark.parametrize("payload", ["maybe", "2", "-1", "1.0", "ｏｎ", "on off", "{}", "on\0"])
def test_a_switch_takes_nothing_else(payload: str) -> None:
    with pytest.raises(Refused, match="solarAdjusted takes"):
        fields("site/solarAdjusted", payload)


@pytest.mark.parametrize(
    ("payload", "word"), [("pv", "pv"), ("PV", "pv"), ('"minpv"', "minpv"), (" Now ", "now"), ("smart", "smart")]
)
def test_a_word_is_evccs_to_judge(payload: str, word: str) -> None:
    assert fields("loadpoints/mode", payload) == {"value": word}


@pytest.mark.parametrize(
    "payload",
    ["../mode", "..", "%2e%2e", "a/b", "p v", "pv1", "p\nv", "ｐｖ", "pv\0", "charge_before_export", "x" * 61, '""'],
)
def test_a_word_that_evccs_route_would_not_take_is_refused(payload: str) -> None:
    with pytest.raises(Refused, match=r"mode (takes|got)"):
        fields("loadpoints/mode", payload)


def test_a_strategy_may_be_called_none() -> None:
    assert fields("site/optimizerChargingStrategy", "none") == {"value": "none"}


@pytest.mark.parametrize("word", ["-", "nil", "null", "none", "NIL", "Null", '"none"', " - "])
def test_clear_words_clear_what_can_be_cleared(word: str) -> None:
    for row in SETTINGS:
        if row.clear:
            assert read(row, word.encode(), CONTEXT) is CLEAR


def test_clear_words_are_refused_where_nothing_can_be_cleared() -> None:
    with pytest.raises(Refused, match="limitSoc cannot be cleared"):
        fields("loadpoints/limitSoc", "nil")


def test_zero_is_a_number_and_clears_nothing() -> None:
    assert fields("loadpoints/smartCostLimit", "0") == {"value": "0"}


def test_costs_may_carry_the_houses_unit() -> None:
    assert fields("site/smartCostLimit", "0.22 EUR/kWh") == {"value": "0.22"}
    with pytest.raises(Refused, match="smartCostLimit takes a number in EUR/kWh, got 22 ct/kWh"):
        fields("site/smartCostLimit", "22 ct/kWh")


def test_reasons_name_the_setting() -> None:
    with pytest.raises(Refused, match=r"^limitSoc takes 0 to 100, got 101$"):
        fields("vehicles/limitSoc", "101")


@pytest.mark.parametrize("payload", [b"x", b"\xff", b"\0", b" ", b"off"])
def test_a_button_takes_anything(payload: bytes) -> None:
    assert read(ROWS["loadpoints/vehicleDetection"], payload, CONTEXT) == Value(None)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["soc", "energy", "value", "time", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
).map(lambda value: json.dumps(value).encode())


@given(
    st.sampled_from(SETTINGS),
    st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode(errors="replace")) | JSONS,
)
def test_any_payload_is_a_value_or_refused_in_one_short_line(row: Setting, payload: bytes) -> None:
    value = value_or_reason(row, payload)
    if isinstance(value, Value):
        orjson.dumps([value.shown, value.body])  # as the answer and the call will
    if isinstance(value, str):
        assert value.startswith(row.leaf)
        assert value.isprintable()
        assert len(value) < 300


def value_or_reason(row: Setting, payload: bytes) -> Value | Clear | str:
    try:
        return read(row, payload, CONTEXT)
    except Refused as error:
        return str(error)
