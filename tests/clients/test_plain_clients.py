"""Programs that only speak MQTT: paho over 3.1.1, mosquitto's own, and mqtt.js in the way of a browser."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.broker.mosquitto import HOST
from tests.clients import programs
from tests.clients.house import House
from tests.patience import PATIENCE

pytestmark = [pytest.mark.client, pytest.mark.timeout(15 * PATIENCE)]

LIMIT = "evcc/loadpoints/1/limitSoc"


async def output(*command: str, env: Mapping[str, str] | None = None) -> str:
    """What a program writes until it ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ | dict(env or {})
    )
    async with asyncio.timeout(PATIENCE):
        written, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return written.decode()


async def test_paho_over_mqtt_3_1_1(house: House) -> None:
    values: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def connected(client: paho.Client, *_: Any) -> None:
        client.subscribe(LIMIT)

    def arrived(_: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(values.put_nowait, bytes(message.payload))

    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
    client.on_connect, client.on_message = connected, arrived
    client.connect(HOST, house.broker.port)
    client.loop_start()
    try:
        async with asyncio.timeout(PATIENCE):
            assert await values.get() == b"85"
            client.publish(f"{LIMIT}/set", "70")
            await house.called("/api/loadpoints/1/limitsoc/70")
            assert await values.get() == b"70"
    finally:
        client.disconnect()
        client.loop_stop()


async def test_mosquitto_sub_and_pub(house: House) -> None:
    try:
        sub, pub = programs.mosquitto_clients()
    except programs.MissingError as reason:
        pytest.skip(str(reason))
    at = ("-h", HOST, "-p", str(house.broker.port))
    assert await output(sub, *at, "-C", "1", "-t", LIMIT) == "85\n"
    await output(pub, *at, "-t", f"{LIMIT}/set", "-m", "65 %")
    await house.called("/api/loadpoints/1/limitsoc/65")
    await house.recorder.value(LIMIT, "65")


async def test_a_browser_over_websocket(house: House, node_modules: Path) -> None:
    script = str(Path(__file__).with_name("browser.mjs"))
    url = f"ws://{HOST}:{house.broker.ws_port}"
    written = await output("node", script, url, LIMIT, "60", env={"NODE_MODULES": str(node_modules)})
    seen = json.loads(written)
    assert (seen["before"], seen["after"]) == ("85", "60")
    assert seen["answer"]["status"] == "ok"
    await house.called("/api/loadpoints/1/limitsoc/60")
