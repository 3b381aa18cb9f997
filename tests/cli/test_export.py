"""`evcc-bridge export`."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.cli.arguments import EXPORTS, parse
from bridge.cli.export import run
from bridge.errors import BridgeError
from bridge.export.options import Options
from bridge.settings import Evcc as EvccOptions
from bridge.settings import Mqtt, Settings
from evcc_simulator import Evcc


@pytest.fixture
async def settings() -> AsyncIterator[Settings]:
    async with Evcc(still=True) as evcc:
        mqtt = Mqtt.model_validate({"url": "mqtt://me:geheim@broker", "root": "home"})
        yield Settings(evcc=EvccOptions(url=evcc.url), mqtt=mqtt)


@pytest.mark.parametrize("target", EXPORTS)
async def test_every_target_is_printed_without_a_login(
    settings: Settings, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(run, settings, target, None) == 0
    text = capsys.readouterr().out
    assert "home/loadpoints/1/" in text
    assert "geheim" not in text


async def test_what_is_printed_for_node_red_can_be_imported(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(run, settings, "nodered", None) == 0
    printed = capsys.readouterr()
    assert {"tab", "mqtt-broker"} <= {node["type"] for node in json.loads(printed.out)}
    assert "dashboard.json" in printed.err


@pytest.mark.parametrize("target", ["openhab", "nodered"])
@pytest.mark.parametrize(
    ("url", "broker", "warns"),
    [
        ("mqtt://localhost", "", True),
        ("mqtt://127.0.0.1:1884", "", True),
        ("unix:///run/mosquitto.sock", "", True),
        ("mqtt://localhost", "mqtts://broker.local", False),
        ("mqtt://broker.local", "", False),
    ],
)
async def test_the_broker_is_one_that_the_other_program_reaches(
    settings: Settings, target: str, url: str, broker: str, *, warns: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    local = Settings.model_validate({**settings.model_dump(), "mqtt": {"url": url, "root": "home"}})
    assert await asyncio.to_thread(run, local, target, None, Options(broker=broker)) == 0
    printed = capsys.readouterr()
    assert ("--broker" in printed.err) is warns
    assert warns or "broker.local" in printed.out


@pytest.mark.parametrize(
    "arguments", [["--broker", "http://broker"], ["--broker", "mqtt://me:geheim@broker"], ["--parent", "1st"],
                  ["--location", "a b"], ["--semantics", "3"]]
)  # fmt: skip
def test_wrong_wishes_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["export", "openhab", *arguments])
    assert "geheim" not in capsys.readouterr().err


def test_what_is_wanted_is_handed_on() -> None:
    plain, wanted = (
        parse(["export", "openhab", *more]) for more in ([], ["--broker", "mqtt://b", "--parent", "Energy"])
    )
    assert (plain.broker, plain.parent, plain.location, plain.semantics) == (None, None, None, 4)
    assert (wanted.broker, wanted.parent) == ("mqtt://b", "Energy")


async def test_files_are_written_and_named(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(run, settings, "homeassistant", tmp_path / "new")
    (name,) = capsys.readouterr().out.splitlines()
    (written,) = (tmp_path / "new").iterdir()
    assert name == str(written)
    assert json.loads(written.read_text())


@pytest.mark.parametrize("target", EXPORTS)
async def test_what_is_not_published_or_may_not_be_set_is_not_exported(
    settings: Settings, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {"topics": {"exclude": ["site/pv*"]}, "commands": {"deny": ["loadpoints/*"]}}
    limited = Settings.model_validate({**settings.model_dump(), **limits})
    assert await asyncio.to_thread(run, limited, target, None) == 0
    text = capsys.readouterr().out
    assert "home/loadpoints/1/limitSoc" in text
    assert "home/loadpoints/1/limitSoc/set" not in text
    assert "/limitSoc/set" in text
    assert "home/site/homePower" in text
    assert "home/site/pvPower" not in text


async def test_what_cannot_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BridgeError, match="cannot be written"):
        await asyncio.to_thread(run, settings, "homeassistant", tmp_path / "file")
