"""Run by the Python of Home Assistant: are discovery configurations valid, and what do their templates make?

Reads {"configs": {topic: config}, "payloads": {topic: text}} and writes, by topic, "error" or the states that
the payload and an erased topic lead to, and what is sent for each of a few values, in New York.
"""
# mypy: ignore-errors
# the packages that it uses are in Home Assistant's own environment

import asyncio
import json
import sys
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.components.mqtt import binary_sensor, button, number, select, sensor, switch, text
from homeassistant.components.mqtt.models import MqttCommandTemplate, MqttValueTemplate
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame
from homeassistant.util import dt

PLATFORMS: dict[str, ModuleType] = {
    "binary_sensor": binary_sensor,
    "button": button,
    "number": number,
    "select": select,
    "sensor": sensor,
    "switch": switch,
    "text": text,
}
VALUES = {
    "number": (5,),
    "text": ("07:05", "2030-01-15 07:00", "2030-07-15T07:00:00", "2030-01-15T07:00:00Z", "25:00", "tomorrow"),
}


def outcome(component: str, config: dict[str, Any], payloads: dict[str, str]) -> dict[str, str]:
    try:
        valid = PLATFORMS[component].DISCOVERY_SCHEMA(config)
        if "state_topic" not in config:
            return {}
        template = MqttValueTemplate(valid["value_template"])
        payload = payloads.get(config["state_topic"], "")
        return {
            "now": str(template.async_render_with_possible_json_value(payload)),
            "erased": str(template.async_render_with_possible_json_value("")),
            "sent": sent(component, valid.get("command_template")),
        }
    except Exception as error:  # noqa: BLE001  whatever is thrown here is what is looked for
        return {"error": f"{type(error).__name__}: {error}"}


def sent(component: str, template: Any) -> dict[str, str]:
    command = MqttCommandTemplate(template)
    return {str(value): str(command.async_render(value)) for value in VALUES.get(component, ())}


async def main() -> None:
    hass = HomeAssistant(sys.argv[1])
    frame.async_setup(hass)
    dt.set_default_time_zone(ZoneInfo("America/New_York"))
    given = json.load(sys.stdin)
    found = {
        topic: outcome(topic.split("/")[1], config, given["payloads"]) for topic, config in given["configs"].items()
    }
    json.dump(found, sys.stdout)
    await hass.async_stop(force=True)


asyncio.run(main())
