"""JSON from outside: whatever is parsed can be serialized again."""

from typing import Any

import orjson
import pytest
from hypothesis import given

from bridge.util.json import parse_evcc_json, parse_json
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
def test_evccs_values_have_no_login_in_them(at: str) -> None:
    address = f"tcp://me:pass{at}host"
    value = parse_evcc_json(f'{{"{address}": ["{address}", 1, null, {{"a": "{address}"}}], "b": true}}'.encode())
    assert value == {"tcp://***@host": ["tcp://***@host", 1, None, {"a": "tcp://***@host"}], "b": True}


@given(VALUES)
def test_evccs_values_are_parsed_as_they_were_serialized(value: Any) -> None:
    assert parse_evcc_json(orjson.dumps([value, "@"])) == [value, "@"]
