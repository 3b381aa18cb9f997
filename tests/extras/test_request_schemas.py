import re
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.extras.request_kinds import KINDS
from bridge.extras.request_schemas import read_fields, timestamp

FIELDS = {kind.name: kind.fields for kind in KINDS}


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("state", {"jq": ".loadpoints[0].mode"}),
        ("tariff", {"type": "grid"}),
        ("sessions", {}),
        ("sessions", {"format": "csv", "lang": "de", "year": 2026, "month": 11}),
        ("plan", {"loadpoint": 1}),
        ("plan_preview", {"loadpoint": 1, "soc": 80, "time": "07:00"}),
        ("plan_preview", {"loadpoint": 1, "energy": 10.5, "time": 1795669200}),
        ("plan_preview", {"loadpoint": 1, "soc": 80, "time": "07:00", "weekdays": [0, 6], "tz": "Europe/Berlin"}),
        ("session", {"id": 5, "vehicle": None, "odometer": None}),
        ("history", {}),
        ("history", {"from": "2026-11-01T00:00:00+01:00", "to": 1795669200, "aggregate": "day", "grouped": True}),
        ("history", {"group": "battery", "name": "db:8", "title": "Süd 1", "format": "csv", "lang": "de"}),
        ("gridsessions", {"format": "csv", "lang": "de"}),
        ("health", {}),
        ("refresh", {}),
    ],
)
def test_requests_are_read(name: str, request_: dict[str, Any]) -> None:
    assert read_fields(FIELDS[name], orjson.dumps({"id": "of the client"} | request_)) == request_


@pytest.mark.parametrize(
    ("name", "payload", "reason"),
    [
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
        ("plan_preview", b'{"loadpoint":1,"soc":101,"time":1}', "soc takes a soc"),
        ("plan_preview", b'{"loadpoint":1,"energy":-1,"time":1}', "energy takes an energy"),
        ("plan_preview", b'{"loadpoint":1,"energy":1e400,"time":1}', "no JSON"),
        ("plan_preview", b'{"loadpoint":1,"soc":80}', "time is missing"),
        ("plan_preview", b'{"loadpoint":1,"soc":80,"time":[]}', "time takes a time"),
        ("history", b'{"from":"yesterday"}', "from takes a time"),
        ("history", b'{"from":1e300}', "from takes a time"),
        ("history", b'{"to":"0001-01-01T00:00:00Z"}', "to takes a time"),
        ("history", b'{"grouped":1}', "grouped takes true or false"),
        ("history", b'{"aggregate":"1 h"}', "aggregate takes 15m, hour, day or month"),
        ("history", b'{"aggregate":"week"}', "aggregate takes 15m, hour, day or month"),
        ("history", b'{"group":"../x"}', "group takes a group"),
        ("history", b'{"format":"xlsx"}', "format takes csv or json (a file such as xlsx does not fit into an answer"),
        ("sessions", b'{"format":"xlsx"}', "format takes csv or json (a file such as xlsx does not fit into an answer"),
        ("plan_preview", b'{"loadpoint":1,"soc":80,"time":1,"weekdays":[]}', "weekdays takes a list"),
        ("plan_preview", b'{"loadpoint":1,"soc":80,"time":1,"weekdays":[7]}', "weekdays takes a list"),
        ("plan_preview", b'{"loadpoint":1,"soc":80,"time":1,"weekdays":[true]}', "weekdays takes a list"),
        ("plan_preview", b'{"loadpoint":1,"soc":80,"time":1,"weekdays":"1,2"}', "weekdays takes a list"),
        ("plan_preview", b'{"loadpoint":1,"soc":80,"time":1,"tz":"Mars/Base"}', "tz takes a time zone"),
        ("plan_preview", b'{"loadpoint":1,"soc":80,"time":1,"tz":"../../etc/passwd"}', "tz takes a time zone"),
        ("plan_preview", b'{"loadpoint":1,"soc":80,"time":1,"tz":""}', "tz takes a time zone"),
        ("sessions", b'{"month":13}', "month takes a month"),
        ("sessions", b'{"format":"xml"}', "format takes csv or json"),
        ("sessions", b'{"lang":"d"}', "lang takes a language"),
    ],
)
def test_wrong_requests_are_refused_with_a_reason(name: str, payload: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=re.escape(reason)):
        read_fields(FIELDS[name], payload)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-27T07:00:00+01:00", "2026-11-27T06:00:00Z"),
        (1795669200, "2026-11-26T05:00:00Z"),
        (1795669200.9, "2026-11-26T05:00:00Z"),
    ],
)
def test_times_are_sent_in_utc(value: Any, expected: str) -> None:
    assert timestamp(value) == expected


@given(st.sampled_from(sorted(FIELDS)), st.binary() | st.recursive(st.none(), st.lists).map(orjson.dumps))
def test_whatever_comes_is_read_or_refused(name: str, payload: bytes) -> None:
    with suppress(Refused):
        read_fields(FIELDS[name], payload)
