"""Nothing secret leaves: marked secrets are planted everywhere, and everything that comes out is searched."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from signal import SIGHUP
from typing import Any

import pytest

from bridge.demo import Evcc
from bridge.topics.names import KEPT_BACK
from tests.broker.client import publish
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import Bridge

SECRET = "S3CR3T"
CONFIGURED = "C0NF1GUR3D"
EVCC_LOGIN = ("admin", f"{SECRET}-evcc p@ss/w:rd")
MQTT_PASSWORD = f"{SECRET}-mqtt"
NAMES = ("password", "apiToken", "clientSecret", "privateKey", "certificate", "refresh_TOKEN")
WAIT = 20.0  # seconds
CONFIGURATION = {key for key in KEPT_BACK if "/" not in key} - {"tariffs"}

pytestmark = pytest.mark.broker


def planted(value: Any, numbers: Iterator[int]) -> Any:
    """A copy of a document with secrets in every object: as texts, as numbers, in objects and in lists."""
    if isinstance(value, list):
        return [planted(item, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    secrets: dict[str, Any] = {name: f"{SECRET}-{next(numbers)}" for name in NAMES}
    secrets |= {"secrets": [f"{SECRET}-{next(numbers)}"], "tokens": {"access": f"{SECRET}-{next(numbers)}"}}
    return {key: planted(item, numbers) for key, item in value.items()} | secrets


def document(evcc: Evcc) -> dict[str, Any]:
    """evcc's state with secrets in every corner, and with its configuration as newer releases show it."""
    configuration = {key: {"url": f"tcp://{CONFIGURED}", "list": [CONFIGURED]} for key in CONFIGURATION}
    whole: dict[str, Any] = planted(evcc.state, count())
    return whole | configuration | {"vehicles": vehicles(evcc)}


def vehicles(evcc: Evcc) -> dict[str, Any]:
    """The vehicles with secrets in them; a name of a vehicle says nothing about its values."""
    return {name: planted(vehicle, count(10_000)) for name, vehicle in evcc.state["vehicles"].items()}


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with Evcc(interval=0.5, login=EVCC_LOGIN) as simulated:
        state = document(simulated)
        simulated.replace(json.dumps(state).encode())
        yield simulated


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    return await start_broker(Config(users={"bridge": MQTT_PASSWORD}))


def configured(evcc: Evcc, broker: Mosquitto, directory: Path, **more: str) -> Bridge:
    options = {
        "EVCC_USER": EVCC_LOGIN[0],
        "EVCC_PASSWORD": EVCC_LOGIN[1],
        "MQTT_USER": "bridge",
        "MQTT_PASSWORD": MQTT_PASSWORD,
        "LOG_LEVEL": "debug",
        **more,
    }
    return Bridge(evcc, broker, directory / "bridge.log", **options)


async def check(bridge: Bridge) -> str:
    """What `evcc-bridge check` says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "check"),
        env={**os.environ, **bridge.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    return (await process.communicate())[0].decode()


async def stir(evcc: Evcc, broker: Mosquitto, recorder: Recorder, bridge: Bridge) -> None:
    """Let the bridge say whatever it has to say, good and bad."""
    evcc.set(("loadpoints", 0, "apiToken"), f"{SECRET}-pushed")
    evcc.set("vehicles", vehicles(evcc))
    await publish(broker, "evcc/loadpoints/1/mode/set", "now")
    await recorder.message("evcc/loadpoints/1/mode/result")
    await publish(broker, "evcc/loadpoints/1/apiToken/set", "now")
    await publish(broker, "evcc/bridge/request/nothing", "{}")
    for fault in ("html", "unauthorized", "gateway"):
        evcc.fault(fault)
        await recorder.until(lambda: recorder.last("evcc/bridge/evcc") in {b"invalid", b"unreachable"}, WAIT)
        await recorder.until(lambda: recorder.last("evcc/bridge/problem"), WAIT)
        evcc.fault(None)
        await recorder.value("evcc/bridge/evcc", "online", WAIT)
    bridge.signal(SIGHUP)
    await broker.restart()
    await recorder.reconnected(1)
    await recorder.until(lambda: recorder.last("evcc/status") == b"online", WAIT)


def everything(recorder: Recorder, *texts: str) -> str:
    messages = (f"{record.topic} {record.payload.decode(errors='replace')}" for record in recorder.records)
    return "\n".join([*messages, *texts])


def leaks(text: str, mark: str) -> list[str]:
    """The beginnings of lines with a mark, and the mark with what is around it."""
    found = [(line, line.index(mark)) for line in text.splitlines() if mark in line]
    return [f"{line[:60]} … {line[max(at - 60, 0) : at + 30]}" for line, at in found]


@pytest.mark.parametrize("include", [[], ["*", "site/**", "loadpoints/**", "vehicles/**"]])
async def test_nothing_secret_leaves(
    evcc: Evcc, broker: Mosquitto, recorder: Recorder, tmp_path: Path, include: list[str]
) -> None:
    more = {"TOPICS_INCLUDE": json.dumps(include), "TOPICS_JQ": json.dumps({"all": ".", "lp": ".loadpoints[0]"})}
    async with configured(evcc, broker, tmp_path, **more) as bridge:
        await recorder.value("evcc/status", "online", WAIT)
        await stir(evcc, broker, recorder, bridge)
        checked = await check(bridge)
        await bridge.stop()
    out = everything(recorder, bridge.text(), checked)
    assert "evcc/loadpoints/1/mode" in out
    assert "online" in checked or "evcc" in checked
    assert leaks(out, SECRET) == []
    assert base64.b64encode(":".join(EVCC_LOGIN).encode()).decode() not in out
    told = {line.partition(" ")[0] for line in leaks(out, CONFIGURED)}
    assert bool(told - {"evcc/jq/all"}) == bool(include)  # what an expression asks for is asked for


async def test_a_refused_login_is_not_told(evcc: Evcc, broker: Mosquitto, recorder: Recorder, tmp_path: Path) -> None:
    wrong = f"{SECRET}-mistyped"
    async with configured(evcc, broker, tmp_path, EVCC_PASSWORD=wrong) as bridge:
        await recorder.until(lambda: recorder.last("evcc/bridge/problem"), WAIT)
        checked = await check(bridge)
    assert leaks(everything(recorder, bridge.text(), checked), SECRET) == []
    async with configured(evcc, broker, tmp_path, MQTT_PASSWORD=wrong) as bridge:
        checked = await check(bridge)
    assert "refuse" in checked.lower() or "authori" in checked.lower()
    assert leaks(everything(recorder, bridge.text(), checked), SECRET) == []
