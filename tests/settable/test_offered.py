import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from bridge.settable.lookup import find
from bridge.settable.offered import concerns, line, offered, table, words
from bridge.settable.permission import Permission
from bridge.settable.read import read
from bridge.settable.setting import Json, Word
from bridge.settable.table import SETTINGS
from bridge.settable.value import Context
from bridge.settings import Commands
from bridge.state.document import from_document
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.state.releases import release
from bridge.state.state import ABSENT, Change, Part, Scope, State, Target, changes
from tests.settable.house import NEXT, OLD, TODAY, recorded, today

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ENTRIES = {entry["topic"]: entry for entry in offered(TODAY)}
NEWER = {"gridExportLimit", "alwaysCharge", "solarShare"}  # than today's


def topics(state: State) -> set[str]:
    return {entry["topic"].removesuffix("/set") for entry in offered(state)}


def test_every_setting_of_today_is_offered_for_every_target() -> None:
    rows = [row for row in SETTINGS if row.leaf not in NEWER]
    site, loadpoint, vehicle = (sum(row.scope is scope for row in rows) for scope in Scope)
    entries = 3 * (
        2 - 3
    )  # of the three rows for a repeating plan's fields: two plans at one vehicle, none at the others
    assert len(ENTRIES) == site + 3 * loadpoint + 3 * vehicle + entries
    assert all(find(topic, TODAY) for topic in ENTRIES)


def test_what_the_old_era_lacks_is_not_offered() -> None:
    found = topics(OLD)
    assert len([topic for topic in found if topic.startswith("loadpoints/2/")]) == 16
    for absent in (
        "site/batteryMode",
        "site/solarAdjusted",
        "loadpoints/1/minSoc",
        "loadpoints/1/planStrategy",
        "vehicles/bike/mode",
        "vehicles/bike/repeatingPlans",
    ):
        assert absent not in found
    for present in ("site/smartCostLimit", "loadpoints/1/batteryBoost", "vehicles/bike/planSoc", "site/telemetry"):
        assert present in found


# settings that a release has, and settings that it lacks although the house has everything else
RELEASES: dict[str, tuple[set[str], set[str]]] = {
    "0.131.8": ({"loadpoints/1/batteryBoost"}, {"vehicles/v/repeatingPlans", "site/batteryMode"}),
    "0.131.9": ({"vehicles/v/repeatingPlans"}, {"site/batteryMode"}),
    "0.202.1": (set(), {"site/batteryMode"}),
    "0.203.0": ({"site/batteryMode"}, {"site/smartFeedInPriorityLimit"}),
    "0.205.0": (
        {"site/batteryMode", "site/smartFeedInPriorityLimit", "loadpoints/1/smartFeedInPriorityLimit"},
        {"loadpoints/1/planStrategy", "vehicles/v/planStrategy", "vehicles/v/mode", "loadpoints/1/batteryBoostLimit"},
    ),
    "0.300.0": ({"loadpoints/1/planStrategy", "vehicles/v/planStrategy"}, {"vehicles/v/mode"}),
    "0.302.0": (
        {"site/batteryMode", "vehicles/v/planStrategy", "loadpoints/1/batteryBoostLimit"},
        {"vehicles/v/mode", "site/solarAdjusted", "loadpoints/1/minSoc", "site/optimizerChargingStrategy"},
    ),
    "0.312.0": ({"vehicles/v/mode", "site/solarAdjusted", "loadpoints/1/minSoc"}, {"site/batteryGridDischarge"}),
    "0.313.2": ({"site/batteryGridDischarge"}, {"site/gridExportLimit", "loadpoints/1/solarShare"}),
    "0.315.0": ({"loadpoints/1/solarShare", "site/gridExportLimit"}, {"loadpoints/1/alwaysCharge"}),
    "0.316.0": ({"loadpoints/1/alwaysCharge", "vehicles/v/alwaysCharge"}, set()),
    "1.0.0": ({"loadpoints/1/alwaysCharge", "vehicles/v/alwaysCharge", "site/batteryMode"}, set()),
}


@pytest.mark.parametrize("version", RELEASES)
def test_the_release_counts_where_the_state_does_not_show_a_setting(version: str) -> None:
    has, lacks = RELEASES[version]
    found = topics(
        from_document({"version": version, "batteryMode": "normal", "loadpoints": [{}], "vehicles": {"v": {}}})
    )
    assert has <= found
    assert not lacks & found


@pytest.mark.parametrize("version", ["", "0.0.0", "dev", "0.313.3-nightly"])
def test_a_setting_that_the_state_shows_is_offered_whatever_the_release(version: str) -> None:
    state = {"version": version, "loadpoints": [{"alwaysCharge": "off"}], "vehicles": {"v": {"mode": "pv"}}}
    assert {"loadpoints/1/alwaysCharge", "vehicles/v/mode"} <= topics(from_document(state))
    assert "loadpoints/1/solarShare" not in topics(from_document(state))


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.313.2", (0, 313, 2)), ("0.314.0-dev", (0, 314, 0)), ("0.207", (0, 207, 0)), ("0.0.0", None), ("x", None)],
)
def test_the_release_in_a_version(version: str, expected: object) -> None:
    assert release(version) == expected


def test_each_entry_of_a_list_is_offered() -> None:
    assert {topic for topic in topics(TODAY) if "repeatingPlans/" in topic} == {
        f"vehicles/my.car_2/repeatingPlans/{entry}/{field}" for entry in (1, 2) for field in ("active", "soc", "time")
    }


@pytest.mark.parametrize("state", [OLD, TODAY, NEXT], ids=["0.131.4", "0.313.2", "0.314.0-dev"])
def test_the_value_of_an_entry_is_on_its_state_topic(state: State) -> None:
    layout = Layout(Selection(), aliases=True)
    tree = {topic for source in layout.everything(state).values() for topic in (*source.own, *source.alias)}
    absent = {entry["state"] for entry in offered(state) if "state" in entry} - tree
    # what the state does not show, and plans that are not set
    unshown = (
        r"site/(telemetry|smartCostLimit|smartFeedInPriorityLimit|batteryMode|batteryGridChargeLimit)"
        r"|vehicles/.*/(plan/soc|mode)"
    )
    assert [topic for topic in absent if not re.fullmatch(unshown, topic)] == []


def of_value(entry: dict[str, Any]) -> dict[str, Any]:
    """The schema of an entry without that of a loan."""
    found: dict[str, Any] = entry["schema"].get("anyOf", [entry["schema"]])[0]
    return found


def examples(entry: dict[str, Any]) -> list[Any]:  # noqa: PLR0911 - one line a type
    """Values that the schema of an entry takes."""
    schema = of_value(entry)
    match schema:
        case {"enum": values} | {"examples": values}:
            return list(values)
        case {"type": "object"} | {"type": ["object", "null"]}:
            return []
        case {"type": "array"}:
            return [[]]
        case {"type": "boolean"}:
            return [True, False]
        case {"type": "string"} | {"type": ["string", "null"]}:
            return list(entry["options"])
        case {"type": _}:
            return [schema.get("minimum", 0), schema.get("maximum", 1)]
    return [None, 5, "x"]


@pytest.mark.parametrize("state", [OLD, TODAY, NEXT], ids=["0.131.4", "0.313.2", "0.314.0-dev"])
def test_what_the_schema_takes_is_read(state: State) -> None:
    for entry in offered(state):
        found = find(entry["topic"], state)
        assert state.find(found.target) is not None
        context = Context(NOW, UTC, state, found.target, entry=found.entry)
        nullable = "null" in of_value(entry).get("type", ())
        assert nullable is bool(found.setting.clear) is ("clear" in entry)
        for value in [*examples(entry), *[None] * nullable]:
            read(found.setting, orjson.dumps(value), context)


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: f"{row.scope}-{row.leaf}")
def test_the_schema_describes_the_example(row: Any) -> None:
    if isinstance(row.kind, Json):
        [*_, entry] = [entry for entry in offered(TODAY) if entry["topic"].endswith(f"/{row.leaf}/set")]
        example = orjson.loads(entry["example"])
        schema = entry["schema"]["items"] if isinstance(example, list) else entry["schema"]
        assert (example[0] if isinstance(example, list) else example).keys() == schema["properties"].keys()


def test_the_list_has_no_values_and_changes_only_with_the_settings() -> None:
    moved = recorded("0.313.2")
    for loadpoint in moved["loadpoints"]:
        loadpoint |= {"mode": "off", "limitSoc": 33, "chargePower": 1.5, "smartCostLimit": 0.5, "planTime": None}
    moved |= {"prioritySoc": 5, "residualPower": 1, "batteryMode": "charge", "batteryModeExternal": "hold"}
    for vehicle in moved["vehicles"].values():
        vehicle |= {"minSoc": 5, "title": "x"}
    state = from_document(moved)
    assert offered(state) == offered(TODAY)
    assert not any(map(concerns, changes(TODAY, state)))


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "0.316.0"},
        {"currency": "CHF"},
        {"smartCostType": "co2"},
        {"optimizerChargingStrategies": ["a", "b"]},
        {"loadpoints": recorded("0.313.2")["loadpoints"][:2]},
        {"loadpoints": [{**one, "alwaysCharge": "off"} for one in recorded("0.313.2")["loadpoints"]]},
        {"loadpoints": [{**one, "solarShare": None} for one in recorded("0.313.2")["loadpoints"]]},
        {"vehicles": {}},
        {"vehicles": {**recorded("0.313.2")["vehicles"], "new": {}}},
        {"vehicles": {"zoe" if name == "bike" else name: v for name, v in recorded("0.313.2")["vehicles"].items()}},
        {"vehicles": {name: v | {"repeatingPlans": []} for name, v in recorded("0.313.2")["vehicles"].items()}},
        {"vehicles": {name: v | {"plans": []} for name, v in recorded("0.313.2")["vehicles"].items()}},
        {"gridExportLimit": 0},
    ],
)
def test_every_change_of_the_list_is_announced_by_a_change_of_the_state(changed: dict[str, Any]) -> None:
    state = today(**changed)
    for old, new in ((TODAY, state), (state, TODAY), (State(), state)):
        assert offered(old) == offered(new) or any(map(concerns, changes(old, new)))


def test_the_external_battery_mode_that_appears_moves_the_state_topic() -> None:
    without = {key: value for key, value in recorded("0.313.2").items() if key != "batteryModeExternal"}
    states = [{e["topic"]: e.get("state") for e in offered(s)} for s in (from_document(without), TODAY)]
    assert [state["site/batteryMode/set"] for state in states] == ["site/batteryMode", "site/batteryModeExternal"]
    assert any(map(concerns, changes(from_document(without), TODAY)))


def test_a_number_that_changes_concerns_no_setting() -> None:
    assert not concerns(Change(Target(Scope.LOADPOINT, "1"), "chargePower", 1, 2))
    assert not concerns(Change(Target(Scope.LOADPOINT, "1"), "chargePower", ABSENT, 2))
    assert concerns(Change(Target(Scope.LOADPOINT), "", 1, 2))


def test_what_evcc_turned_out_not_to_have_is_not_offered() -> None:
    assert "site/telemetry/set" not in {entry["topic"] for entry in offered(OLD, {(Scope.SITE, "telemetry")})}


def test_what_may_not_be_set_is_not_offered() -> None:
    denied = Permission.of(Commands(allow=(), deny=("site/*", "*/mode")))
    found = {entry["topic"] for entry in offered(TODAY, permission=denied)}
    assert found == {topic for topic in ENTRIES if not topic.startswith("site/") and not topic.endswith("/mode/set")}
    assert offered(TODAY, permission=Permission(enabled=False)) == []


@pytest.mark.parametrize(
    ("topic", "entry"),
    [
        (
            "loadpoints/1/limitSoc",
            {
                "kind": "number",
                "takes": "0 to 100 %, whole",
                "min": 0,
                "max": 100,
                "step": 1,
                "unit": "%",
                "schema": {"type": "integer", "minimum": 0, "maximum": 100},
            },
        ),
        (
            "loadpoints/1/priority",
            {
                "kind": "number",
                "takes": "0 or more, whole",
                "min": 0,
                "step": 1,
                "offer": (0, 10),
                "schema": {"type": "integer", "minimum": 0},
            },
        ),
        (
            "loadpoints/1/smartCostLimit",
            {
                "kind": "number",
                "takes": "number in EUR/kWh",
                "step": 0.001,
                "unit": "EUR/kWh",
                "offer": (-1, 2),
                "clear": "-",
                "schema": {"type": ["number", "null"]},
            },
        ),
        (
            "loadpoints/1/enableDelay",
            {
                "kind": "duration",
                "takes": "seconds, or like 1m30s",
                "min": 0,
                "max": 31_536_000,
                "step": 1,
                "unit": "s",
                "offer": (0, 600),
                "schema": {"type": "integer", "minimum": 0, "maximum": 31_536_000},
            },
        ),
        (
            "loadpoints/3/phasesConfigured",
            {"kind": "choice", "takes": "0, 1, 3", "options": [1, 3], "schema": {"enum": [0, 1, 3]}},
        ),
        ("loadpoints/1/batteryBoost", {"kind": "switch", "takes": "on or off", "schema": {"type": "boolean"}}),
        (
            "loadpoints/1/mode",
            {
                "kind": "word",
                "takes": "a word: off, pv, minpv, now, …",
                "options": ["off", "pv", "minpv", "now"],
                "schema": {"type": "string", "examples": ["off", "pv", "minpv", "now"]},
            },
        ),
        (
            "loadpoints/1/vehicle",
            {
                "kind": "vehicle",
                "takes": "name or title of a vehicle",
                "options": ["bike", "my.car_2", "zoe:old"],
                "clear": "-",
                "state": "loadpoints/1/vehicleName",
                "schema": {"type": ["string", "null"]},
            },
        ),
        ("loadpoints/1/vehicleDetection", {"kind": "button", "takes": "anything", "state": None, "schema": {}}),
        (
            "vehicles/my.car_2/repeatingPlans/2/time",
            {
                "kind": "clock",
                "takes": "a time like 07:00",
                "schema": {"type": "string", "examples": ["07:00"]},
            },
        ),
        (
            "vehicles/my.car_2/planSoc",
            {
                "kind": "plan",
                "takes": 'JSON like {"soc":20,"time":"07:00"}',
                "clear": "-",
                "state": "vehicles/my.car_2/plan/soc",
                "schema": {
                    "type": ["object", "null"],
                    "properties": {
                        "soc": {"type": "integer", "minimum": 0, "maximum": 100},
                        "time": {"type": ["string", "integer"], "examples": ["07:00"]},
                        "precondition": {"type": "integer", "minimum": 0},
                    },
                    "minProperties": 1,
                },
            },
        ),
    ],
)
def test_an_entry_has_all_that_a_control_needs(topic: str, entry: dict[str, object]) -> None:
    meaning = find(f"{topic}/set", TODAY).setting.meaning
    expected = {"topic": f"{topic}/set", "state": topic, "meaning": meaning, **entry}
    found = {**ENTRIES[f"{topic}/set"], "schema": of_value(ENTRIES[f"{topic}/set"])}
    assert found == {key: value for key, value in expected.items() if value is not None}


def test_costs_are_in_grams_where_evcc_counts_co2() -> None:
    units = {entry["topic"]: entry.get("unit") for entry in offered(today(smartCostType="co2", currency="CHF"))}
    assert units["loadpoints/1/smartCostLimit/set"] == "g/kWh"
    assert units["loadpoints/1/smartFeedInPriorityLimit/set"] == "CHF/kWh"


@pytest.mark.parametrize(
    ("values", "value", "expected"),
    [
        ({}, "pv", ["off", "pv"]),
        ({}, "smart", ["off", "pv", "smart"]),
        ({}, "unknown", ["off", "pv"]),
        ({}, None, ["off", "pv"]),
        ({"modes": ["off", "smart", 5]}, "pv", ["off", "smart", "pv"]),
        ({"modes": None}, "pv", ["off", "pv"]),
        ({"always": False}, "pv", ["off", "now", "pv"]),
        ({"always": False, "modes": ["x"]}, None, ["x"]),
    ],
)
def test_the_words_are_evccs_where_it_lists_them(values: dict[str, object], value: object, expected: list[str]) -> None:
    kind = Word(listed="modes", usual=("off", "pv"), newer=("always", ("off", "now")))
    assert words(kind, value, Part(Target(Scope.SITE), values)) == expected


def test_a_newer_loadpoint_has_its_own_modes_in_every_word_on_it() -> None:
    first = {"mode": "smart", "alwaysCharge": False}
    entries = {entry["topic"]: entry for entry in offered(today(loadpoints=[first, {"mode": "pv"}]))}
    assert entries["loadpoints/1/mode/set"]["options"] == ["off", "smart", "now"]
    assert entries["loadpoints/1/mode/set"]["takes"] == "a word: off, smart, now, …"
    assert entries["loadpoints/2/mode/set"]["options"] == ["off", "pv", "minpv", "now"]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"loadpoints": None, "vehicles": 5},
        {"loadpoints": [None], "vehicles": {"a": None, "..": {}}},
        {"loadpoints": [{"mode": 5}], "vehicles": {"a": {"repeatingPlans": 5, "plan": []}}, "version": 5},
    ],
)
def test_a_broken_state_breaks_no_list(state: dict[str, object]) -> None:
    assert isinstance(offered(from_document({"version": "0.313.2", "homePower": 1, "siteTitle": "x", **state})), list)


def test_a_line_for_a_terminal() -> None:
    assert line(ENTRIES["loadpoints/1/smartCostLimit/set"]) == (
        "loadpoints/1/smartCostLimit/set: number in EUR/kWh, - to clear"
    )
    assert line(ENTRIES["loadpoints/1/vehicleDetection/set"]) == "loadpoints/1/vehicleDetection/set: anything"


def test_the_table_has_every_row() -> None:
    head, rule, *rows = table().splitlines()
    assert (head.count("|"), rule.count("|")) == (4, 4)
    assert len(rows) == len(SETTINGS)
    assert "| `loadpoints/<n>/limitSoc/set` | 0 to 100 %, whole | " in table()
    assert all(re.fullmatch(r"\| `[^|]+` \| [^|]+ \| [^|]+\. \|", row) for row in rows)
