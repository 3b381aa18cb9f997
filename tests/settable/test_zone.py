"""The offset that evcc's state names, against the zone of times that name none."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.settable.zone import described, offset_elsewhere
from bridge.state.document import from_document
from tests.settable.house import NEXT, OLD, TODAY

WINTER, SUMMER = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def elsewhere(zone: str, now: datetime, **document: Any) -> str | None:
    state = from_document({"version": "0.313.2", "homePower": 1, **document})
    return offset_elsewhere(state, ZoneInfo(zone), now)


@pytest.mark.parametrize(
    ("zone", "now", "named", "differs"),
    [
        ("Europe/Berlin", WINTER, "CET +01:00", False),
        ("Europe/Berlin", SUMMER, "CEST +02:00", False),
        ("Europe/Berlin", WINTER, "CEST +02:00", False),  # evcc has been running since summer
        ("UTC", WINTER, "CET +01:00", True),
        ("UTC", WINTER, "UTC +00:00", False),
        ("Europe/Berlin", WINTER, "UTC +00:00", True),
        ("Europe/London", WINTER, "CET +01:00", True),  # as much as BST, but another name
        ("Europe/London", WINTER, "BST +01:00", False),
        ("America/St_Johns", WINTER, "NST -03:30", False),
        ("UTC", WINTER, "NST -03:30", True),
        ("Africa/Lagos", WINTER, "CET +01:00", False),
        ("UTC", WINTER, "+03 +03:00", False),  # no name that is known: nothing is said
        ("UTC", WINTER, "+03:00", True),
        ("UTC", WINTER, "nonsense", False),
    ],
)
def test_the_zone_that_evcc_names(zone: str, now: datetime, named: str, differs: bool) -> None:
    assert elsewhere(zone, now, timezone=named) == (named if differs else None)


@pytest.mark.parametrize(
    ("document", "offset"),
    [
        ({"connectedSince": "2026-12-01T08:00:00+01:00"}, "+01:00"),
        ({"connectedSince": "2026-12-01T08:00:00.123456789+01:00"}, "+01:00"),
        ({"tariff": {"rates": [{"start": "2026-12-01T08:00:00+01:00"}]}}, "+01:00"),
        ({"loadpoints": [{"since": "2026-12-01T08:00:00-05:00"}]}, "-05:00"),
        ({"loadpoints": [{"effectivePlanTime": "2026-12-01T08:00:00+01:00"}]}, None),  # as it was set
        ({"since": "2026-12-01T08:00:00Z"}, None),
        ({"since": "0001-01-01T00:53:28+00:53"}, None),
        ({"since": "2026-99-01T08:00:00+01:00"}, None),
        ({"since": "9999-12-31T23:59:59-23:59"}, None),
        ({"since": 5, "loadpoints": [None], "timezone": 7}, None),
        ({"timezone": "UTC +00:00", "since": "2026-12-01T08:00:00+01:00"}, None),
    ],
)
def test_times_count_where_evcc_names_no_zone(document: dict[str, Any], offset: str | None) -> None:
    assert elsewhere("UTC", WINTER, **document) == offset


def test_a_time_has_the_offset_of_its_own_day() -> None:
    assert elsewhere("Europe/Berlin", WINTER, since="2026-07-01T08:00:00+02:00") is None


def test_the_recorded_evccs_are_in_utc() -> None:
    assert [offset_elsewhere(state, UTC, WINTER) for state in (OLD, TODAY, NEXT)] == [None] * 3


def test_a_zone_in_words() -> None:
    assert described(ZoneInfo("America/St_Johns"), WINTER) == "America/St_Johns -03:30"
    assert described(UTC, WINTER) == "UTC +00:00"
