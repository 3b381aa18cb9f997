"""German names and labels: complete, with the ids of the English ones."""

import re

import pytest

from bridge.entities.entities import entities
from bridge.entities.entity import Options
from bridge.entities.german import GERMAN
from bridge.entities.german_meanings import MEANINGS
from bridge.entities.language import Language
from bridge.export.homeassistant import HomeAssistant
from bridge.settable.table import SETTINGS
from bridge.state.readings import EXTRAS, LOADPOINT, SITE, VEHICLE
from tests.entities.houses import HOUSES, house
from tests.export.exported import exported

DE = Language.of("de")


def test_every_title_has_a_german_one() -> None:
    titles = {row.title for rows in (SITE, LOADPOINT, VEHICLE, EXTRAS) for row in rows.values()}
    titles |= {setting.title for setting in SETTINGS}
    assert sorted(titles - GERMAN.keys()) == []
    assert [english for english, german in GERMAN.items() if english.count("{}") != german.count("{}")] == []


def test_every_meaning_has_a_german_one_and_none_is_left_over() -> None:
    meanings = {row.meaning for rows in (SITE, LOADPOINT, VEHICLE, EXTRAS) for row in rows.values() if row.meaning}
    assert meanings | {setting.meaning for setting in SETTINGS} == MEANINGS.keys()


@pytest.mark.parametrize("name", HOUSES)
def test_ids_topics_and_values_are_the_same_in_both_languages(name: str) -> None:
    english, german = entities(house(name)), entities(house(name), language=DE)
    for one, other in zip(english, german, strict=True):
        assert (one.device.id, one.id, one.topic) == (other.device.id, other.id, other.topic)
        if one.control and isinstance(one.control.widget, Options):
            assert other.control
            assert isinstance(other.control.widget, Options)
            assert list(one.control.widget.labels) == list(other.control.widget.labels)


@pytest.mark.parametrize("name", HOUSES)
def test_german_titles_are_unique_on_a_device(name: str) -> None:
    found = [(entity.device.id, entity.title.lower()) for entity in entities(house(name), language=DE)]
    assert len(found) == len(set(found))
    assert not [title for _, title in found if title.endswith("(2)")]


def test_titles_and_labels_are_german_and_names_are_the_users() -> None:
    found = {(entity.device.id, entity.key): entity for entity in entities(house("0.313.2"), language=DE)}
    assert found["loadpoint_1", "chargePower"].title == "Ladeleistung"
    assert found["loadpoint_3", "limitSoc"].title == "Temperaturlimit"
    assert found["site", "circuits/main/power"].title == "Stromkreis Hauptanschluss Leistung"
    assert found["site", "statistics/30d/avgPrice"].title == "Statistik 30 Tage: mittlerer Preis"
    assert found["loadpoint_1", "smartCostLimit/clear"].title == "Preislimit löschen"
    control = found["loadpoint_1", "mode"].control
    assert control
    assert isinstance(control.widget, Options)
    assert control.widget.labels == {"off": "Aus", "pv": "PV", "minpv": "Min+PV", "now": "Schnell"}
    vehicle = found["loadpoint_1", "vehicle"].control
    assert vehicle
    assert isinstance(vehicle.widget, Options)
    assert list(vehicle.widget.labels.values())[-1] == "(keins)"


def test_home_assistant_has_the_same_topics_in_german() -> None:
    english = HomeAssistant().configs(entities(house("0.313.2")))
    german = HomeAssistant(language=DE).configs(entities(house("0.313.2"), language=DE))
    assert english.keys() == german.keys()
    assert '"name":"Plan, Zeit setzen"' in german["homeassistant/text/evcc/vehicle_bike_plan_time/config"].decode()


@pytest.mark.parametrize("target", ["openhab", "nodered", "homeassistant"])
def test_exports_are_german_with_the_same_ids(target: str) -> None:
    english, german = (exported(target, house("0.313.2"), language=code) for code in ("en", "de"))
    assert english.keys() == german.keys()
    ids = re.compile(r'"id": "(.*?)"|channel="(.*?)"')
    for path, text in german.items():
        assert ids.findall(text) == ids.findall(english[path])
    assert any("Ladeleistung" in text for text in german.values())
