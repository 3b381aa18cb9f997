import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Invalid
from bridge.extras.session_statistics import SessionStatistics, parse_rows, read_rows
from tests.extras.recorded import body

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def statistics_of(*sessions: Mapping[str, Any]) -> SessionStatistics:
    statistics = SessionStatistics(NOW.astimezone(BERLIN))
    for row in sessions:
        statistics.add(row)
    return statistics


def session(created: str | None, energy: float | None = 10, **values: Any) -> dict[str, Any]:
    return {"created": created, "chargedEnergy": energy, **values}


@pytest.mark.parametrize("era", ["0.131.4", "0.313.2"])
def test_recorded_sessions_are_added_up(era: str) -> None:
    statistics = statistics_of(*parse_rows(body(era, "GET /api/sessions")))
    topics = statistics.topics()
    expected = {
        "sessions": b"3",
        "sessions/month/count": b"2",
        "sessions/month/energy": b"34.65",
        "sessions/month/cost": b"3.486",
        "sessions/month/solar": b"90.188",
        "sessions/year/count": b"3",
        "sessions/year/energy": b"52.9",
        "sessions/total/cost": b"5.676",
        "sessions/last/id": b"5",
        "sessions/last/created": b"1795173071",
        "sessions/last/chargeDuration": b"13000",
        "sessions/last/odometer": b"",
        "sessions/last/vehicle": b"",
    }
    assert {topic: topics[topic] for topic in expected} == expected
    assert orjson.loads(topics["sessions/last"])["chargeDuration"] == 13000
    assert set(statistics.latest) == {"Carport + Süd #1", "Garage"}


def test_months_and_years_begin_at_local_midnight() -> None:
    statistics = statistics_of(
        session("2026-10-31T22:59:59Z"),
        session("2026-10-31T23:00:00.123456789Z"),
        session("2025-12-31T23:00:00Z"),
        session("2025-12-31T22:59:59Z"),
    )
    assert (statistics.month.count, statistics.year.count, statistics.total.count) == (1, 3, 4)


def test_what_is_null_is_not_counted() -> None:
    statistics = statistics_of(
        session("2026-11-01T10:00:00Z", None, price=None, solarPercentage=50, chargeDuration=None),
        session("2026-11-02T10:00:00Z", 4, price=None, solarPercentage=None),
        session("2026-11-03T10:00:00Z", 6, price=1.5, solarPercentage=25),
    )
    topics = statistics.topics()
    assert topics["sessions/month/count"] == b"3"
    assert topics["sessions/month/energy"] == b"10"
    assert topics["sessions/month/cost"] == b"1.5"
    assert topics["sessions/month/solar"] == b"25"


def test_the_cost_is_zero_without_sessions_and_unknown_without_prices() -> None:
    empty = statistics_of().topics()
    assert empty["sessions"] == b"0"
    assert empty["sessions/month/cost"] == b"0"
    assert empty["sessions/month/solar"] == b""
    assert "sessions/last" not in empty
    assert statistics_of(session("2026-11-02T10:00:00Z")).topics()["sessions/month/cost"] == b""


@pytest.mark.parametrize(
    "created", [None, 5, "", "yesterday", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "9999-13-01T00:00:00Z"]
)
def test_a_session_of_an_unknown_time_counts_in_the_total_alone(created: Any) -> None:
    statistics = statistics_of(session(created))
    assert (statistics.total.count, statistics.year.count, statistics.last) == (1, 0, None)


def test_the_last_session_is_the_latest_whatever_the_order() -> None:
    first, second = session("2026-11-01T10:00:00Z", id=7), session("2026-11-02T10:00:00Z", id=1)
    again = session("2026-11-02T10:00:00Z", id=2)
    assert statistics_of(first, second, again).last == statistics_of(again, second, first).last == again


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("13000000000000", 13000), ("2700123456789", 2700.123), ("null", None), ("500000000", 0.5), ("0", 0)],
)
def test_durations_are_seconds(text: str, seconds: float | None) -> None:
    (row,) = parse_rows(b'[{"chargeDuration":%s}]' % text.encode())
    assert row["chargeDuration"] == seconds


@pytest.mark.parametrize("text", ["[]", "null", '{"result":[]}', '{"result":null}', " [ ] \n"])
def test_no_sessions(text: str) -> None:
    assert list(parse_rows(text.encode())) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OK",
        '[{"id":1}',
        '[{"id":1},{"id"',
        "[1,2]",
        '[{"id":1} x]',
        '[{"a" 1}]',
        "{'a",
        f'[{{"a":{"[" * 300}{"]" * 300}}}]',
    ],
)
def test_what_is_no_list_of_sessions_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        list(parse_rows(text.encode()))


values = st.none() | st.booleans() | st.integers(-9, 9) | st.text() | st.lists(st.text(), max_size=2)
tables = st.lists(
    st.dictionaries(st.text(), values | st.dictionaries(st.text(), values, max_size=2), max_size=5), max_size=6
)


@given(tables, st.booleans())
def test_rows_are_found_whatever_stands_in_them(table: list[dict[str, Any]], wrapped: bool) -> None:
    whole = orjson.dumps({"result": table} if wrapped else table)
    assert list(parse_rows(whole)) == [{**row, **durations(row)} for row in table]


def durations(row: dict[str, Any]) -> dict[str, Any]:
    nanoseconds = row.get("chargeDuration")
    return {} if not isinstance(nanoseconds, int) else {"chargeDuration": nanoseconds // 1_000_000_000}


async def test_reading_without_blocking_gives_the_same_rows() -> None:
    whole = orjson.dumps([{"id": number} for number in range(120)])
    assert [row async for row in read_rows(whole)] == list(parse_rows(whole))


async def test_everything_else_goes_on_while_a_long_list_is_read() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    async for _ in read_rows(orjson.dumps([{"id": number} for number in range(10_000)])):
        pass
    task.cancel()
    assert turns >= 10_000 // 25 - 1
