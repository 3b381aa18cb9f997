from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.settable.times import read_clock, read_time, written

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SPRING = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)  # 23:00 in Berlin, the evening before
AUTUMN = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # midnight in Berlin, the night itself


def read(text: str, now: datetime = NOW) -> str:
    return written(read_time(text, now, BERLIN))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27T06:00:00Z", "2026-11-27T06:00:00Z"),
        ("2026-11-27t06:00:00z", "2026-11-27T06:00:00Z"),
        ("2026-11-27T07:00:00+01:00", "2026-11-27T06:00:00Z"),
        ("2026-11-27T07:00:00+0100", "2026-11-27T06:00:00Z"),  # as openHAB formats it
        ("2026-11-27T07:00:00+01", "2026-11-27T06:00:00Z"),
        ("2026-11-27T00:30:00-05:30", "2026-11-27T06:00:00Z"),
        ("2026-11-27T06:00:00.123456789Z", "2026-11-27T06:00:00Z"),
        ("2026-11-27T06:00:00.999Z", "2026-11-27T06:00:00Z"),  # JavaScript's toISOString
        ("2026-11-27T07:00:00", "2026-11-27T06:00:00Z"),  # openHAB without a format
        ("2026-11-27T07:00", "2026-11-27T06:00:00Z"),  # an HTML form's
        ("2026-11-27 07:00:00", "2026-11-27T06:00:00Z"),
        ("1795759200", "2026-11-27T06:00:00Z"),
        ("1795759200.0", "2026-11-27T06:00:00Z"),
        ("1795759200000", "2026-11-27T06:00:00Z"),
        ("07:00", "2026-11-26T06:00:00Z"),  # it is 13:00 in Berlin
        ("7:00", "2026-11-26T06:00:00Z"),
        ("14:00", "2026-11-25T13:00:00Z"),
        ("13:00:01", "2026-11-25T12:00:01Z"),
        ("13:00", "2026-11-26T12:00:00Z"),  # now is no time to come
        ("00:00", "2026-11-25T23:00:00Z"),
    ],
)
def test_every_form_of_a_time(text: str, moment: str) -> None:
    assert read(text) == moment


@pytest.mark.parametrize(
    "text",
    ["tomorrow", "2026-11-27", "27.11.2026 07:00", "7", "7 Uhr", "-5", "1e9", "0700", "07.00", "٠٧:٠٠", "０７:００",
     "2026-11-27T06:00:00+0100[Europe/Berlin]", "2026-11-27T06:00:00Z\n", "07:00\0", "../07:00", ""],
)  # fmt: skip
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"takes a time (like|to come)"):
        read(text)


@pytest.mark.parametrize(
    "text",
    ["24:00", "7:60", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-27T24:00:00Z", "2026-11-27T06:00:60Z",
     "2026-11-27T06:00:00+99:00", "9999-12-31T23:59:59-05:00", "0000-01-01T00:00:00Z", "999999999999999"],
)  # fmt: skip
def test_times_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(Refused, match="takes a time that exists"):
        read(text)


@pytest.mark.parametrize(
    "text",
    ["2020-01-01T00:00:00Z", "2026-11-25T12:00:00Z", "2026-11-25T13:00:00", "1700000000", "0001-01-01T00:00:00Z"],
)
def test_past_times_are_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"takes a time to come, got .* which is past"):
        read(text)


def test_a_time_that_the_spring_change_skips_moves_forward_by_the_gap() -> None:
    assert read("2026-03-29T02:30", SPRING) == "2026-03-29T01:30:00Z"  # 03:30 in Berlin
    assert read("02:30", SPRING) == "2026-03-29T01:30:00Z"
    assert read("03:30", SPRING) == "2026-03-29T01:30:00Z"


def test_a_time_that_the_autumn_change_repeats_is_the_first() -> None:
    assert read("2026-10-25T02:30", AUTUMN) == "2026-10-25T00:30:00Z"
    assert read("02:30", AUTUMN) == "2026-10-25T00:30:00Z"


def test_the_next_occurrence_is_the_second_when_the_first_is_over() -> None:
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    assert read("02:30", between) == "2026-10-25T01:30:00Z"
    assert read("02:30", between + timedelta(hours=1)) == "2026-10-26T01:30:00Z"
    with pytest.raises(Refused):
        read("2026-10-25T02:30", between)


def test_the_days_of_change_have_23_and_25_hours() -> None:
    assert read("23:00", SPRING) == "2026-03-29T21:00:00Z"
    assert read("00:00", AUTUMN) == "2026-10-25T23:00:00Z"


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, st.times())
def test_a_clock_time_is_within_the_next_day_and_a_bit(now: datetime, clock: object) -> None:
    moment = read_time(str(clock)[:5], now, BERLIN)
    assert timedelta(0) < moment - now <= timedelta(hours=25)


@given(moments)
def test_a_written_time_is_read_as_itself(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert read_time(written(moment), datetime(2025, 1, 1, tzinfo=UTC), BERLIN) == whole
    assert read_time(f"{whole.timestamp():.0f}", datetime(2025, 1, 1, tzinfo=UTC), BERLIN) == whole
    assert read_time(f"{whole.timestamp() * 1000:.0f}", datetime(2025, 1, 1, tzinfo=UTC), BERLIN) == whole


@given(moments)
def test_a_local_time_is_read_as_the_clock_on_the_wall_shows_it(moment: datetime) -> None:
    local = moment.astimezone(BERLIN).replace(microsecond=0)
    read = read_time(f"{local:%Y-%m-%dT%H:%M:%S}", datetime(2025, 1, 1, tzinfo=UTC), BERLIN)
    assert read == local.replace(fold=0).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "clock"), [("07:00", "07:00"), ("7:00", "07:00"), ("23:59", "23:59"), ("07:00:00", "07:00")]
)
def test_a_time_of_the_day_is_written_as_evcc_has_it(text: str, clock: str) -> None:
    assert read_clock(text).shown == clock


@pytest.mark.parametrize("text", ["24:00", "07:60", "7", "07:00:30", "-07:00", "07:00Z", "٠٧:٠٠"])
def test_other_times_of_the_day_are_refused(text: str) -> None:
    with pytest.raises(Refused, match="takes a time of the day like 07:00"):
        read_clock(text)


@given(st.text(max_size=25) | st.from_regex(r"[0-9:TZ+. -]{1,30}"))
def test_any_text_is_a_time_to_come_or_refused(text: str) -> None:
    try:
        moment = read_time(text, NOW, BERLIN)
    except Refused:
        return
    assert moment > NOW
