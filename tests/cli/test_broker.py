"""The broker of the demo."""

import shutil
import sys
from pathlib import Path

import aiomqtt
import pytest

from bridge.cli import broker as module
from bridge.cli.broker import broker
from bridge.errors import BrokerError
from bridge.settings.urls import Address
from tests.patience import PATIENCE


def address(url: str) -> tuple[str, int]:
    found = Address.of(url)
    return found.host, found.port


@pytest.mark.broker
async def test_runs_as_long_as_it_is_needed() -> None:
    async with broker() as url, aiomqtt.Client(*address(url)) as client:
        await client.subscribe("topic")
        await client.publish("topic", "payload", retain=True)
        message = await anext(client.messages)
        assert message.payload == b"payload"
    with pytest.raises(aiomqtt.MqttError):
        await aiomqtt.Client(*address(url)).__aenter__()


@pytest.mark.broker
async def test_two_are_apart() -> None:
    async with broker() as one, broker() as other:
        assert one != other


async def test_where_there_is_none_it_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(BrokerError, match="apt-get install mosquitto"):
        async with broker():
            pass


@pytest.mark.parametrize(
    ("program", "start", "reason"),
    [("sys.exit(3)", PATIENCE, "ended at once with code 3"), ("import time; time.sleep(60)", 0.5, "begin to listen")],
)
async def test_one_that_does_not_start(
    program: str, start: float, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "mosquitto"
    script.write_text(f"#!{sys.executable}\nimport sys\n{program}\n")
    script.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: str(script))
    monkeypatch.setattr(module, "_START", start)
    with pytest.raises(BrokerError, match=reason):
        async with broker():
            pass
