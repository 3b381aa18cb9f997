"""evcc's values and the bridge's own counters for Prometheus."""

import re
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.report import resident_memory
from bridge.state.describe import Description, describe
from bridge.state.reading import Nature, Quantity, Rank
from bridge.state.state import Scope
from bridge.web.topics import TopicTable
from bridge.web.view import View

LABELS = ("site", "loadpoint", "vehicle", "title", "id")
"""Labels of a value; `id` is the level that tells several of a kind apart, such as the number of an inverter."""
_UNITS = {
    "W": "watts",
    "A": "amperes",
    "V": "volts",
    "%": "percent",
    "kWh": "kwh",
    "Wh": "wh",
    "s": "seconds",
    "km": "km",
    "°C": "celsius",
    "g/kWh": "grams_per_kwh",
    "{currency}": "money",
    "{currency}/kWh": "money_per_kwh",
}
_COUNTERS = {
    "polls": "Polls of evcc's state.",
    "frames": "Push frames of evcc.",
    "messages": "Retained messages that were published.",
    "corrections": "Values of others that were overwritten.",
    "reconnects": "Connections to the broker after the first one.",
}
_NUMBER = re.compile(rb"-?\d{1,30}(?:\.\d{1,30})?")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LONGEST_WORD = 64  # characters of a text that is a label
_MOST_UNKNOWN = 1000  # metrics of values without a row in a table


class Metrics(Collector):
    """Reads everything at the moment it is asked for."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, view: View) -> None:
        self._view = view
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The families of the bridge, then those of evcc's values."""
        yield from self._bridge()
        self._view.refresh()
        families: dict[str, _Family] = {}
        for name, table in self._view.topics.items():
            _add_values(families, name, table)
        yield from (family.metric for family in families.values())

    def _bridge(self) -> Iterator[Metric]:
        gauges = {
            "info": GaugeMetricFamily("evcc_bridge_info", "Versions.", labels=["site", "version", "evcc", "mqtt"]),
            "evcc": _gauge("evcc_online", "Whether evcc answers and its values are fresh."),
            "push": _gauge("push_alive", "Whether evcc pushes its values."),
            "broker": _gauge("broker_connected", "Whether the broker is connected."),
            "problem": _gauge("problem", "Whether there is a problem, as on bridge/problem."),
            "topics": _gauge("topics", "Topics below the root."),
            "uptime": _gauge("uptime_seconds", "Seconds since the start."),
        }
        counters = {
            name: CounterMetricFamily(f"evcc_bridge_{name}", text, labels=["site"]) for name, text in _COUNTERS.items()
        }
        commands = CounterMetricFamily("evcc_bridge_commands", "Commands by answer.", labels=["site", "status"])
        for name, view in self._view.health.items():
            whole = view.whole()
            counted = whole["counters"]
            versions = (__version__, whole["evcc_version"] or "", whole["mqtt_version"] or "")
            gauges["info"].add_metric([name, *versions], 1)
            gauges["evcc"].add_metric([name], whole["evcc"] == "online")
            gauges["push"].add_metric([name], whole["push"])
            gauges["broker"].add_metric([name], whole["broker"])
            gauges["problem"].add_metric([name], whole["problem"] is not None)
            gauges["topics"].add_metric([name], whole["topics"])
            gauges["uptime"].add_metric([name], counted["uptime"])
            for counter, family in counters.items():
                family.add_metric([name], counted[counter])
            for status, count in counted["commands"].items():
                commands.add_metric([name, status], count)
        memory = GaugeMetricFamily("evcc_bridge_resident_memory_bytes", "Memory of the process.", resident_memory())
        streams = GaugeMetricFamily("evcc_bridge_page_streams", "Pages that are open.", self._view.readers)
        yield from (*gauges.values(), *counters.values(), commands, memory, streams)


class _Family:
    """A metric while it is filled: no two samples have the same labels."""

    def __init__(self, name: str, meaning: str, *, words: bool) -> None:
        self.metric = GaugeMetricFamily(name, meaning, labels=[*LABELS, *(["value"] if words else [])])
        self._seen: set[tuple[str, ...]] = set()

    def add(self, labels: tuple[str, ...], value: float) -> None:
        """Add a sample."""
        if labels not in self._seen:
            self._seen.add(labels)
            self.metric.add_metric(labels, value)


def _gauge(name: str, meaning: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"evcc_bridge_{name}", meaning, labels=["site"])


def _add_values(families: dict[str, _Family], site: str, table: TopicTable) -> None:
    unknown = 0
    for scope, target, key, payload in table.values():
        found = describe(scope, key, payload) if key else None
        if found is None or (sample := _sample(found.reading.quantity, found.reading.rank, payload)) is None:
            continue
        value, word = sample
        name = _name(key, found, words=bool(word))
        is_new = name not in families
        unknown += is_new and not found.known
        if name.startswith("evcc_bridge_") or (is_new and not found.known and unknown > _MOST_UNKNOWN):
            continue
        family = families.setdefault(name, _Family(name, found.reading.meaning, words=bool(word)))
        labels = (
            site,
            target if scope == Scope.LOADPOINT else "",
            target if scope == Scope.VEHICLE else "",
            table.value(f"{scope}/{target}/title") if target else "",
            found.wildcard,
        )
        family.add((*labels, word) if word else labels, value)


def _sample(quantity: Quantity, rank: Rank, payload: bytes) -> tuple[float, str] | None:
    """The value of a payload; 1 and the word itself for one of a few words, such as a mode."""
    if payload in {b"true", b"false"}:
        return float(payload == b"true"), ""
    if quantity.nature is Nature.TEXT and rank is not Rank.RARE and 0 < len(payload) <= _LONGEST_WORD:
        return 1.0, payload.decode(errors="replace")
    if quantity.nature in {Nature.NUMBER, Nature.MOMENT} and _NUMBER.fullmatch(payload):
        return float(payload), ""
    return None


def _name(key: str, found: Description, *, words: bool) -> str:
    """`chargePower` -> `evcc_charge_power_watts`; the level of `id` is left out."""
    levels = [level for level in key.split("/") if level != found.wildcard]
    parts = [word.lower() for word in _WORDS.findall("/".join(levels).replace("KWh", "Kwh"))]
    quantity = found.reading.quantity
    unit = _unit(quantity)
    if words:
        unit = "info"
    if unit and parts[-1:] != [unit]:
        parts.append(unit)
    return "_".join(["evcc", *parts])


def _unit(quantity: Quantity) -> str:
    if quantity.nature is Nature.MOMENT:
        return "timestamp_seconds"
    if quantity.share:
        return "ratio"
    return _UNITS.get(quantity.unit, "")
