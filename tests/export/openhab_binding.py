"""openHAB's MQTT binding, as far as it decides what is sent and what is shown; observed with openHAB 5.2.1."""

from collections.abc import Iterator

from tests.export.openhab_grammar import Channel, Item

_SAMPLES = ("0", "10", "9.50")


def accepts(channel: Channel, payload: str) -> bool:
    """Whether a payload of the state topic becomes the state; else it is logged, and the old state stays."""
    properties = channel.properties
    match channel.type:
        case "number":
            return float(properties.get("min", "-inf")) <= float(payload) <= float(properties.get("max", "inf"))
        case "switch":
            return payload in {properties["on"], properties["off"]}
        case "datetime":
            return len(payload) == 10 and payload.isdigit()
        case _:
            return "allowedStates" not in properties or payload in properties["allowedStates"].split(",")


def published(channel: Channel, command: str) -> str:
    """The payload of a command; a unit is left out only where the format is exactly `%s`."""
    pattern = str(channel.properties.get("formatBeforePublish", "%s"))
    if channel.type == "datetime":
        return pattern.replace("%1$tFT%1$tT%1$tz", command)
    unit = channel.properties.get("unit", "")
    return pattern.replace("%s", f"{command} {unit}".strip() if pattern != "%s" else command)


def commands(channel: Channel, options: list[str]) -> Iterator[str]:
    """Commands that people give: what the item offers, steps of a number, a date of the user interface."""
    match channel.type:
        case "switch":
            yield from (channel.properties["on"], channel.properties["off"])
        case "string":
            yield from options
        case "datetime":
            yield "2026-11-27T07:00:00+0100"
        case _:
            whole = channel.properties["step"] >= 1
            yield from _SAMPLES[:2] if whole else _SAMPLES


def shows_commands(channel: Channel, item: Item) -> bool:
    """Whether an item ever leaves NULL: by the state topic, or by what was sent."""
    return "stateTopic" in channel.properties or item.metadata.get("autoupdate", ("",))[0] == "true"
