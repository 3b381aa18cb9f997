"""JSON from outside: whatever is parsed can be serialized again."""

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.util.json import parse_evcc_json, parse_json
from bridge.util.redact import redact_logins
from tests.state.documents import VALUES


@given(VALUES)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(orjson.dumps(value)) == value


@pytest.mark.parametrize("nested", ["[" * 252 + "]" * 252, '{"a":' * 252 + "1" + "}" * 252])
def test_what_is_read_can_be_written_within_something_else(nested: str) -> None:
    assert orjson.loads(orjson.dumps({"status": "ok", "data": parse_json(nested)}))["data"] == parse_json(nested)


@pytest.mark.parametrize("depth", [253, 300, 1000, 60_000])
def test_what_is_nested_too_deeply_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|line 1"):
        parse_json("[" * depth + "]" * depth)


@pytest.mark.parametrize("wrong", ["", "{", "NaN", "1e400", b"\xff", b'"\xff"'])
def test_what_is_no_json_is_refused(wrong: str | bytes) -> None:
    with pytest.raises(ValueError, match="line 1"):
        parse_json(wrong)


@pytest.mark.parametrize("at", ["@", r"\u0040"])
@pytest.mark.parametrize("slash", ["/", r"\/", r"\u002f", r"\u002F"])
def test_evccs_values_have_no_login_in_them(slash: str, at: str) -> None:
    address = f"tcp:{slash}{slash}me:pass{at}host"
    value = parse_evcc_json(f'{{"{address}": ["{address}", 1, null, {{"a": "{address}"}}], "b": true}}'.encode())
    assert value == {"tcp://***@host": ["tcp://***@host", 1, None, {"a": "tcp://***@host"}], "b": True}


@given(VALUES)
def test_evccs_values_are_parsed_as_they_were_serialized(value: Any) -> None:
    assert parse_evcc_json(orjson.dumps([value, "@"])) == [value, "@"]


@given(
    st.lists(st.sampled_from(["//", "/", ":", "@", '"', "\\", "\n", " ", "a", "1", "?", "ä"]), max_size=15).map(
        "".join
    ),
    st.booleans(),
)
def test_a_login_is_found_in_any_string(text: str, in_key: bool) -> None:
    value = {text: 1} if in_key else [text]
    expected = {redact_logins(text): 1} if in_key else [redact_logins(text)]
    assert parse_evcc_json(orjson.dumps(value)) == expected
    assert parse_evcc_json(json.dumps(value).encode()) == expected


@pytest.mark.parametrize("part", ["//:x", "//", r"\"//", "//a\\\\", '","//'])
def test_time_is_in_proportion_to_the_length(part: str) -> None:
    began = time.process_time()
    parse_evcc_json(f'["{part * (1_000_000 // len(part))}", "@"]'.encode())
    assert time.process_time() - began < 1
