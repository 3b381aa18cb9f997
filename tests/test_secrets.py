"""No secret is published, logged or printed: marked ones are planted everywhere, and all output is searched."""

import asyncio
import base64
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from signal import SIGHUP
from typing import Any
from urllib.parse import quote

import pytest

from bridge.state.names import KEPT_BACK
from evcc_simulator import Evcc
from evcc_simulator.messages import Answer, Request
from tests.broker.authority import Authority
from tests.broker.client import publish
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.patience import limit
from tests.site.running import Bridge

SECRET = "S3CR3T"
CONFIGURED = "C0NF1GUR3D"
EVCC_LOGIN = ("admin", f"{SECRET}-evcc p@ss/w:rd")
MQTT_LOGIN = ("bridge", f"{SECRET}-mqtt")
NAMES = ("password", "apiToken", "clientSecret", "privateKey", "certificate", "refresh_TOKEN")
ADDRESS = f"tcp://me:{SECRET}-login@host:1883"
WAIT = limit(20)
CONFIGURATION = {key for key in KEPT_BACK if "/" not in key} - {"tariffs"}
EXPRESSIONS = {
    "all": ".",
    "lp": ".loadpoints[0]",
    "password": "[.mqtt.password, .mqtt.address]",
    "text": "tostring",
    "entries": "[.mqtt, .influx, .loadpoints[0] | to_entries[]]",
    "strings": '[..|strings] | join(" ")',
    "broken": ".siteTitle | tonumber",
    "error": ".mqtt | error(tostring)",
}
QUESTIONS: Mapping[str, list[dict[str, Any]]] = {
    "sessions": [{}, {"format": "csv"}],
    "tariff": [{"type": "grid"}],
    "plan": [{"loadpoint": 1}],
    "nothing": [{}],
    "state": [{"jq": expression} for expression in (*EXPRESSIONS.values(), ".[")],
}

ASKED = ("evcc/jq/", "evcc/bridge/response/state", "evcc/bridge/problem")  # where results of expressions are

pytestmark = pytest.mark.broker


def planted(value: Any, numbers: Iterator[int]) -> Any:
    """A copy of a document with secrets in every object: as texts, as numbers, in objects, in lists, in addresses.

    Of a list only the first items are there: a forecast has thousands.
    """
    if isinstance(value, list):
        return [planted(item, numbers) for item in value[:9]]
    if not isinstance(value, dict):
        return value
    secrets: dict[str, Any] = {name: f"{SECRET}-{next(numbers)}" for name in NAMES}
    secrets |= {"secrets": [f"{SECRET}-{next(numbers)}"], "tokens": {"access": f"{SECRET}-{next(numbers)}"}}
    return {key: planted(item, numbers) for key, item in value.items()} | secrets | {"address": ADDRESS}


def document(evcc: Evcc) -> dict[str, Any]:
    """evcc's state with secrets in every corner, and with its configuration as newer releases show it."""
    configuration = {key: {"url": f"tcp://{CONFIGURED}", "list": [CONFIGURED], "deep": {}} for key in CONFIGURATION}
    whole: dict[str, Any] = planted(evcc.state | configuration, count())
    return whole | {"vehicles": vehicles(evcc)}


def vehicles(evcc: Evcc) -> dict[str, Any]:
    """The vehicles with secrets in them; the name of a vehicle does not make its values secret."""
    return {name: planted(vehicle, count(10_000)) for name, vehicle in evcc.state["vehicles"].items()}


class LeakyEvcc(Evcc):
    """An evcc with secrets in whatever it answers, and in each refusal."""

    def respond(self, request: Request) -> Answer | None:
        answer = super().respond(request)
        if request.method == "POST" and "/mode/" in request.path:
            return Answer(400, "application/json", json.dumps({"error": f"no answer of {ADDRESS}"}).encode())
        if answer is None or request.path == "/api/state" or "json" not in answer.content_type:
            return answer
        try:
            body = json.loads(answer.body)
        except ValueError:  # a faulty one
            return answer
        return replace(answer, body=json.dumps(planted(body, count(20_000))).encode())


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with LeakyEvcc(interval=0.5, login=EVCC_LOGIN, still=True) as simulated:
        for key, value in document(simulated).items():
            simulated.set((key,), value)
        yield simulated


@pytest.fixture
async def broker(start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> Mosquitto:
    return await start_broker(Config(users=dict([MQTT_LOGIN])))


# ways in which a login is configured: what is in the environment and on the command line

Way = Callable[[Bridge, Path], None]
LOGINS = {
    "evcc.user": EVCC_LOGIN[0],
    "evcc.password": EVCC_LOGIN[1],
    "evcc.api_key": f"{SECRET}-key",
    "mqtt.user": MQTT_LOGIN[0],
    "mqtt.password": MQTT_LOGIN[1],
}


def in_environment(bridge: Bridge, _: Path) -> None:
    bridge.environment |= {name.replace(".", "_").upper(): value for name, value in LOGINS.items()}


def in_addresses(bridge: Bridge, _: Path) -> None:
    for name, login in (("EVCC_URL", EVCC_LOGIN), ("MQTT_URL", MQTT_LOGIN)):
        scheme, found, rest = bridge.environment[name].partition("://")
        bridge.environment[name] = f"{scheme}{found}{':'.join(quote(part, safe='') for part in login)}@{rest}"


def in_a_file(bridge: Bridge, directory: Path) -> None:
    file = directory / "bridge.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in LOGINS.items()))
    bridge.environment["CONFIG"] = str(file)


def in_secrets(bridge: Bridge, directory: Path) -> None:
    secrets = directory / "credentials"
    secrets.mkdir()
    for name, value in LOGINS.items():
        (secrets / name.replace(".", "__")).write_text(f"{value}\n")
    bridge.environment["CREDENTIALS_DIRECTORY"] = str(secrets)


def in_arguments(bridge: Bridge, _: Path) -> None:
    bridge.arguments = tuple(f"--set={name}={value}" for name, value in LOGINS.items())


WAYS: tuple[Way, ...] = (in_environment, in_addresses, in_a_file, in_secrets, in_arguments)


def configured(evcc: Evcc, broker: Mosquitto, directory: Path, way: Way = in_environment, **more: str) -> Bridge:
    options = {"LOG_LEVEL": "debug", "TOPICS_JQ": json.dumps(EXPRESSIONS), "EVCC_INTERVAL": "3", **more}
    bridge = Bridge(evcc, broker, directory / "bridge.log", **options)
    way(bridge, directory)
    bridge.environment |= {name: value for name, value in more.items() if name.endswith("PASSWORD")}
    return bridge


async def printed(bridge: Bridge, *command: str) -> str:
    """What a command of `evcc-bridge` prints with the configuration of a bridge."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", *command, *bridge.arguments),
        env={**os.environ, **bridge.environment},
        stdout=PIPE,
        stderr=STDOUT,
    )
    return (await process.communicate())[0].decode()


COMMANDS = (
    ("check", "--quick"),
    ("topics",),
    ("topics", "--json"),
    ("topics", "--settable"),
    ("export", "openhab"),
    ("export", "nodered"),
    ("export", "homeassistant"),
)


async def answered(broker: Mosquitto, recorder: Recorder, name: str, question: Mapping[str, Any]) -> None:
    """Ask, and wait for the answer."""
    waiting = asyncio.create_task(recorder.message(f"evcc/bridge/response/{name}", WAIT))
    await asyncio.sleep(0)
    await publish(broker, f"evcc/bridge/request/{name}", json.dumps(question))
    await waiting


async def provoke(evcc: Evcc, broker: Mosquitto, recorder: Recorder, bridge: Bridge) -> None:
    """Cause whatever the bridge publishes and logs, good and bad."""
    for name, questions in QUESTIONS.items():
        for question in questions:
            await answered(broker, recorder, name, question)
    await recorder.until(lambda: recorder.last("evcc/jq/text") and recorder.last("evcc/jq/strings"), WAIT)
    evcc.set(("loadpoints", 0, "apiToken"), f"{SECRET}-pushed")
    evcc.set(("loadpoints", 0, "title"), ADDRESS)
    evcc.set("vehicles", vehicles(evcc))
    for leaf in ("mode", "apiToken"):
        waiting = asyncio.create_task(recorder.message(f"evcc/loadpoints/1/{leaf}/result", WAIT))
        await asyncio.sleep(0)
        await publish(broker, f"evcc/loadpoints/1/{leaf}/set", "now")
        await waiting
    evcc.set("fatal", [{"class": "mqtt", "error": f"cannot connect {ADDRESS}"}, {"error": {"password": SECRET}}])
    await recorder.value("evcc/bridge/evcc", "fatal", WAIT)
    await recorder.until(lambda: recorder.last("evcc/bridge/problem"), WAIT)
    assert "cannot connect" in await printed(bridge, "check")
    evcc.delete("fatal")
    await recorder.value("evcc/bridge/evcc", "online", WAIT)
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


def hidden(text: str) -> list[str]:
    """What is left to be found of secrets in a text: as they are, and as they are sent."""
    sent = base64.b64encode(":".join(EVCC_LOGIN).encode()).decode()
    return leaks(text, SECRET) + leaks(text, sent) + leaks(text, quote(EVCC_LOGIN[1].removeprefix(SECRET), safe=""))


@pytest.mark.parametrize("include", [[], ["*", "site/**", "loadpoints/**", "vehicles/**"]])
async def test_no_secret_is_published_logged_or_printed(
    evcc: Evcc, broker: Mosquitto, recorder: Recorder, tmp_path: Path, include: list[str]
) -> None:
    async with configured(evcc, broker, tmp_path, TOPICS_INCLUDE=json.dumps(include)) as bridge:
        await recorder.value("evcc/status", "online", WAIT)
        await provoke(evcc, broker, recorder, bridge)
        commands = [await printed(bridge, *command) for command in COMMANDS]
        await bridge.stop()
    out = everything(recorder, bridge.text(), *commands)
    for shown in ("evcc/loadpoints/1/mode pv", "jq error: ", "evcc/tariffs/grid [", "evcc/sessions/last/price "):
        assert shown in out
    for redacted in ("no answer of tcp://***@host", "cannot connect tcp://***@host", "title tcp://***@host"):
        assert redacted in out
    assert all(commands)
    assert hidden(out) == []
    published = {line.partition(" ")[0] for line in leaks(out, CONFIGURED) if line.startswith("evcc/")}
    asked = {topic for topic in published if topic.startswith(ASKED)}
    assert asked  # what an expression asks for is asked for
    assert bool(published - asked) == bool(include)


@pytest.mark.parametrize("way", WAYS)
async def test_no_login_is_shown_however_it_is_configured(
    evcc: Evcc, broker: Mosquitto, recorder: Recorder, tmp_path: Path, *, authority: Authority, way: Way
) -> None:
    files = authority.issue("bridge")
    key = files.key.read_text()
    files.key.write_text(f"{SECRET}\n{key}")
    more = {"MQTT_CERT_FILE": str(files.cert), "MQTT_KEY_FILE": str(files.key)}
    async with configured(evcc, broker, tmp_path, way, **more) as bridge:
        await recorder.value("evcc/status", "online", WAIT)
        await recorder.until(lambda: recorder.last("evcc/bridge/info"), WAIT)
        checked = await printed(bridge, "check")
        files.key.write_text(f"{SECRET}, not a key\n")
        bridge.signal(SIGHUP)
        refused = await printed(bridge, "check")
        unknown = await printed(bridge, "check", "--mqtt.password", MQTT_LOGIN[1])
        await bridge.stop()
    assert "answers at" in checked
    assert "mqtt.key_file" in refused
    assert "--mqtt.password" in unknown
    out = everything(recorder, bridge.text(), checked, refused, unknown)
    assert hidden(out) == []
    assert not any(line in out for line in key.splitlines()[1:-1])


@pytest.mark.parametrize("way", [in_environment, in_addresses])
async def test_a_refused_login_is_not_shown(
    evcc: Evcc, broker: Mosquitto, recorder: Recorder, tmp_path: Path, *, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    monkeypatch.setitem(LOGINS, "evcc.password", f"{SECRET}-mistyped")
    monkeypatch.setattr(f"{__name__}.EVCC_LOGIN", ("admin", f"{SECRET}-mistyped"))
    async with configured(evcc, broker, tmp_path, way) as bridge:
        await recorder.until(lambda: recorder.last("evcc/bridge/problem"), WAIT)
        checked = await printed(bridge, "check")
    assert "refuses the login" in checked
    assert hidden(everything(recorder, bridge.text(), checked)) == []


async def test_a_login_that_the_broker_refuses_is_not_shown(evcc: Evcc, broker: Mosquitto, tmp_path: Path) -> None:
    bridge = configured(evcc, broker, tmp_path, MQTT_PASSWORD=f"{SECRET}-mistyped")
    checked = await printed(bridge, "check")
    assert "refuse" in checked.lower() or "authori" in checked.lower()
    assert hidden(checked) == []
