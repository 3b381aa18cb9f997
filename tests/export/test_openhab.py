"""openHAB's files: read by its grammar, consistent in themselves, and every payload of its binding taken."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from bridge.entities.entities import entities
from bridge.export.options import Options
from bridge.settable.lookup import find
from bridge.settable.read import read
from bridge.settable.value import Context
from bridge.state.state import State
from tests.entities.houses import HOUSES, house, state_of, tree
from tests.export import golden, openhab_binding, openhab_grammar
from tests.export.exported import exported
from tests.export.openhab_grammar import Channel, Item, Thing, Widget
from tests.state.documents import DOCUMENTS

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


class Export:
    """The three files of a house, read."""

    def __init__(self, state: State, **options: Any) -> None:
        self.files = exported("openhab", state, **options)
        self.broker, self.things = openhab_grammar.things(self._text(".things"))
        self.items = openhab_grammar.items(self._text(".items"))
        self.name, self.label, self.widgets = openhab_grammar.sitemap(self._text(".sitemap"))

    def channels(self) -> list[tuple[Thing, Channel]]:
        return [(thing, channel) for thing in self.things.values() for channel in thing.channels.values()]

    def item_of(self, thing: str, channel: str) -> Item | None:
        link = f"mqtt:topic:{self.name}:{thing}:{channel}"
        return next((item for item in self.items.values() if item.metadata.get("channel", ("",))[0] == link), None)

    def _text(self, suffix: str) -> str:
        return next(text for name, text in self.files.items() if name.endswith(suffix))


def options(item: Item | None) -> list[str]:
    """The commands that an item offers."""
    described = item.metadata.get("stateDescription", ("", {}))[1].get("options", "") if item else ""
    return [option.partition("=")[0] for option in described.split(",") if option]


@pytest.mark.parametrize("name", HOUSES)
def test_whatever_the_binding_sends_is_taken(name: str) -> None:
    state = house(name)
    context = Context(NOW, UTC, state)
    found = Export(state)
    settable = [(thing, channel) for thing, channel in found.channels() if "commandTopic" in channel.properties]
    assert len(settable) > 50
    for thing, channel in settable:
        setting = find(channel.properties["commandTopic"].removeprefix("evcc/"), state).setting
        for command in openhab_binding.commands(channel, options(found.item_of(thing.id, channel.id))):
            read(setting, openhab_binding.published(channel, command).encode(), context)


@pytest.mark.parametrize("name", HOUSES)
def test_state_topics_exist_and_payloads_are_shown(name: str) -> None:
    topics = tree(house(name))
    for _, channel in Export(house(name)).channels():
        topic = channel.properties.get("stateTopic", "").removeprefix("evcc/")
        payload = topics.get(topic, b"").decode()
        assert not payload or openhab_binding.accepts(channel, payload), topic


def test_values_of_a_later_evcc_and_beyond_usual_limits_are_shown() -> None:
    channels = Export(house("0.313.2")).things["loadpoint_1"].channels
    assert openhab_binding.accepts(channels["mode"], "turbo")
    assert openhab_binding.accepts(channels["priority"], "12")
    assert openhab_binding.accepts(channels["limitSoc"], "101")
    assert openhab_binding.accepts(channels["phasesConfigured"], "2")
    assert openhab_binding.accepts(channels["maxCurrent"], "80")


@pytest.mark.parametrize("name", HOUSES)
def test_every_item_shows_its_state_or_what_was_sent(name: str) -> None:
    found = Export(house(name))
    for thing, channel in found.channels():
        item = found.item_of(thing.id, channel.id)
        assert item is None or openhab_binding.shows_commands(channel, item), item.name


def test_durations_are_converted_to_minutes_and_labelled_with_their_unit() -> None:
    found = Export(house("0.313.2"))
    remaining, delay = (found.item_of("loadpoint_1", key) for key in ("chargeRemainingDuration", "enableDelay"))
    assert remaining
    assert delay
    assert (remaining.metadata["unit"][0], delay.metadata["unit"][0]) == ("min", "s")
    assert remaining.label.endswith("[%.0f %unit%]")


@pytest.mark.parametrize("name", HOUSES)
def test_every_entity_is_a_channel_and_every_link_leads_to_one(name: str) -> None:
    found = Export(house(name))
    assert len(found.channels()) == len(entities(house(name))) - 1  # but for the journal
    channels = {f"mqtt:topic:evcc:{thing.id}:{channel.id}": channel for thing, channel in found.channels()}
    kinds = {"number": "Number", "switch": "Switch", "string": "String", "datetime": "DateTime"}
    for item in found.items.values():
        if item.type != "Group":
            assert kinds[channels[item.metadata["channel"][0]].type] == item.type.partition(":")[0]
            assert (":" in item.type) == ("unit" in item.metadata)


@pytest.mark.parametrize("name", HOUSES)
def test_the_sitemap_shows_items_that_there_are(name: str) -> None:
    found = Export(house(name))

    def shown(widgets: list[Widget]) -> list[str]:
        return [one.properties.get("item", "") for one in widgets] + [
            item for one in widgets for item in shown(one.children)
        ]

    names = [item for item in shown(found.widgets) if item]
    assert set(names) <= found.items.keys()
    assert len(names) == len(set(names))
    assert (found.name, found.label) == ("evcc", house(name).site.get("siteTitle"))


def test_parts_of_the_house_have_groups_of_their_own() -> None:
    items = Export(house("0.313.2")).items
    assert items["Evcc_Site__Battery"].groups == ["Evcc_Site"]
    assert items["Evcc_Site_Battery_Soc"].groups == items["Evcc_Site_BufferSoc"].groups == ["Evcc_Site__Battery"]
    assert items["Evcc_Site_Pv_1_Power"].groups == ["Evcc_Site__Solar"]
    assert items["Evcc_Site_Grid_Power"].groups == ["Evcc_Site__Grid"]
    assert items["Evcc_Site_HomePower"].groups == ["Evcc_Site"]
    assert items["Evcc_Loadpoint_1_Mode"].groups == ["Evcc_Loadpoint_1"]


def test_devices_are_put_where_they_are_wanted() -> None:
    options = Options(parent="Energy", location="Garage")
    text = exported("openhab", house("0.313.2"), options=options)["items/evcc.items"]
    groups = [line for line in text.splitlines() if line.startswith("Group ") and "__" not in line]
    assert len(groups) == 7
    assert all(" (Energy, Garage) [" in line for line in groups)


def test_the_semantic_model_is_openhab_5s_where_it_is_wanted() -> None:
    old = Export(house("0.313.2")).items
    new = Export(house("0.313.2"), options=Options(semantics=5)).items
    assert [old[name].tags for name in ("Evcc_Loadpoint_1", "Evcc_Loadpoint_3")] == [["Equipment"]] * 2
    assert [new[name].tags for name in ("Evcc_Loadpoint_1", "Evcc_Loadpoint_3")] == [["EVSE"], ["HeatPump"]]
    assert old["Evcc_Site_Battery_Soc"].tags == ["Measurement", "Level"]
    assert new["Evcc_Site_Battery_Soc"].tags == ["Measurement", "StateOfCharge"]
    assert new["Evcc_Site_TariffGrid"].tags == ["Measurement", "Price"]
    assert new["Evcc_Loadpoint_1_Mode"].tags == ["Control", "Mode"]
    assert new["Evcc_Site__Grid"].tags == ["ElectricMeter"]


def test_prices_and_powers_are_entered() -> None:
    found = {widget.properties.get("item"): widget for frame in Export(house("0.313.2")).widgets
             for one in frame.children for widget in (one, *one.children)}  # fmt: skip
    for key in ("SmartCostLimit", "EnableThreshold"):
        widget = found[f"Evcc_Loadpoint_1_{key}"]
        assert (widget.kind, widget.properties["inputHint"]) == ("Input", "number")
    assert found["Evcc_Loadpoint_1_LimitSoc"].kind == "Slider"


def test_every_thing_says_when_it_is_offline() -> None:
    for thing in Export(house("0.313.2")).things.values():
        available = {"availabilityTopic": "evcc/status", "payloadAvailable": "online", "payloadNotAvailable": "offline"}
        assert thing.properties == available


def test_percent_and_parts_of_one_carry_their_unit() -> None:
    found = Export(house("0.313.2"))
    share = found.item_of("site", "greenShareHome")
    soc = found.item_of("site", "battery_soc")
    assert share
    assert soc
    assert (share.type, share.metadata["unit"][0]) == ("Number:Dimensionless", "%")
    assert soc.metadata["unit"][0] == "%"
    assert found.things["site"].channels["greenShareHome"].properties["unit"] == "one"
    assert found.things["site"].channels["battery_soc"].properties["unit"] == "%"


@pytest.mark.parametrize(
    ("url", "properties"),
    [
        ("mqtt://10.0.0.1", {"host": "10.0.0.1", "port": 1883, "secure": False}),
        ("mqtts://broker.local", {"host": "broker.local", "port": 8883, "secure": True}),
        (
            "wss://broker.local:8884/mqtt",
            {"host": "broker.local", "port": 8884, "secure": True, "protocol": "WEBSOCKETS"},
        ),
        ("unix:///run/mosquitto.sock", {"host": "localhost", "port": 1883, "secure": False}),
    ],
)
def test_the_broker(url: str, properties: dict[str, Any]) -> None:
    assert Export(house("0.313.2-demo"), url=url).broker == properties


def test_roots_with_levels_make_valid_names() -> None:
    found = Export(house("0.313.2"), root="home/evcc")
    assert found.things["loadpoint_1"].channels["mode"].properties["stateTopic"] == "home/evcc/loadpoints/1/mode"


@given(DOCUMENTS)
@settings(max_examples=40)
def test_any_document_gives_files_that_openhab_reads(changed: dict[str, Any]) -> None:
    Export(state_of(changed))


@pytest.mark.parametrize("name", golden.HOUSES)
def test_files_are_as_they_were_looked_at(name: str) -> None:
    """After a change that is meant: `python -m tests.export.golden`, and look at the difference."""
    for path, text in golden.files(name).items():
        assert text == (golden.DIRECTORY / name / path).read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    "text",
    [
        'Number 1st "x"',
        'Number a "x" { channel="y", channel="z" }',
        'Number a "x\\q"',
        'Number a "x" (nobody)',
        "Dimmer a",
    ],
)
def test_the_parser_is_strict(text: str) -> None:
    with pytest.raises(openhab_grammar.ParseError):
        openhab_grammar.items(text)
