"""Run by the Python of Home Assistant: are discovery configurations valid, and what do their templates make?

Reads {"configs": {topic: config}, "payloads": {topic: text}} and writes, by topic, "error" or the states that
the payload and an erased topic lead to.
"""
# mypy: ignore-errors
# the packages that it uses are in Home Assistant's own environment

import asyncio
import json
import sys
from types import ModuleType
from typing import Any

from homeassistant.components.mqtt import binary_sensor, button, number, select, sensor, switch, text
from homeassistant.components.mqtt.models import MqttValueTemplate
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame

PLATFORMS: dict[str, ModuleType] = {
    "binary_sensor": binary_sensor,
    "button": button,
    "number": number,
    "select": select,
    "sensor": sensor,
    "switch": switch,
    "text": text,
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
        }
    except Exception as error:  # noqa: BLE001  whatever is thrown here is what is looked for
        return {"error": f"{type(error).__name__}: {error}"}


async def main() -> None:
    hass = HomeAssistant(sys.argv[1])
    frame.async_setup(hass)
    given = json.load(sys.stdin)
    found = {
        topic: outcome(topic.split("/")[1], config, given["payloads"]) for topic, config in given["configs"].items()
    }
    json.dump(found, sys.stdout)
    await hass.async_stop(force=True)


asyncio.run(main())
