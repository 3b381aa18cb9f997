import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.settable.lookup import ROWS, Found, find, is_evccs, spellings, topic_of
from bridge.settable.table import SETTINGS
from bridge.state.by_title import slug
from bridge.state.document import from_document
from bridge.state.state import Scope, State, Target
from tests.settable.house import TODAY

ODD = from_document({"loadpoints": [{}], "vehicles": {"a#b": {}, "c/d": {}, "..": {}}})


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("site/prioritySoc/set", "site/prioritySoc"),
        ("site/prioritysoc/set", "site/prioritySoc"),
        ("site/PRIORITYSOC/set", "site/prioritySoc"),
        ("site/settings/telemetry/set", "site/telemetry"),
        ("site/batteryModeExternal/set", "site/batteryMode"),
        ("loadpoints/1/limitSoc/set", "loadpoints/1/limitSoc"),
        ("loadpoints/3/limitsoc/set", "loadpoints/3/limitSoc"),
        ("loadpoints/1/phases/set", "loadpoints/1/phasesConfigured"),
        ("loadpoints/1/minTemp/set", "loadpoints/1/minSoc"),
        ("loadpoints/1/enable/threshold/set", "loadpoints/1/enableThreshold"),
        ("loadpoints/1/disable/delay/set", "loadpoints/1/disableDelay"),
        ("loadpoints/1/vehicleName/set", "loadpoints/1/vehicle"),
        ("loadpoints/1/vehicleDetection/set", "loadpoints/1/vehicleDetection"),
        ("loadpoints/1/plan/energy/set", "loadpoints/1/planEnergy"),
        ("vehicles/zoe:old/minSoc/set", "vehicles/zoe:old/minSoc"),
        ("vehicles/my.car_2/plan/set", "vehicles/my.car_2/planSoc"),
        ("vehicles/my.car_2/plan/repeating/set", "vehicles/my.car_2/repeatingPlans"),
        ("vehicles/my.car_2/repeatingPlans/1/active/set", "vehicles/my.car_2/repeatingPlans/1/active"),
        ("vehicles/my.car_2/repeatingplans/12/SOC/set", "vehicles/my.car_2/repeatingPlans/12/soc"),
        ("vehicles/my.car_2/plan/repeating/2/time/set", "vehicles/my.car_2/repeatingPlans/2/time"),
        ("loadpoints/1/alwayscharge/set", "loadpoints/1/alwaysCharge"),
        ("vehicles/bike/alwaysCharge/set", "vehicles/bike/alwaysCharge"),
        ("loadpoints/1/solarShare/set", "loadpoints/1/solarShare"),
    ],
)
def test_every_name_of_a_setting_finds_it(topic: str, found: str) -> None:
    assert find(topic, TODAY).topic == found


def test_every_row_is_found_by_its_own_topic() -> None:
    targets = {Scope.SITE: "", Scope.LOADPOINT: "2", Scope.VEHICLE: "bike"}
    for row in SETTINGS:
        target = Target(row.scope, targets[row.scope])
        entry = 3 if "<i>" in row.leaf else 0
        assert find(f"{topic_of(row, target, entry)}/set", TODAY) == (row, target, entry)


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("loadpoints/0/mode/set", "there is no loadpoint 0: evcc has 3, counted from 1"),
        ("loadpoints/4/mode/set", "there is no loadpoint 4: evcc has 3, counted from 1"),
        ("loadpoints/01/mode/set", "there is no loadpoint 01: evcc has 3, counted from 1"),
        ("loadpoints/999999/mode/set", "there is no loadpoint 999999"),
        ("loadpoints/-1/mode/set", "there is no loadpoint -1"),
        ("loadpoints/١/mode/set", "there is no loadpoint ١"),
        ("loadpoints//mode/set", "there is no loadpoint : evcc"),
        ("loadpoints/../mode/set", "there is no loadpoint .."),
        ("loadpoints/1/2/set", "loadpoints/1/2 is no setting"),
        ("loadpoints/1/set", "loadpoints/1 is no setting"),
        ("loadpoints/set", "loadpoints is no setting"),
        ("loadpoints/1//set", "loadpoints/1/ is no setting"),
        ("loadpoints/1/mode//set", "loadpoints/1/mode/ is no setting"),
        ("loadpoints/1/mode/set/set", "loadpoints/1/mode/set is no setting; nearest: loadpoints/1/mode/set"),
        ("loadpoints/1/limtSoc/set", "loadpoints/1/limtSoc is no setting; nearest: loadpoints/1/limitSoc/set,"),
        ("loadpoints/1/chargePower/set", "loadpoints/1/chargePower is no setting; nearest: "),
        ("vehicles/nobody/minSoc/set", "there is no vehicle nobody: bike: VanMoof, "),
        ("vehicles//minSoc/set", "there is no vehicle : bike"),
        ("vehicles/../minSoc/set", "there is no vehicle ..: bike"),
        ("vehicles/%2e%2e/minSoc/set", "there is no vehicle %2e%2e: bike"),
        ("vehicles/zoe:old/limitEnergy/set", "vehicles/zoe:old/limitEnergy is no setting; nearest: "),
        ("site/mode/set", "site/mode is no setting; nearest: site/batteryMode/set"),
        ("Site/mode/set", "Site/mode is no setting; nearest: "),
        ("batteryMode/set", "batteryMode is no setting; nearest: site/batteryMode/set"),
        ("loadpoint/1/mode/set", "loadpoint/1/mode is no setting; nearest: "),
        ("by-title/shed/mode/set", "there is no loadpoint or vehicle with the title shed"),
        ("by-title/garage/set", "by-title/garage is no setting"),
        ("vehicles/bike/repeatingPlans/<i>/active/set", "vehicles/bike/repeatingPlans/<i>/active is no setting"),
        ("vehicles/bike/repeatingPlans/0/active/set", "vehicles/bike/repeatingPlans/0/active is no setting"),
        ("vehicles/bike/repeatingPlans/1/2/set", "vehicles/bike/repeatingPlans/1/2 is no setting"),
        ("vehicles/bike/repeatingPlans/1/set", "vehicles/bike/repeatingPlans/1 is no setting"),
        ("vehicles/bike/repeatingPlans/1/tz/set", "vehicles/bike/repeatingPlans/1/tz is no setting"),
        ("/set", " is no setting"),
    ],
)
def test_what_is_no_setting_is_refused_with_what_is_nearest(topic: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        find(topic, TODAY)
    assert str(refused.value).startswith(reason)


def test_a_vehicle_name_is_escaped_in_its_topic() -> None:
    assert find("vehicles/a%23b/minSoc/set", ODD).target == Target(Scope.VEHICLE, "a#b")
    assert find("vehicles/c%2Fd/minSoc/set", ODD).topic == "vehicles/c%2Fd/minSoc"
    with pytest.raises(Refused):
        find("vehicles/../minSoc/set", ODD)


def test_any_target_is_taken_while_evcc_has_not_answered() -> None:
    assert find("loadpoints/7/mode/set", State()).target == Target(Scope.LOADPOINT, "7")
    assert find("vehicles/db:5/minSoc/set", State()).target == Target(Scope.VEHICLE, "db:5")
    for topic in (
        "loadpoints/0/mode/set",
        "loadpoints/123456/mode/set",
        "vehicles/../minSoc/set",
        "vehicles//minSoc/set",
    ):
        with pytest.raises(Refused):
            find(topic, State())


def test_titles_lead_to_their_loadpoints_and_vehicles() -> None:
    loadpoint, vehicle = TODAY.loadpoints[1], TODAY.vehicles["zoe:old"]
    assert find(f"by-title/{slug(loadpoint.title)}/limitsoc/set", TODAY).topic == "loadpoints/2/limitSoc"
    assert find(f"by-title/{slug(vehicle.title)}/plan/soc/set", TODAY).topic == "vehicles/zoe:old/planSoc"


@given(
    st.lists(
        st.sampled_from(["site", "loadpoints", "vehicles", "1", "01", "", "bike", "..", "mode", "plan", "soc"])
        | st.text(),
        max_size=6,
    )
)
def test_any_topic_is_a_setting_or_refused_in_one_short_line(levels: list[str]) -> None:
    found = found_or_reason("/".join([*levels, "set"]))
    if isinstance(found, str):
        assert found.isprintable()
        assert len(found) < 300
    else:
        assert found.setting.scope is found.target.scope


def found_or_reason(topic: str) -> Found | str:
    try:
        return find(topic, TODAY)
    except Refused as error:
        return str(error)


@pytest.mark.parametrize(
    ("topic", "evccs"),
    [
        ("site/prioritySoc", True),
        ("site/misspelt", True),
        ("site/grid/power", True),
        ("loadpoints/1/mode", True),
        ("loadpoints/1/Enable/Threshold", True),
        ("loadpoints/9/plan/energy", True),
        ("loadpoints/1/plan/1/value", True),
        ("vehicles/bike/plan/soc", True),
        ("by-title/garage/disable/delay", True),
        ("bridge/info", True),
        ("loadpoints", True),
        ("loadpoints/1/charger/current", False),
        ("vehicles/bike/tracker/interval", False),
        ("site/heating/pump", False),
        ("by-title/garage/lamp/1", False),
        ("charger/mode", False),
        ("greenhouse", False),
        ("", False),
    ],
)
def test_what_is_evccs_and_what_is_somebodys(topic: str, *, evccs: bool) -> None:
    assert is_evccs(f"{topic}/set") is evccs


def test_every_name_of_a_setting_is_evccs() -> None:
    assert all(is_evccs(f"{scope}/x/{name}/set") for scope in ("loadpoints", "vehicles") for name in ROWS[Scope(scope)])
    assert all(is_evccs(f"site/{name}/set") for name in ROWS[Scope.SITE])


@pytest.mark.parametrize(
    ("topic", "names"),
    [
        ("loadpoints/1/phasesConfigured", {"phases", "phasesconfigured"}),
        ("vehicles/bike/repeatingPlans", {"repeatingplans", "plan/repeating"}),
        (
            "vehicles/bike/repeatingPlans/2/soc",
            {"repeatingplans", "plan/repeating", "repeatingplans/2/soc", "plan/repeating/2/soc"},
        ),
    ],
)
def test_the_spellings_of_a_setting(topic: str, names: set[str]) -> None:
    target = "/".join(topic.split("/")[:2])
    assert set(spellings(find(f"{topic}/set", TODAY))) == {f"{target}/{name}" for name in names}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("loadpoints/1/limtSoc", "loadpoints/1/limitSoc"),
        ("loadpoints/1/charge_mode", "loadpoints/1/mode"),
        ("loadpoints/1/phase", "loadpoints/1/phasesConfigured"),
        ("loadpoints/1/maxcurent", "loadpoints/1/maxCurrent"),
        ("loadpoints/1/enable_delay", "loadpoints/1/enableDelay"),
        ("vehicles/bike/targetSoc", "vehicles/bike/limitSoc"),
        ("vehicles/bike/repeatingPlan", "vehicles/bike/repeatingPlans"),
        ("site/priority", "site/prioritySoc"),
        ("site/battery_mode", "site/batteryMode"),
        ("prioritySoc", "site/prioritySoc"),
    ],
)
def test_the_setting_that_is_meant_is_among_the_nearest(written: str, meant: str) -> None:
    with pytest.raises(Refused) as refused:
        find(f"{written}/set", TODAY)
    assert f"{meant}/set" in str(refused.value)


def test_a_topic_as_long_as_mqtt_allows_is_compared_quickly() -> None:
    with pytest.raises(Refused):
        find(f"site/{'x' * 65_000}/set", TODAY)
