import re

import pytest

from bridge.commands.find import find
from bridge.commands.listing import line, listing, table, words
from bridge.commands.permission import Permission
from bridge.settable.kinds import Word
from bridge.settable.setting import Scope
from bridge.settable.table import SETTINGS
from bridge.settings import Commands
from tests.commands.house import OLD, TODAY

ENTRIES = {entry["topic"]: entry for entry in listing(TODAY)}


def test_every_setting_of_today_is_listed_for_every_target() -> None:
    site, loadpoint, vehicle = (sum(row.scope is scope for row in SETTINGS) for scope in Scope)
    assert len(ENTRIES) == (site - 1) + 3 * loadpoint + 3 * vehicle  # gridExportLimit is newer
    assert all(find(topic, TODAY) for topic in ENTRIES)


def test_what_the_old_era_has_not_is_not_listed() -> None:
    topics = {entry["topic"] for entry in listing(OLD)}
    assert len([topic for topic in topics if topic.startswith("loadpoints/2/")]) == 16
    for absent in (
        "site/batteryMode",
        "site/solarAdjusted",
        "loadpoints/1/minSoc",
        "loadpoints/1/planStrategy",
        "vehicles/bike/mode",
    ):
        assert f"{absent}/set" not in topics
    for present in ("site/smartCostLimit", "loadpoints/1/batteryBoost", "vehicles/bike/planSoc", "site/telemetry"):
        assert f"{present}/set" in topics


def test_what_evcc_turned_out_not_to_have_is_not_listed() -> None:
    topics = {entry["topic"] for entry in listing(OLD, {(Scope.SITE, "telemetry")})}
    assert "site/telemetry/set" not in topics


def test_what_may_not_be_set_is_not_listed() -> None:
    denied = Permission.of(Commands(allow=(), deny=("site/*", "*/mode")))
    topics = {entry["topic"] for entry in listing(TODAY, permission=denied)}
    assert topics == {topic for topic in ENTRIES if not topic.startswith("site/") and not topic.endswith("/mode/set")}
    assert listing(TODAY, permission=Permission(enabled=False)) == []


@pytest.mark.parametrize(
    ("topic", "entry"),
    [
        (
            "loadpoints/1/limitSoc",
            {"kind": "number", "takes": "0 to 100 %, whole", "min": 0, "max": 100, "step": 1, "unit": "%", "value": 85},
        ),
        ("site/residualPower", {"kind": "number", "takes": "number in W", "step": 1, "unit": "W", "value": -50}),
        (
            "loadpoints/1/smartCostLimit",
            {
                "kind": "number",
                "takes": "number in EUR/kWh",
                "step": 0.001,
                "unit": "EUR/kWh",
                "clear": "-",
                "value": 0.2,
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
                "value": 60,
            },
        ),
        ("loadpoints/3/phasesConfigured", {"kind": "choice", "takes": "0, 1, 3", "options": [0, 1, 3], "value": 3}),
        ("loadpoints/1/batteryBoost", {"kind": "switch", "takes": "on or off", "value": False}),
        (
            "loadpoints/1/mode",
            {
                "kind": "word",
                "takes": "a word: off, pv, minpv, now, …",
                "options": ["off", "pv", "minpv", "now"],
                "value": "pv",
            },
        ),
        (
            "loadpoints/1/vehicle",
            {
                "kind": "vehicle",
                "takes": "name or title of a vehicle",
                "options": ["bike", "my.car_2", "zoe:old"],
                "clear": "-",
                "value": "my.car_2",
            },
        ),
        ("loadpoints/1/vehicleDetection", {"kind": "button", "takes": "anything"}),
        (
            "vehicles/my.car_2/planSoc",
            {
                "kind": "plan",
                "takes": 'JSON like {"soc":20,"time":"07:00"}',
                "clear": "-",
                "value": {"soc": 90, "time": "2026-11-26T06:30:00Z"},
            },
        ),
    ],
)
def test_an_entry_says_all_that_a_control_needs(topic: str, entry: dict[str, object]) -> None:
    assert ENTRIES[f"{topic}/set"] == {"topic": f"{topic}/set", **entry}


def test_costs_are_in_grams_where_evcc_counts_co2() -> None:
    state = {**TODAY, "smartCostType": "co2", "currency": "CHF"}
    units = {entry["topic"]: entry.get("unit") for entry in listing(state)}
    assert units["loadpoints/1/smartCostLimit/set"] == "g/kWh"
    assert units["loadpoints/1/smartFeedInPriorityLimit/set"] == "CHF/kWh"


@pytest.mark.parametrize(
    ("part", "value", "offered"),
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
def test_the_words_are_evccs_where_it_lists_them(part: dict[str, object], value: object, offered: list[str]) -> None:
    kind = Word(listed="modes", usual=("off", "pv"), newer=("always", ("off", "now")))
    assert words(kind, value, part) == offered


def test_a_newer_loadpoint_has_its_own_modes_in_every_word_on_it() -> None:
    first = {"mode": "smart", "alwaysCharge": False}
    entries = {entry["topic"]: entry for entry in listing({**TODAY, "loadpoints": [first, {"mode": "pv"}]})}
    assert entries["loadpoints/1/mode/set"]["options"] == ["off", "smart", "now"]
    assert entries["loadpoints/1/mode/set"]["takes"] == "a word: off, smart, now, …"
    assert entries["loadpoints/2/mode/set"]["options"] == ["off", "pv", "minpv", "now"]


@pytest.mark.parametrize(
    "state", [{}, {"loadpoints": None, "vehicles": 5}, {"loadpoints": [None], "vehicles": {"a": None}}]
)
def test_a_broken_state_breaks_no_listing(state: dict[str, object]) -> None:
    assert isinstance(listing(state), list)


def test_a_line_for_a_terminal() -> None:
    assert line(ENTRIES["loadpoints/1/smartCostLimit/set"]) == (
        "loadpoints/1/smartCostLimit/set: number in EUR/kWh, - to clear  (now 0.2)"
    )
    assert line(ENTRIES["loadpoints/1/vehicleDetection/set"]) == "loadpoints/1/vehicleDetection/set: anything"


def test_the_table_has_every_row() -> None:
    head, rule, *rows = table().splitlines()
    assert (head.count("|"), rule.count("|")) == (4, 4)
    assert len(rows) == len(SETTINGS)
    assert "| `loadpoints/<n>/limitSoc/set` | 0 to 100 %, whole | " in table()
    assert all(re.fullmatch(r"\| `[^|]+` \| [^|]+ \| [^|]+\. \|", row) for row in rows)


def test_a_secret_within_a_value_is_not_listed() -> None:
    strategy = {"continuous": True, "apiToken": "pass", "more": [{"password": "pass"}]}
    entries = listing({"loadpoints": [{"planStrategy": strategy}]})
    assert [entry["value"] for entry in entries if entry["topic"].endswith("/planStrategy/set")] == [
        {"continuous": True, "more": [{}]}
    ]
