"""What each recorded evcc has is offered, and what it lacks is not: by its answers, by its state, by its release."""

import json
import re
from collections.abc import Iterator

import pytest

from bridge.settable.lookup import ANYWHERE
from bridge.settable.offered import offered
from bridge.settable.setting import Item, Setting
from bridge.settable.table import SETTINGS
from bridge.state.document import from_document
from bridge.state.state import Scope
from tests.contract.eras import RECORDINGS, document, state
from tests.settable.house import RECORDINGS as DIRECTORY

ANSWERED = ("0.131.4", "0.313.2")  # whose answers to every call are recorded
NEWEST = "0.314.0-dev"
# settings whose value the state shows only when it is set, or not at all
UNSHOWN = {
    "site/telemetry", "site/smartCostLimit", "site/smartFeedInPriorityLimit", "site/batteryMode",
    "site/batteryGridChargeLimit", "loadpoints/<n>/vehicleDetection", "loadpoints/<n>/smartCostLimit",
    "loadpoints/<n>/smartFeedInPriorityLimit", "vehicles/<name>/planSoc", "vehicles/<name>/mode",
    "vehicles/<name>/minSoc", "vehicles/<name>/limitSoc", "vehicles/<name>/planStrategy",
}  # fmt: skip

ROWS = [row for row in SETTINGS if not isinstance(row.kind, Item)]
READING = "batteryMode"  # a state from long before it could be set


def name(row: Setting) -> str:
    return f"{ANYWHERE[row.scope]}/{row.leaf}"


def rows_of(recording: str) -> set[str]:
    """The settings that are offered of a recorded evcc; those of a list's entries only where it has entries."""
    found = {entry["topic"].removesuffix("/set") for entry in offered(state(recording))}
    general = {re.sub(r"^(loadpoints/)[0-9]+|^(vehicles/)[^/]+", _anybody, topic) for topic in found}
    return {re.sub(r"/[0-9]+/", "/<i>/", topic) for topic in general}


def _anybody(found: re.Match[str]) -> str:
    return ANYWHERE[Scope.LOADPOINT if found[1] else Scope.VEHICLE]


def answers(recording: str, row: Setting) -> Iterator[bool]:
    """Of each recorded call of a setting, whether evcc has it: what it has no route for it answers in plain text."""
    prefix = {Scope.SITE: "/api/", Scope.LOADPOINT: "/api/loadpoints/1/", Scope.VEHICLE: "/api/vehicles/my.car_2/"}
    rest = re.sub(r"\\\{[a-z]+\\\}", "[^/]+", re.escape(row.path))
    for line in (DIRECTORY / recording / "routes.jsonl").read_text().splitlines():
        call = json.loads(line)
        if re.fullmatch(f"{row.method} {prefix[row.scope]}{rest}", call["request"]):
            yield call["content_type"].startswith("application/json")


@pytest.mark.parametrize("recording", ANSWERED)
def test_what_is_offered_is_what_evcc_has_a_route_for(recording: str) -> None:
    found = rows_of(recording)
    for row in ROWS:
        if known := list(answers(recording, row)):
            assert (name(row) in found) is any(known), name(row)
        else:
            assert (row.since or ()) > (0, 313, 2), f"{name(row)}: no call is recorded"
            assert name(row) not in found


@pytest.mark.parametrize("recording", RECORDINGS)
def test_what_the_state_shows_is_offered_and_what_it_does_not_show_is_known_by_the_release(recording: str) -> None:
    known, found = state(recording), rows_of(recording)
    for row in ROWS:
        parts = [part for part in known.targets() if part.target.scope is row.scope]
        keys = {topic.partition("/")[0] for topic in (*row.shown, row.leaf)}
        if any(part.values.keys() & keys for part in parts):
            assert (name(row) in found) or row.leaf == READING, name(row)
        elif name(row) in found:
            assert name(row) in UNSHOWN, name(row)


def test_the_demo_of_a_release_has_its_settings_and_the_next_release_more() -> None:
    entries = {name(row) for row in SETTINGS if isinstance(row.kind, Item)}
    for recording in ANSWERED:
        assert rows_of(f"{recording}-demo") - entries == rows_of(recording) - entries
    assert rows_of(NEWEST) - rows_of("0.313.2") == {"site/gridExportLimit"}
    assert rows_of("0.313.2") <= rows_of(NEWEST)


@pytest.mark.parametrize("recording", RECORDINGS)
def test_a_version_that_is_not_known_hides_only_what_the_state_does_not_show(recording: str) -> None:
    nameless = from_document({**document(recording), "version": "dev"})
    hidden = {entry["topic"] for entry in offered(state(recording))} - {entry["topic"] for entry in offered(nameless)}
    leaves = {topic.removesuffix("/set").rpartition("/")[2] for topic in hidden}
    assert leaves <= {one.rpartition("/")[2] for one in UNSHOWN}
