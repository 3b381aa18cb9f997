"""A client of a pinned release reads that release's names, words and shapes, whatever evcc runs, and what it sets
reaches evcc."""

import copy
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from bridge.errors import ConfigError, Invalid
from bridge.settable.offered import offered
from bridge.settings import kinds, load
from bridge.state.contract import Contract
from bridge.state.document import from_document
from bridge.state.releases import CONTRACTS, RULES, release
from bridge.state.state import State, changes
from tests.contract.eras import RECORDINGS, RUNNING, document, modes, of_0_316, state, topics, types, view
from tests.contract.recordings import frames
from tests.state.documents import DOCUMENTS
from tests.state.whole import Tree, whole

DOCS = Path(__file__).parents[2] / "docs/contract.md"
RECORDED = {"0.131": "0.131.4", "0.313": "0.313.2", "0.314": "0.314.0-dev"}
# what evcc has given up without anything in its place, or has only while it is set
GIVEN_UP = {"loadpoints/<n>/chargerPhysicalPhases", "loadpoints/<n>/phasesEnabled", "site/fatal"}
NOT_ALWAYS = {
    "site/batteryEnergy", "site/battery/energy", "site/batteryGridChargeLimit", "site/batteryModeExternal",
    "site/gridExportLimit", "site/tariffSolar", "site/forecast/temperature", "site/tariffTemperature",
}  # fmt: skip
# names of releases that could not be recorded, from evcc's source
NAMES = {
    "0.131": (
        "site/gridPower", "site/battery", "site/batteryPower", "site/battery/1/soc", "loadpoints/1/chargeCurrent",
    ),
    "0.205": (
        "site/grid/power", "site/battery", "site/batteryPower", "site/battery/1/soc", "loadpoints/1/offeredCurrent",
    ),
    "0.302": ("site/grid/power", "site/battery/power", "site/battery/devices/1/soc", "loadpoints/1/offeredCurrent"),
}  # fmt: skip
NAMES |= dict.fromkeys(("0.313", "0.314", "0.316"), NAMES["0.302"])
OLD_MODES, NEW_MODES = {"off", "pv", "minpv", "now"}, {"off", "smart", "now"}


def reference(pinned: str, running: str) -> str:
    """The recording of a pinned release, of the same house as another recording."""
    found = RECORDED[pinned]
    return f"{found}-demo" if running.endswith("-demo") and f"{found}-demo" in RECORDINGS else found


def test_the_option_takes_the_releases_that_can_be_pinned() -> None:
    assert get_args(get_args(kinds.Contract)[0]) == ("evcc", *CONTRACTS)


def test_the_rules_stand_in_the_order_of_their_releases() -> None:
    assert [rule.release for rule in RULES] == sorted(rule.release for rule in RULES)


@pytest.mark.parametrize("pinned", ["0.12", "latest", "", "0.313.2", "313", "nan", "0.313\n0"])
def test_a_release_that_cannot_be_pinned_is_refused_with_the_list(pinned: str) -> None:
    with pytest.raises(ConfigError, match=re.escape("topics.contract (TOPICS_CONTRACT)")) as error:
        load({"topics.contract": pinned}, {}, hints=[])
    assert f"takes {', '.join(('evcc', *CONTRACTS))}" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("running", RUNNING)
@pytest.mark.parametrize("pinned", RECORDED)
def test_topics_have_the_names_and_types_of_the_recorded_release(pinned: str, running: str) -> None:
    theirs, ours = types(state(reference(pinned, running))), types(view(running, pinned))
    assert {name: ours[name] for name in theirs.keys() & ours.keys() if theirs[name] and ours[name]} == {
        name: theirs[name] for name in theirs.keys() & ours.keys() if theirs[name] and ours[name]
    }
    if (release(running) or ()) >= (release(RECORDED[pinned]) or ()):
        assert theirs.keys() - ours.keys() <= GIVEN_UP | NOT_ALWAYS
    else:
        assert ours.keys() - theirs.keys() <= GIVEN_UP | NOT_ALWAYS


@pytest.mark.parametrize("running", RUNNING)
@pytest.mark.parametrize("pinned", CONTRACTS)
def test_every_value_has_the_name_of_the_pinned_release(pinned: str, running: str) -> None:
    found = topics(view(running, pinned))
    others = {name for names in NAMES.values() for name in names} - {*NAMES[pinned]}
    assert found.keys() >= {*NAMES[pinned]}
    assert not found.keys() & {name for name in others if name != "site/battery"}


@pytest.mark.parametrize("running", RUNNING)
@pytest.mark.parametrize("pinned", CONTRACTS)
def test_modes_are_words_of_the_pinned_release(pinned: str, running: str) -> None:
    found = dict(modes(view(running, pinned)))
    assert found
    if pinned == "0.316":
        assert found.keys() <= NEW_MODES
        assert {*found.values()} <= {"off", "on", "once"}
    else:
        assert found.keys() <= OLD_MODES
        assert {*found.values()} == {None}


@pytest.mark.parametrize("running", RUNNING)
@pytest.mark.parametrize("pinned", CONTRACTS)
def test_numbers_stay_what_they_were(pinned: str, running: str) -> None:
    """A change of names loses no value: what both releases have is equal, and so are the sums of all readings."""
    before, after = topics(state(running)), topics(view(running, pinned))
    assert {topic: after[topic] for topic in before.keys() & after.keys() if _is_plain(topic)} == {
        topic: before[topic] for topic in before.keys() & after.keys() if _is_plain(topic)
    }
    grid = {"site/gridPower", "site/grid/power"}
    assert [before[name] for name in grid & before.keys()] == [after[name] for name in grid & after.keys()]


def _is_plain(topic: str) -> bool:
    return not topic.endswith(("/mode", "/alwaysCharge", "/plan", "site/battery")) and "/forecast/" not in topic


@pytest.mark.parametrize("running", RECORDINGS)
def test_a_release_that_is_pinned_on_itself_changes_nothing(running: str) -> None:
    pinned = ".".join(running.split(".")[:2])
    assert topics(view(running, pinned)) == topics(state(running))


@pytest.mark.parametrize(("always", "mode"), [("off", "pv"), ("on", "minpv"), ("once", "minpv")])
def test_smart_is_minpv_while_it_always_charges(always: str, mode: str) -> None:
    found = topics(Contract("0.313").view(from_document(of_0_316(always=always))))
    assert {found["loadpoints/1/mode"], found["vehicles/zoe:old/mode"]} == {mode}
    assert not [topic for topic in found if topic.endswith("alwaysCharge")]


def test_series_are_objects_with_times_as_evcc_wrote_them() -> None:
    now, before = document("0.314.0-dev"), document("0.313.2")
    found = Contract("0.313").view(from_document(now)).site.get("forecast")
    assert found["grid"][0] == {**before["forecast"]["grid"][0], "value": now["forecast"]["grid"][0][2]}
    assert found["solar"]["timeseries"][0] == {"ts": "2026-11-25T00:00:00Z", "val": 0}
    assert found["solar"]["today"] == now["forecast"]["solar"]["today"]


def test_what_a_newer_evcc_has_of_a_battery_beside_its_old_names_is_kept() -> None:
    site = {**document("0.313.2"), "battery": {"power": 1, "devices": [{"soc": 5}], "forecast": {"full": "later"}}}
    found = topics(Contract("0.131").view(from_document(site)))
    assert (found["site/battery"], found["site/battery/1/soc"], found["site/batteryPower"]) == ("1", "5", "1")
    assert found["site/batteryForecast/full"] == "later"


MIXED: dict[str, Any] = {
    "version": "0.315.0",
    "gridPower": 1,
    "grid": {"power": 2, "energy": 3},
    "battery": [{"soc": 5}],
    "batteryPower": 7,
    "forecast": {"grid": [[1795564800, 1795565700, 5], {"start": "x", "end": 1, "value": 2}, [1e300, 2, 3], "odd"]},
    "loadpoints": [{"mode": "pv", "alwaysCharge": "on", "chargeCurrent": 1, "offeredCurrent": 2}, {"mode": 5}, None],
    "vehicles": {"v": {"plans": [{"soc": 1}, {"soc": 2}], "plan": {"soc": 3}}, "w": {"alwaysCharge": "off"}},
}


@pytest.mark.parametrize("pinned", CONTRACTS)
def test_a_document_that_mixes_shapes_loses_nothing(pinned: str) -> None:
    made = from_document(copy.deepcopy(MIXED))
    found = Contract(pinned).view(made)
    numbers = {payload for payload in topics(found).values() if payload.isdecimal()}
    assert numbers >= {"1", "2", "3", "5", "7"}
    assert made.document() == from_document(MIXED).document()


def test_only_versions_that_are_older_than_evcc_hide_its_newer_settings() -> None:
    now = {entry["topic"]: entry for entry in offered(view("0.316.0", "0.313"))}
    assert "loadpoints/1/alwaysCharge/set" not in now
    assert now["loadpoints/1/mode/set"]["options"] == ["off", "pv", "minpv", "now"]
    assert {entry["topic"] for entry in offered(view("0.131.4", "0.302"))} <= {
        entry["topic"] for entry in offered(state("0.131.4"))
    }


@given(DOCUMENTS, DOCUMENTS, st.sampled_from(CONTRACTS))
def test_any_document_is_translated_the_same_at_once_and_change_by_change(
    first: dict[str, Any], second: dict[str, Any], pinned: str
) -> None:
    contract = Contract(pinned)
    tree, given = Tree(), State()
    for each in (first, second):
        made = contract.view(_state(each))
        tree.bring(changes(given, made))
        given = made
    assert given.document() == Contract(pinned).view(_state(second)).document()
    if not tree.contested:
        assert tree.topics == whole(Contract(pinned).view(_state(second)))


def _state(value: dict[str, Any]) -> State:
    try:
        return from_document({"siteTitle": "", **value})
    except Invalid:
        reject()


@pytest.mark.parametrize("pinned", CONTRACTS)
@pytest.mark.parametrize("running", ["0.131.4", "0.313.2"])
def test_pushed_frames_are_translated_as_they_come(running: str, pinned: str) -> None:
    contract, known = Contract(pinned), state(running)
    tree = Tree()
    given = contract.view(known)
    tree.bring(changes(State(), given))
    for frame in frames(running)[:400]:
        known = known.merged(frame)
        made = contract.view(known)
        tree.bring(changes(given, made))
        given = made
    assert tree.topics == whole(Contract(pinned).view(known))


def test_a_pushed_alwayscharge_changes_the_mode_and_nothing_else() -> None:
    contract, known = Contract("0.313"), from_document(of_0_316(always="off"))
    given = contract.view(known)
    made = contract.view(known.merged({"loadpoints.0.alwaysCharge": "once"}))
    [change] = changes(given, made)
    assert (change.target.topic, change.key, change.old, change.new) == ("loadpoints/1", "mode", "pv", "minpv")


def test_a_pushed_number_leaves_translated_series_alone() -> None:
    contract, known = Contract("0.313"), state("0.314.0-dev")
    forecast = contract.view(known).site.get("forecast")
    again = contract.view(known.merged({"pvPower": 1}))
    assert again.site.get("forecast") is forecast
    assert again.loadpoints[0] is contract.view(known).loadpoints[0]


@pytest.mark.parametrize("pinned", CONTRACTS)
def test_the_matrix_in_the_documentation_is_what_is_translated(pinned: str) -> None:
    text = DOCS.read_text()
    assert f"| {pinned} | {' | '.join(_cell(pinned, running) for running in RUNNING)} |" in text


def _cell(pinned: str, running: str) -> str:
    """The numbers of the rules in force, as in the list above the matrix."""
    meanings = list(dict.fromkeys(rule.meaning for rule in RULES))
    found = {meanings.index(rule.meaning) + 1 for rule, _ in Contract(pinned).in_force(state(running))}
    return " ".join(map(str, sorted(found))) or "as it is"


def test_the_documentation_lists_every_rule() -> None:
    text = DOCS.read_text()
    for number, meaning in enumerate(dict.fromkeys(rule.meaning for rule in RULES), 1):
        since = next(rule.release for rule in RULES if rule.meaning == meaning)
        assert f"| {number} | {'.'.join(map(str, since))} | {meaning} |" in text
