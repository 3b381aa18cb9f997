"""SIGHUP: a new configuration restarts the site, an unchanged or a wrong one leaves it alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGHUP

import pytest

from evcc_simulator import Evcc
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import Bridge

pytestmark = pytest.mark.broker
WAIT = 60.0


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with Evcc(still=True) as simulated:
        yield simulated


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.toml"
    path.write_text('[mqtt]\nroot = "first"\n')
    return path


@pytest.fixture
async def bridge(evcc: Evcc, broker: Mosquitto, tmp_path: Path, config: Path) -> AsyncIterator[Bridge]:
    async with Bridge(evcc, broker, tmp_path / "log", CONFIG=str(config)) as process:
        yield process


def configure(bridge: Bridge, config: Path, content: str) -> None:
    """Let the bridge read another configuration."""
    config.write_text(content)
    bridge.signal(SIGHUP)


async def until_logged(bridge: Bridge, text: str) -> None:
    async with asyncio.timeout(WAIT):
        while text not in bridge.text():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("content", "logged"),
    [
        pytest.param('[mqtt]\nroot = "first"\n', "nothing has changed", id="unchanged"),
        pytest.param("# another comment\n[mqtt]\nroot='first'\n", "nothing has changed", id="unchanged-in-effect"),
        pytest.param("[mqtt]\nno_such_option = 1\n", "no_such_option", id="unknown-option"),
        pytest.param('[mqtt]\nroot = "a/#"\n', "mqtt.root", id="wrong-value"),
        pytest.param("[mqtt\n", "no TOML file", id="no-toml"),
    ],
)
async def test_the_site_is_left_alone(
    bridge: Bridge, evcc: Evcc, recorder: Recorder, *, config: Path, content: str, logged: str
) -> None:
    await recorder.value("first/status", "online", WAIT)
    await recorder.fresh()
    configure(bridge, config, content)
    await until_logged(bridge, logged)
    evcc.set("homePower", 4711)
    await recorder.value("first/site/homePower", "4711", WAIT)
    assert not recorder.payloads("first/status")
    assert bridge.text().count("broker found") == 1
    assert await bridge.stop() == 0


async def test_the_site_is_restarted(bridge: Bridge, recorder: Recorder, config: Path) -> None:
    await recorder.value("first/status", "online", WAIT)
    configure(bridge, config, '[mqtt]\nroot = "second"\n')
    await recorder.value("second/status", "online", WAIT)
    assert recorder.last("first/status") == b"offline"
    assert await bridge.stop() == 0
    await recorder.value("second/status", "offline", WAIT)


async def test_a_configuration_that_comes_while_a_site_ends_is_taken_too(
    bridge: Bridge, recorder: Recorder, config: Path
) -> None:
    await recorder.value("first/status", "online", WAIT)
    configure(bridge, config, '[mqtt]\nroot = "second"\n')
    await until_logged(bridge, "restarting the site")
    configure(bridge, config, '[mqtt]\nroot = "third"\n')
    await recorder.value("third/status", "online", WAIT)
    assert recorder.last("second/status") in {None, b"offline"}
    assert await bridge.stop() == 0
