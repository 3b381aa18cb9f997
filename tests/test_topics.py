"""The tables of docs/topics.md: made from the code, complete, and right about signs."""

import re
from pathlib import Path

import pytest

from bridge.settable.table import SETTINGS
from bridge.state.names import KEPT_BACK
from bridge.state.readings import EXTRAS
from bridge.state.state import Scope
from tests import topics
from tests.contract.recordings import own_topics

PAGE = (Path(__file__).parents[1] / "docs/topics.md").read_text()
ROWS = {row.split("`")[1]: row for row in PAGE.splitlines() if row.startswith("| `")}
DIRECTED = {"W", "A"}


def cells(topic: str) -> list[str]:
    return [cell.strip() for cell in ROWS[topic].split("|")[1:-1]]


def test_the_page_has_the_tables_made_from_the_code() -> None:
    assert [name for name, table in topics.tables().items() if table not in PAGE] == [], "run scripts/readme"


@pytest.mark.parametrize("recording", topics.RECORDED)
def test_every_topic_of_evccs_own_mqtt_is_there_but_its_configuration(recording: str) -> None:
    scopes = {scope.value for scope in Scope}
    own = {topics.general(topic) for topic in own_topics(recording) if topic.partition("/")[0] in scopes}
    missing = {topic for topic in own if topic not in ROWS and topics.general(topics.alias_of(topic)) not in ROWS}
    below = {topic.partition("/")[2] for topic in missing}
    assert {key for key in below if not KEPT_BACK & {key.split("/")[0], "/".join(key.split("/")[:2])}} == set()
    assert len(own - missing) > 100


def test_every_setting_is_found_by_its_topic() -> None:
    settable = {way for ways in topics.settable().values() for way in ways}
    assert len(settable) > 40
    named = {topic for topic in settable if topic in ROWS and cells(topic)[-1] == "yes"}
    others = {word for row in ROWS.values() for word in re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])}
    assert {topic for topic in settable - named if topic.rpartition("/")[2] not in others} == set()
    assert len(SETTINGS) > len(settable) - 5


def test_a_value_that_is_negative_somewhere_has_two_signs() -> None:
    negative = {
        topic for topic, places in topics.seen().items() if any(re.match(rb"-\d", one.payload) for one in places)
    }
    assert len(negative) >= 5
    assert {topic for topic in negative if not all(topics.sign(topic) or ("", ""))} == set()


def test_signs_and_what_is_no_reading_name_topics_that_exist() -> None:
    assert {topic for topic in (*topics.SIGNS, *topics.NO_READINGS, *topics.BESIDE) if topic not in ROWS} == set()
    assert {topic for topic in topics.SIGNS if cells(topic)[1] not in DIRECTED and "tariff" not in topic} == set()


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("site/grid/power", ["W", "+ import, − export", "`-1234.5`"]),
        ("site/battery/power", ["W", "+ discharging, − charging", "`-680`"]),
        ("site/batteryPower", ["W", "+ discharging, − charging", "`-680`"]),
        ("loadpoints/<n>/vehicleName", ["text", "", "`my.car_2`"]),
    ],
)
def test_unit_sign_and_example(topic: str, expected: list[str]) -> None:
    assert cells(topic)[1:4] == expected


@pytest.mark.parametrize(
    ("topic", "release"),
    [
        ("site/grid/power", "0.133.0"),
        ("site/gridPower", "before 0.133.0"),
        ("site/battery/devices/<i>/soc", "0.301.0"),
        ("site/battery/<i>/soc", "before 0.301.0"),
        ("loadpoints/<n>/chargePower", "0.131"),
        ("loadpoints/<n>/phasesEnabled", "0.131, gone in 0.313"),
        ("loadpoints/<n>/alwaysCharge", "0.316.0, documented"),
        ("vehicles/<name>/plan/soc", "0.131.9"),
        ("site/gridExportLimit", "0.314.0"),
    ],
)
def test_the_release_that_brought_a_topic(topic: str, release: str) -> None:
    assert topics.since(topic) == release


def test_everything_beside_the_state_is_there() -> None:
    missing = [key for key in EXTRAS if not key.startswith("bridge/") and topics.placed(key) not in ROWS]
    assert (len(EXTRAS) > 15, missing) == (True, [])
