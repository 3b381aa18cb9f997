"""A small picture of the house, drawn with text from the topics of a bridge."""

from collections.abc import Iterator, Mapping

from bridge.util.redact import sanitize

_LONGEST = 18  # characters of a name
_SURPLUS = ("feeds in", "draws", "idle")
_BATTERY = ("charges", "discharges", "idle")
_IDLE = 10.0  # watts


def picture(topics: Mapping[str, str]) -> str:
    """Grid, solar, battery, home and each loadpoint with its vehicle; `topics` are below the root."""
    return "\n".join([*_house(topics), "", *_loadpoints(topics)])


def _house(topics: Mapping[str, str]) -> Iterator[str]:
    solar, home = _power(topics, "site/pvPower"), _power(topics, "site/homePower")
    grid, battery = _flow(topics, "site/grid/power", _SURPLUS), _flow(topics, "site/battery/power", _BATTERY)
    soc = _number(topics, "site/battery/soc")
    yield f"            solar {solar}"
    yield "                |"
    yield f"  grid {grid} ---+--- battery {battery}{'' if soc is None else f', {soc:.0f} %'}"
    yield "                |"
    yield f"            home {home}"


def _loadpoints(topics: Mapping[str, str]) -> Iterator[str]:
    count = topics.get("loadpoints", "")
    for number in range(1, int(count) + 1 if count.isdecimal() else 1):
        at = f"loadpoints/{number}"
        title = sanitize(topics.get(f"{at}/title") or "", _LONGEST)
        mode, power = topics.get(f"{at}/mode", ""), _power(topics, f"{at}/chargePower")
        yield f"  loadpoint {number}  {title:<{_LONGEST}}  {mode:<6} {power:>9}  {_vehicle(topics, at)}".rstrip()


def _vehicle(topics: Mapping[str, str], at: str) -> str:
    if topics.get(f"{at}/connected") != "true":
        return "no vehicle"
    title = sanitize(topics.get(f"{at}/vehicleTitle") or "a vehicle", _LONGEST)
    soc, limit = _number(topics, f"{at}/vehicleSoc"), _number(topics, f"{at}/effectiveLimitSoc")
    return f"{title}, {soc:.0f} % of {limit or 100:.0f} %" if soc else title


def _flow(topics: Mapping[str, str], topic: str, words: tuple[str, str, str]) -> str:
    """The amount with a word for its direction: negative, positive, none."""
    watts = _number(topics, topic)
    if watts is None:
        return "-"
    word = words[2] if abs(watts) < _IDLE else words[0] if watts < 0 else words[1]
    return f"{word} {abs(watts):,.0f} W" if word != words[2] else word


def _power(topics: Mapping[str, str], topic: str) -> str:
    watts = _number(topics, topic)
    return "-" if watts is None else f"{watts:,.0f} W"


def _number(topics: Mapping[str, str], topic: str) -> float | None:
    try:
        return float(topics.get(topic, ""))
    except ValueError:
        return None
