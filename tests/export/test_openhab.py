"""openHAB's files: read by its grammar, consistent in themselves, and every payload of its binding taken."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from bridge.entities.entities import entities
from bridge.settable.lookup import find
from bridge.settable.read import read
from bridge.settable.value import Context
from bridge.state.state import State
from tests.entities.houses import HOUSES, house, state_of, tree
from tests.export import golden, openhab_grammar
from tests.export.exported import exported
from tests.export.openhab_grammar import Channel, Item, Thing, Widget
from tests.state.documents import DOCUMENTS

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


class Export:
    """The three files of a house, read."""

    def __init__(self, state: State, **options: str) -> None:
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


def sent(channel: Channel) -> list[str]:
    """What openHAB's binding publishes for commands on a channel: bare numbers, dates without or with a zone."""
    properties = channel.properties
    match channel.type:
        case "switch":
            return [properties["on"], properties["off"]]
        case "string":
            # `unknown` is what evcc may say, and nothing to choose
            return [word for word in properties["allowedStates"].split(",") if word != "unknown"]
        case "datetime":
            pattern = properties["formatBeforePublish"]
            return [pattern.replace("%1$tFT%1$tT%1$tz", "2026-11-27T07:00:00+0100")]
        case _:
            low, high = properties.get("min", 0), min(properties.get("max", 10), 10)
            third = f"{high / 2 + 0.5:.2f}" if properties["step"] < 1 else f"{high:.2f}"
            pattern = properties.get("formatBeforePublish", "%s")
            return [pattern.replace("%s", number) for number in (f"{low:g}", f"{high:g}", third)]


@pytest.mark.parametrize("name", HOUSES)
def test_whatever_the_binding_sends_is_taken(name: str) -> None:
    state = house(name)
    context = Context(NOW, UTC, state)
    commands = [channel for _, channel in Export(state).channels() if "commandTopic" in channel.properties]
    assert len(commands) > 50
    for channel in commands:
        setting = find(channel.properties["commandTopic"].removeprefix("evcc/"), state).setting
        for payload in sent(channel):
            read(setting, payload.encode(), context)


@pytest.mark.parametrize("name", HOUSES)
def test_state_topics_exist_and_payloads_fit(name: str) -> None:
    """What a channel would warn about must never come: words that it does not know, numbers out of range."""
    state = house(name)
    topics = tree(state)
    for _, channel in Export(state).channels():
        topic = channel.properties.get("stateTopic", "").removeprefix("evcc/")
        payload = topics.get(topic, b"").decode()
        if not payload:
            continue
        match channel.type:
            case "number":
                assert channel.properties.get("min", -math.inf) <= float(payload)
                assert channel.properties.get("max", math.inf) >= float(payload)
            case "switch":
                assert payload in {channel.properties["on"], channel.properties["off"]}
            case "datetime":
                assert len(payload) == 10
                assert int(payload)
            case "string" if "allowedStates" in channel.properties:
                assert payload in channel.properties["allowedStates"].split(",")


@pytest.mark.parametrize("name", HOUSES)
def test_every_entity_is_a_channel_and_every_link_leads_to_one(name: str) -> None:
    found = Export(house(name))
    assert len(found.channels()) == len(entities(house(name)))
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
