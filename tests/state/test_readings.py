"""The table of readings is held to what real evcc published."""

import re

import pytest

from bridge.settable.setting import Item, Setting
from bridge.settable.table import SETTINGS
from bridge.state.describe import describe, todays_name
from bridge.state.reading import Reading
from bridge.state.readings import ENDINGS, EXTRAS, LOADPOINT, SITE, VEHICLE
from bridge.state.state import Scope
from tests.entities.houses import HOUSES, house, tree

TABLES = {Scope.SITE: SITE, Scope.LOADPOINT: LOADPOINT, Scope.VEHICLE: VEHICLE}
# Home Assistant's own rule: https://developers.home-assistant.io/docs/core/entity/sensor
STATE_CLASSES = {
    "energy": {"total", "total_increasing", ""},
    "monetary": {"total", ""},
    "duration": {"measurement", ""},
}


@pytest.mark.parametrize("name", HOUSES)
def test_every_recorded_value_has_its_row(name: str) -> None:
    topics = tree(house(name))
    unknown = {
        topic
        for part in house(name).targets()
        for topic, payload in topics.items()
        if topic.startswith(f"{part.target.topic}/")
        for key in [todays_name(part.target.scope, topic.removeprefix(f"{part.target.topic}/"))]
        for found in [describe(part.target.scope, key, payload)]
        if found and found.reading not in TABLES[part.target.scope].values()
    }
    assert unknown == set()


@pytest.mark.parametrize(
    "setting",
    [setting for setting in SETTINGS if not isinstance(setting.kind, Item)],
    ids=lambda setting: f"{setting.scope}/{setting.leaf}",
)
def test_every_setting_has_a_row(setting: Setting) -> None:
    """But for the entries of lists, which are no entities."""
    rows = TABLES[setting.scope]
    assert setting.leaf in rows or f"{setting.leaf}/continuous" in rows


@pytest.mark.parametrize("table", [SITE, LOADPOINT, VEHICLE, EXTRAS], ids=["site", "loadpoint", "vehicle", "extras"])
def test_rows_are_well_formed(table: dict[str, Reading]) -> None:
    titles = [reading.title for reading in table.values()]
    assert len(titles) == len(set(titles))
    for key, reading in table.items():
        assert ("*" in key) == ("{}" in reading.title)
        assert re.fullmatch(r"[a-z0-9-]+", reading.icon)
        assert reading.title[0].isupper() or reading.title[0] in "e{"
        quantity = reading.quantity
        assert quantity.state_class in STATE_CLASSES.get(quantity.device_class, {quantity.state_class})


def test_endings_are_single_words_in_small_letters() -> None:
    assert all(re.fullmatch(r"[a-z]+", ending) for ending in ENDINGS)
