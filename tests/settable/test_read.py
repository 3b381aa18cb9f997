import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.settable.lookup import choices
from bridge.settable.read import read, read_vehicle, text_of, unquoted
from bridge.settable.setting import Setting
from bridge.settable.table import SETTINGS
from bridge.settable.value import CLEAR, Clear, Context, Value, shown
from bridge.state.document import from_document
from bridge.state.state import State
from tests.settable.house import TODAY

PART = TODAY.vehicles["my.car_2"]
CONTEXT = Context(datetime(2026, 11, 25, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"), TODAY, PART.target, entry=1)
ROWS = {f"{row.scope}/{row.leaf}": row for row in SETTINGS}


def fields(topic: str, payload: str) -> dict[str, str]:
    value = read(ROWS[topic], payload.encode(), CONTEXT)
    assert isinstance(value, Value)
    return dict(value.fields)


@pytest.mark.parametrize(
    "payload", ["ON", "on", "true", "TRUE", "True", "1", "yes", "Yes", "T", "t", '"on"', " true\n"]
)
def test_a_switch_goes_on(payload: str) -> None:
    assert fields("site/solarAdjusted", payload) == {"value": "true"}
    assert fields("loadpoints/batteryBoost", payload) == {"value": "1"}


@pytest.mark.parametrize("payload", ["OFF", "off", "false", "False", "0", "no", "NO", "F"])
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
    with pytest.raises(Refused, match=r"mode (takes|is)"):
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
        assert value.startswith(row.leaf.replace("<i>", "1"))
        assert value.isprintable()
        assert len(value) < 300


def value_or_reason(row: Setting, payload: bytes) -> Value | Clear | str:
    try:
        return read(row, payload, CONTEXT)
    except Refused as error:
        return str(error)


@pytest.mark.parametrize("payload", [b"80", b" 80 ", b"80\n", b"\t80\r\n"])
def test_space_around_a_value_does_not_count(payload: bytes) -> None:
    assert text_of(payload) == "80"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff\xfe", "takes text in UTF-8"),
        (b"\xed\xa0\x80", "takes text in UTF-8"),
        (b"8\x000", "takes text without NUL characters"),
        (b"  \n", "is empty"),
    ],
)
def test_what_is_no_text_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        text_of(payload)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ('"80"', "80"),
        ('" pv "', "pv"),
        ('"a\\u00fc"', "aü"),
        ('"', '"'),
        ('"a"b"', '"a"b"'),
        ("'80'", "'80'"),
        ("80", "80"),
    ],
)
def test_quotes_of_json_are_taken_off(text: str, inside: str) -> None:
    assert unquoted(text) == inside


@pytest.mark.parametrize("text", ['""', '" "', '"\\n"'])
def test_nothing_in_quotes_is_nothing(text: str) -> None:
    with pytest.raises(Refused, match="is empty"):
        unquoted(text)


@given(st.text())
def test_what_is_shown_is_short_and_printable(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 61


def house_with(**titles: str | None) -> State:
    vehicles = {name: {} if title is None else {"title": title} for name, title in titles.items()}
    return from_document({"loadpoints": [], "vehicles": vehicles})


TWINS = house_with(a="Zoe", b="Zoe", Zoe2="zoe", c=None)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("zoe:old", "zoe:old"),
        ("my.car_2", "my.car_2"),
        ("Blauer e-Golf", "my.car_2"),
        ("blauer E-GOLF", "my.car_2"),
        ('Grüner Honda "e" / Zwei', "zoe:old"),
        ('Gru\u0308ner Honda "e" / Zwei', "zoe:old"),  # as macOS spells an umlaut
        ("BIKE", "bike"),
    ],
)
def test_a_vehicle_is_known_by_name_and_by_title(text: str, name: str) -> None:
    assert read_vehicle(text, TODAY).fields == {"value": name}


def test_an_unknown_vehicle_is_refused_with_the_choices() -> None:
    with pytest.raises(Refused, match=r"has \(bike: VanMoof, my.car_2: Blauer e-Golf, zoe:old: .*\), got nobody"):
        read_vehicle("nobody", TODAY)


def test_a_title_of_two_vehicles_is_refused_with_both() -> None:
    with pytest.raises(Refused, match="Zoe is the title of several: a: Zoe, b: Zoe"):
        read_vehicle("Zoe", TWINS)


def test_an_exact_title_wins_over_one_in_other_letters() -> None:
    assert read_vehicle("zoe", TWINS).fields == {"value": "Zoe2"}


def test_a_name_wins_over_a_title() -> None:
    state = house_with(a="b", b="a")
    assert read_vehicle("a", state).fields == {"value": "a"}


def test_a_house_without_vehicles_has_none() -> None:
    with pytest.raises(Refused, match="it has none"):
        read_vehicle("zoe", from_document({"loadpoints": [], "vehicles": {}}))


def test_a_name_is_taken_as_it_is_while_evcc_has_not_answered() -> None:
    assert read_vehicle("db:5", State()).fields == {"value": "db:5"}


@pytest.mark.parametrize("text", ["..", ".", "a/b", "a b", "%2e%2e", "Blauer e-Golf", "ä", "a\nb", ""])
def test_but_nothing_that_is_no_name(text: str) -> None:
    with pytest.raises(Refused):
        read_vehicle(text, State())


@pytest.mark.parametrize("name", ["..", ".", ""])
def test_a_name_that_would_leave_its_path_segment_is_no_vehicle(name: str) -> None:
    with pytest.raises(Refused):
        read_vehicle("Trojan", from_document({"loadpoints": [], "vehicles": {name: {"title": "Trojan"}}}))


def test_many_choices_are_cut() -> None:
    assert choices(house_with(**{f"v{number}": None for number in range(100)}).vehicles.values()).count(",") == 19
