"""What Prometheus reads, and that the dashboard asks for nothing else."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.web.metrics import LABELS
from tests.web.house import OLD, TODAY, House

DASHBOARD = Path(__file__).parents[2] / "packaging/grafana/evcc-bridge.json"
OWN = {
    "evcc_bridge_info",
    "evcc_bridge_evcc_online",
    "evcc_bridge_push_alive",
    "evcc_bridge_broker_connected",
    "evcc_bridge_problem",
    "evcc_bridge_topics",
    "evcc_bridge_uptime_seconds",
    "evcc_bridge_polls_total",
    "evcc_bridge_frames_total",
    "evcc_bridge_messages_total",
    "evcc_bridge_corrections_total",
    "evcc_bridge_reconnects_total",
    "evcc_bridge_resident_memory_bytes",
    "evcc_bridge_page_streams",
}


async def samples(house: House) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels that are not empty."""
    async with house.client() as http:
        text = (await http.get("/metrics")).text
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    known = {(one.name, frozenset(item for item in one.labels.items() if item[1])): one.value for one in found}
    assert len(known) == len(found), "a sample comes twice"
    return known


def one(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset({"site": "evcc", **labels}.items())


@pytest.mark.parametrize("release", [OLD, TODAY])
async def test_values_have_names_units_and_labels(release: str) -> None:
    house = House(release)
    found = await samples(house)
    topics = house.site.mirror.tree.topics
    assert found["evcc_pv_power_watts", one()] == float(topics["site/pvPower"])
    assert found["evcc_grid_power_watts", one()] == float(topics["site/grid/power"])
    title = topics["loadpoints/1/title"].decode()
    assert ("evcc_charge_power_watts", one(loadpoint="1", title=title)) in found
    assert ("evcc_mode_info", one(loadpoint="1", title=title, value=topics["loadpoints/1/mode"].decode())) in found
    assert found["evcc_connected", one(loadpoint="1", title=title)] == (topics["loadpoints/1/connected"] == b"true")


async def test_an_inverter_is_told_by_its_number() -> None:
    found = await samples(House())
    assert ("evcc_pv_power_watts", one(id="1")) in found


async def test_prices_shares_and_moments() -> None:
    names = {name for name, _ in await samples(House())}
    assert {"evcc_tariff_grid_money_per_kwh", "evcc_green_share_home_ratio"} <= names
    assert any(name.endswith("_timestamp_seconds") for name in names)
    assert not any(re.search(r"_(\w+)_\1$", name) for name in names)


async def test_the_bridges_own() -> None:
    assert {name for name, _ in await samples(House())} >= OWN


async def test_no_key_takes_a_name_of_the_bridge_or_breaks_the_format() -> None:
    house = House(None)
    house.site.mirror.tree.set(
        "x",
        {
            "site/bridgeTopics": b"5",
            "site/wéird {name} power": b"7",
            "site/nan": b"NaN",
            "site/long": b"9" * 400,
            "loadpoints/1/title": b'quote " back \\ line\nend',
            "loadpoints/1/chargePower": b"1",
            **{f"site/key{number}x{number}/value": b"1" for number in range(3000)},
        },
    )
    found = await samples(house)
    assert found["evcc_bridge_topics", one()] > 1000
    assert ("evcc_charge_power_watts", one(loadpoint="1", title='quote " back \\ line\nend')) in found
    assert len({name for name, _ in found}) < 2100
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name, _ in found)


class TestDashboard:
    board = json.loads(DASHBOARD.read_text())

    def queries(self) -> list[str]:
        panels = [panel for panel in self.board["panels"] if "targets" in panel]
        found = [target["expr"] for panel in panels for target in panel["targets"]]
        return [*found, *(each["query"] for each in self.board["templating"]["list"] if each["type"] == "query")]

    async def test_it_asks_for_what_there_is(self) -> None:
        house = House()
        found = await samples(house)
        names = {name for name, _ in found} | {"evcc_bridge_commands_total"}
        labels: dict[str, set[str]] = {}
        for name, pairs in found:
            labels.setdefault(name, set()).update(label for label, _ in pairs)
        queries = self.queries()
        assert len(queries) > 10
        for query in queries:
            for name, selector in re.findall(r"(evcc_\w+)(\{[^}]*\})?", query):
                assert name in names, query
                used = set(re.findall(r"(\w+)\s*[=!]~?", selector)) - {"instance", "job"}
                assert used <= {*LABELS, "value", "status"}, query

    def test_every_panel_has_a_title_and_its_place(self) -> None:
        places = [tuple(panel["gridPos"].values()) for panel in self.board["panels"]]
        assert all(panel["title"] for panel in self.board["panels"])
        assert len(set(places)) == len(places)
        assert len({panel["id"] for panel in self.board["panels"]}) == len(places)


async def test_telegraf_reads_topics_that_there_are() -> None:
    (block,) = re.findall(r"```toml\n(\[\[inputs.*?)```", (DASHBOARD.parents[2] / "docs/web.md").read_text(), re.DOTALL)
    (consumer,) = tomllib.loads(block)["inputs"]["mqtt_consumer"]
    topics = House().site.mirror.tree.topics
    parsed = [each["topic"] for each in consumer["topic_parsing"]]
    for topic in consumer["topics"]:
        pattern = re.compile(topic.removeprefix("evcc/").replace("+", "[^/]+"))
        found = {name: payload for name, payload in topics.items() if pattern.fullmatch(name)}
        assert found, topic
        assert all(re.fullmatch(rb"-?[\d.]+", payload) for payload in found.values()), topic
        assert any(re.fullmatch(one.replace("+", "[^/]+"), topic) for one in parsed), topic
