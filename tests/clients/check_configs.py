"""Run by the Python of Home Assistant: are discovery configurations valid, and what do their templates make?

Reads {"configs": {topic: config}, "payloads": {topic: text}} and writes, by topic, "error" or the states that
the payload and an erased topic lead to.
"""

import asyncio
import json
import sys

from homeassistant.components.mqtt import binary_sensor, button, number, select, sensor, switch, text
from homeassistant.components.mqtt.models import MqttValueTemplate
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame

PLATFORMS = {
    "binary_sensor": binary_sensor,
    "button": button,
    "number": number,
    "select": select,
    "sensor": sensor,
    "switch": switch,
    "text": text,
}


def outcome(component, config, payloads):
    try:
        valid = PLATFORMS[component].DISCOVERY_SCHEMA(config)
    except Exception as error:  # whatever a schema throws is the finding
        return {"error": f"{type(error).__name__}: {error}"}
    if "state_topic" not in config:
        return {}
    template = MqttValueTemplate(valid.get("value_template"))
    payload = payloads.get(config["state_topic"], "")
    try:
        return {
            "now": str(template.async_render_with_possible_json_value(payload)),
            "erased": str(template.async_render_with_possible_json_value("")),
        }
    except Exception as error:
        return {"error": f"{payload[:80]!r}: {error}"}


async def main():
    hass = HomeAssistant(sys.argv[1])
    frame.async_setup(hass)
    given = json.load(sys.stdin)
    found = {
        topic: outcome(topic.split("/")[1], config, given["payloads"]) for topic, config in given["configs"].items()
    }
    json.dump(found, sys.stdout)
    await hass.async_stop(force=True)


asyncio.run(main())
