"""Every topic of evcc's values with unit, sign, example and release: the tables of docs/topics.md.

What a topic is comes from the bridge's own tables; which topics there are, examples and the oldest release that has
one from recordings of real evcc. Only the meaning of signs, and what is no reading, is written down here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from bridge.settable import setting as kinds
from bridge.settable.table import SETTINGS
from bridge.settings import Settings
from bridge.state.describe import Description, describe, describe_topic, todays_name, unit
from bridge.state.flatten import Layout
from bridge.state.known import VEHICLE_STATUS
from bridge.state.reading import Nature, Reading
from bridge.state.readings import EXTRAS, LOADPOINT, SITE, VEHICLE
from bridge.state.releases import RENAMED, RULES
from bridge.state.rules import Release, Renamed, Unlisted
from bridge.state.state import Scope
from tests.contract.eras import state
from tests.extras.house import Recorded
from tests.virtual import in_virtual_time

HOUSE = "0.313.2"
"""The recording that examples come from, where it has a value."""
RECORDED = {
    "0.131.4": (0, 131, 4),
    "0.131.4-demo": (0, 131, 4),
    "0.313.2": (0, 313, 2),
    "0.313.2-demo": (0, 313, 2),
    "0.314.0-dev": (0, 314, 0),
}
_OLDEST, _NEWEST = (0, 131, 4), (0, 314, 0)
_GRID = ("import", "export")
_BATTERY = ("discharging", "charging")
_CIRCUIT = ("into the circuit", "out of it")
SIGNS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("site/grid/power", "site/grid/powers/<i>", "site/grid/currents/<i>", "site/residualPower"), _GRID),
    **dict.fromkeys(("loadpoints/<n>/enableThreshold", "loadpoints/<n>/disableThreshold"), _GRID),
    **dict.fromkeys(("site/gridCurrents", "site/gridPowers"), _GRID),
    **dict.fromkeys(("site/battery/power", "site/battery/devices/<i>/power"), _BATTERY),
    **dict.fromkeys(("site/circuits/<name>/power", "site/circuits/<name>/current"), _CIRCUIT),
    "site/pvPower": ("production", ""),
    "site/pv/<i>/power": ("production", ""),
    "site/homePower": ("consumption", ""),
    "site/auxPower": ("consumption", ""),
    "site/aux/<i>/power": ("consumption", ""),
    "loadpoints/<n>/chargePower": ("into the vehicle", ""),
    "site/gridExportLimit": ("export", ""),
    "site/tariffGrid": ("you pay", "you are paid"),
    "site/tariffFeedIn": ("you are paid", "you pay"),
}
"""What a positive and a negative value mean, by topic; evcc's own convention."""
_EACH, _SUM = "How many there are.", "Sum of the phases."
NO_READINGS: Mapping[str, str] = {
    **dict.fromkeys(("loadpoints", "vehicles", "site/aux", "site/ext", "site/pv", "site/battery/devices"), _EACH),
    "site/battery": "How many home batteries there are.",
    "site/optimizerChargingStrategies": _EACH,
    "site/optimizerChargingStrategies/<i>": "A word that the strategy can be.",
    "site/grid/currents": "How many phases there are.",
    "site/grid/powers": "How many phases there are.",
    **dict.fromkeys(("site/gridCurrents", "site/gridPowers", "loadpoints/<n>/chargeCurrents"), _SUM),
    "site/fatal": "An error in evcc's configuration.",
    **dict.fromkeys(("site/grid/name", "site/pv/<i>/name", "site/aux/<i>/name"), "Its name in evcc's configuration."),
    "site/battery/devices/<i>/name": "Its name in evcc's configuration.",
    "site/circuits/<name>/title": "Title of the circuit.",
    "vehicles/<name>/features": _EACH,
    "vehicles/<name>/features/<i>": "A feature of the vehicle, such as `Offline`.",
    "vehicles/<name>/plans": _EACH,
    "vehicles/<name>/repeatingPlans/<i>/active": "Whether the plan is followed.",
    "vehicles/<name>/repeatingPlans/<i>/soc": "Charge to be reached, in %.",
    "vehicles/<name>/repeatingPlans/<i>/time": "Time of the day.",
    "vehicles/<name>/repeatingPlans/<i>/tz": "Time zone of the time.",
    "vehicles/<name>/repeatingPlans/<i>/weekdays": _EACH,
    "vehicles/<name>/repeatingPlans/<i>/weekdays/<i>": "0 Sunday to 6 Saturday.",
}
"""Lists, names and other topics that are no readings."""
BESIDE: Mapping[str, str] = {
    "tariffs/<type>": "All rates, as JSON.",
    "sessions/last": "The last session, as JSON.",
    "sessions/last/<key>": "One value of it; `chargeDuration` in seconds.",
    "loadpoints/<n>/planDetails": "The charging plan in force, as JSON.",
}
"""What stands beside evcc's state and is no reading."""
_OPTIONS = {"tariffs": "extras.tariffs", "sessions": "extras.sessions", "history": "extras.history", "jq": "topics.jq"}
_PLACEHOLDERS = {
    "site/hems/status/*": "site/hems/status/<key>",
    "loadpoints/<n>/chargeVoltages/*": "loadpoints/<n>/chargeVoltages/l1",
    "tariffs/*": "tariffs/<type>",
    "sessions/*": "sessions/<period>",
    "history/today/*": "history/today/<group>",
    "jq/*": "jq/<name>",
}
_PREFIX = {Scope.SITE: "site", Scope.LOADPOINT: "loadpoints/<n>", Scope.VEHICLE: "vehicles/<name>"}
_TABLES = {Scope.SITE: SITE, Scope.LOADPOINT: LOADPOINT, Scope.VEHICLE: VEHICLE}
_UNITS = {
    Nature.NUMBER: "number",
    Nature.FLAG: "true, false",
    Nature.MOMENT: "unix s",
    Nature.TEXT: "text",
    Nature.SERIES: "JSON",
    Nature.JOURNAL: "JSON",
}
_LONGEST_EXAMPLE = 44
_PARTS = {"soc", "continuous"}  # those of plans and strategies, which are set as a whole


@dataclass(frozen=True, slots=True)
class Seen:
    """A topic in a recording; `own`: under evcc's own name, else as an alias."""

    recording: str
    topic: str
    payload: bytes
    own: bool


def general(topic: str) -> str:
    """A topic whatever loadpoint, vehicle, circuit or entry of a list it is of."""
    scope, *rest = topic.split("/")
    if scope in {Scope.LOADPOINT, Scope.VEHICLE} and rest:
        rest[0] = _PREFIX[Scope(scope)].partition("/")[2]
    if rest[:1] == ["circuits"] and len(rest) > 1:
        rest[1] = "<name>"
    return "/".join((scope, *(re.sub(r"\A\d+\Z", "<i>", level) for level in rest)))


@cache
def seen() -> Mapping[str, list[Seen]]:
    """Every topic of the recordings, in general, with where it was seen; that of the examples' house first."""
    found: dict[str, list[Seen]] = {}
    for recording in sorted(RECORDED, key=lambda name: (name != HOUSE, RECORDED[name] == _OLDEST)):
        for source in Layout.of(Settings()).everything(state(recording)).values():
            for own, topics in ((True, source.own), (False, source.alias)):
                for topic, payload in topics.items():
                    found.setdefault(general(topic), []).append(Seen(recording, topic, payload, own))
    return found


@cache
def settable() -> Mapping[str, frozenset[str]]:
    """By the topic that shows a setting's value, the topics without `/set` that set it, in general."""
    found: dict[str, set[str]] = {}
    for each in SETTINGS:
        if not isinstance(each.kind, kinds.Button):
            for shown in (each.leaf, *each.shown):
                holder, _, last = shown.rpartition("/")
                for topic in (shown, f"{holder}/" if holder and last in _PARTS else shown):
                    found.setdefault(f"{_PREFIX[each.scope]}/{topic}", set()).add(f"{_PREFIX[each.scope]}/{each.leaf}")
    return {topic: frozenset(ways) for topic, ways in found.items()}


def unrecorded() -> Iterator[tuple[str, Reading]]:
    """The readings that no recording has a topic for, with these topics in general."""
    split = map(_split, seen())
    known = {(scope, todays_name(scope, key)) for scope, key in split if scope is not None and key}
    unshown = {
        (each.scope, each.leaf)
        for each in SETTINGS
        if isinstance(each.kind, kinds.Button) or (each.shown and each.leaf not in each.shown)
    }
    for scope, rows in _TABLES.items():
        for key, row in rows.items():
            pattern = re.escape(key).replace(r"\*", "[^/]+")
            recorded = any(one is scope and re.fullmatch(pattern, other) for one, other in known)
            status = scope is Scope.VEHICLE and key in VEHICLE_STATUS
            if not recorded and not status and (scope, key) not in unshown:
                yield placed(f"{_PREFIX[scope]}/{key}"), row


def alias_of(topic: str) -> str:
    """Today's name of a topic with an older name that is published as well; empty where it has none."""
    scope, key = _split(topic)
    if scope is None or not any(_within(key, old) for old, _ in RENAMED[scope]):
        return ""
    today = todays_name(scope, key.replace("<i>", "0"))
    return "" if today == key.replace("<i>", "0") else f"{_PREFIX[scope]}/{today.replace('/0', '/<i>')}"


def since(topic: str) -> str:
    """The releases of evcc that have a topic, as far as it is known."""
    scope, key = _split(topic)
    releases = {RECORDED[one.recording] for one in seen().get(topic, ()) if one.own}
    renamed = _renamed(scope, key)
    if renamed:
        return renamed
    if releases == {_OLDEST} and key != "fatal":  # only where there is one
        return "0.131, gone in 0.313"
    setting = next((each for each in SETTINGS if each.scope is scope and _within(key, each.leaf)), None)
    if not releases and setting and not setting.lendable:
        return "only set"
    if _OLDEST not in releases and setting and setting.since:
        return _version(setting.since) + (", documented" if setting.since > _NEWEST else "")
    return ".".join(map(str, min(releases)[:2])) if releases else "documented"


def _renamed(scope: Scope | None, key: str) -> str:
    """Until or since which release a topic has its name, where it was renamed: the most precise rule."""
    rules = [rule for rule in RULES if isinstance(rule, Renamed | Unlisted) and rule.scope is scope]
    names = [(name, rule.release, name == rule.old) for rule in rules for name in (rule.old, rule.new)]
    name, release, old = max((each for each in names if _within(key, each[0])), default=("", _OLDEST, False))
    if not name or (release <= _OLDEST and not old):
        return ""
    return f"before {_version(release)}" if old else _version(release)


def table(scope: Scope) -> str:
    """Every topic of a scope, as Markdown."""
    rows = {topic: _row(topic) for topic in seen() if topic.partition("/")[0] == scope}
    rows |= {topic: _documented(topic, row) for topic, row in unrecorded() if topic.partition("/")[0] == scope}
    head = "| topic | unit | sign | example | meaning | since | set |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *(rows[topic] for topic in sorted(rows, key=str.lower))])


def beside() -> str:
    """Every topic with values that are not of the state, as Markdown."""
    examples = _beside()
    rows = {}
    for key, row in EXTRAS.items():
        if not key.startswith("bridge/"):
            topic = placed(key)
            rows[topic] = (
                _unit(Description(row)),
                examples.get(topic, b""),
                f"{_title(row, topic)} {row.meaning}".strip(),
            )
    for topic, meaning in BESIDE.items():
        rows[topic] = ("JSON" if "JSON" in meaning else "", examples.get(topic, b""), meaning)
    for key in VEHICLE_STATUS:
        topic, found = f"vehicles/<name>/{key}", describe(Scope.VEHICLE, key, b"")
        rows[topic] = (_unit(found), b"", f"{_title(VEHICLE[key], topic)} {VEHICLE[key].meaning}")
    lines = [
        f"| `{topic}` | {unit_of} | {_example(payload)} | {meaning} | {_option(topic)} |"
        for topic, (unit_of, payload, meaning) in sorted(rows.items())
    ]
    return "\n".join(["| topic | unit | example | meaning | option |", "|---|---|---|---|---|", *lines])


def tables() -> Mapping[str, str]:
    """The tables of docs/topics.md by the names of their marks."""
    return {**{scope.value: table(scope) for scope in Scope}, "beside": beside()}


def sign(topic: str) -> tuple[str, str] | None:
    """What a positive and a negative value of a topic mean."""
    return SIGNS.get(topic) or SIGNS.get(general(alias_of(topic)))


def _row(topic: str) -> str:
    places = seen()[topic]
    shown = next((one for one in places if one.payload), places[0])
    found = next(filter(None, (describe_topic(one.topic, one.payload) for one in places if one.payload)), None)
    found = found or describe_topic(shown.topic, shown.payload)
    today, described = alias_of(topic), NO_READINGS.get(topic)
    if described == _SUM:
        found = describe_topic(f"{shown.topic}/l1", b"0")
    if today and not described:
        described = f"Alias of `{today}`."
    elif not described and found:
        described = f"{_title(found.reading, topic, found)} {found.reading.meaning}".strip()
    assert described, topic
    return _line(topic, _unit(found) or _by_payload(shown.payload), shown.payload, described)


def _documented(topic: str, row: Reading) -> str:
    return _line(topic, _unit(Description(row)), b"", f"{_title(row, topic)} {row.meaning}".strip())


def _line(topic: str, unit_of: str, payload: bytes, meaning: str) -> str:
    signs = [f"{mark} {text}" for mark, text in zip("+−", sign(topic) or ("", ""), strict=True) if text]
    cells = [unit_of, ", ".join(signs), _example(payload), meaning, since(topic), _set(topic)]
    return f"| `{topic}` | {' | '.join(cells)} |"


def _set(topic: str) -> str:
    own = alias_of(topic) or topic
    ways = settable().get(own) or settable().get(own.rpartition("/")[0] + "/", frozenset())
    scope, _ = _split(topic)
    if own in ways or scope is None:
        return "yes" if ways else ""
    return ", ".join(f"`{way.removeprefix(_PREFIX[scope])[1:]}`" for way in sorted(ways))


def _title(row: Reading, topic: str, found: Description | None = None) -> str:
    """A title as the beginning of a sentence; the level of its wildcard stays open where it is any."""
    if found is not None and found.wildcard and not found.wildcard.isdigit():
        title = found.title()
    elif "<i>" in topic:
        title = row.title.replace("{}", "n")
    else:
        title = " ".join(row.title.replace("{}", "").split()).strip(",:")
    return f"{title}." if title else ""


def _unit(found: Description | None) -> str:
    if found is None:
        return ""
    quantity = found.reading.quantity
    if quantity.share:
        return "0 to 1"
    return unit(found, "EUR") or _UNITS[quantity.nature]


def _by_payload(payload: bytes) -> str:
    if payload in {b"true", b"false"}:
        return "true, false"
    return "number" if re.fullmatch(rb"-?[\d.]+", payload) else "text"


def _example(payload: bytes) -> str:
    text = payload.decode()
    if not text:
        return ""
    cut = text if len(text) <= _LONGEST_EXAMPLE else text[:_LONGEST_EXAMPLE].rpartition(",")[0] + ",…"
    return f"`{cut}`"


def _option(topic: str) -> str:
    first = topic.partition("/")[0]
    own = {"loadpoints": "extras.plans", "vehicles": "extras.vehicles"}
    option = (_OPTIONS | own).get(first)
    return f"`{option}`" if option else ""


def _split(topic: str) -> tuple[Scope | None, str]:
    scope, _, rest = topic.partition("/")
    if scope not in {each.value for each in Scope}:
        return None, topic
    return Scope(scope), rest if scope == Scope.SITE else rest.partition("/")[2]


def _within(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}/")


def _version(release: Release) -> str:
    return ".".join(map(str, release))


def placed(key: str) -> str:
    """The key of a reading as a topic in general."""
    for pattern, place in _PLACEHOLDERS.items():
        key = key.replace(pattern, place)
    return key.replace("*", "<i>")


def _beside() -> Mapping[str, bytes]:
    """The topics of the recorded house that are not of its state, in general."""
    found: dict[str, bytes] = {}

    async def main() -> None:
        house = Recorded(HOUSE)
        async with house.running():
            found.update(house.mirror.topics)

    in_virtual_time(main())
    named: dict[str, bytes] = {}
    for topic, payload in found.items():
        levels = topic.split("/")
        if levels[0] == "tariffs":
            levels[1] = "<type>"
        if levels[:2] == ["sessions", "last"] and len(levels) > 2:
            levels[2] = "<key>"
        named.setdefault(general("/".join(levels)), payload)
        if levels[0] == "sessions" and len(levels) == 3:
            named.setdefault(f"sessions/<period>/{levels[2]}", payload)
    return named
