import re
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.extras.questions import QUESTIONS, read


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("state", {"jq": ".loadpoints[0].mode"}),
        ("tariff", {"type": "grid"}),
        ("sessions", {}),
        ("sessions", {"format": "csv", "lang": "de", "year": 2026, "month": 11}),
        ("plan", {"loadpoint": 1}),
        ("health", {}),
        ("refresh", {}),
    ],
)
def test_questions_are_read(name: str, question: dict[str, Any]) -> None:
    assert read(name, orjson.dumps(question | {"id": "of the client"})) == question


@pytest.mark.parametrize(
    ("name", "payload", "reason"),
    [
        ("nonsense", b"{}", "there is no request nonsense: there are state, tariff"),
        ("health", b"{", "no JSON"),
        ("health", b"\xff", "no JSON"),
        ("health", b"[]", "no JSON object"),
        ("health", b"null", "no JSON object"),
        ("plan", b'{"loadpoint":' + b"[" * 300 + b"]" * 300 + b"}", "no JSON"),
        ("health", b"[" * 70_000, "70000 bytes are too many for a request: 65536 are read"),
        ("state", b"{}", "jq is missing"),
        ("state", b'{"jq":null}', "jq is missing"),
        ("state", b'{"jq":" "}', 'jq takes a jq expression, got " "'),
        ("state", b'{"jq":5}', "jq takes"),
        ("tariff", b"{}", "type is missing"),
        ("tariff", b'{"type":"../x"}', "type takes a tariff"),
        ("plan", b"{}", "loadpoint is missing"),
        ("plan", b'{"loadpoint":"1"}', "loadpoint takes the number"),
        ("plan", b'{"loadpoint":true}', "loadpoint takes the number"),
        ("plan", b'{"loadpoint":0}', "loadpoint takes the number"),
        ("plan", b'{"loadpoint":1.5}', "loadpoint takes the number"),
        ("sessions", b'{"month":13}', "month takes a month"),
        ("sessions", b'{"format":"xml"}', "format takes csv or json"),
        ("sessions", b'{"lang":"de&x=1"}', "lang takes a language"),
    ],
)
def test_wrong_questions_are_refused_with_the_reason(name: str, payload: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=re.escape(reason)):
        read(name, payload)


@given(st.sampled_from([*QUESTIONS, "other"]), st.binary() | st.text().map(str.encode))
def test_anything_is_read_or_refused(name: str, payload: bytes) -> None:
    with suppress(Refused):
        assert read(name, payload).keys() <= QUESTIONS[name].keys()
