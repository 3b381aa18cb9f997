"""The daemon as a container runs it, and as a shell does: it behaves the same."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import orjson
import pytest

from bridge.demo import Evcc
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder

# the first process of its own, with nothing writable and no capabilities, as under docker-compose.yml
_CONTAINER = [
    *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec"),
    'mount -o remount,bind,ro /; exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"',
    "sh",
]
_needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a container")

pytestmark = pytest.mark.broker


@pytest.mark.parametrize(
    "around", [pytest.param([], id="shell"), pytest.param(_CONTAINER, id="container", marks=_needs_root)]
)
async def test_it_serves_and_ends_alike(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path, around: list[str]
) -> None:
    async with Evcc(still=True) as evcc:
        with (tmp_path / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(*around, sys.executable, "-B", "-m", "bridge", "run"),
                env={"PATH": os.environ["PATH"], "EVCC_URL": evcc.url, "MQTT_URL": broker.url},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await recorder.value("evcc/status", "online", wait=30)
        os.kill(_innermost(process.pid), signal.SIGTERM)
        assert await process.wait() == 0
        await recorder.value("evcc/status", "offline")
    events = [orjson.loads(line)["event"] for line in (tmp_path / "log").read_bytes().splitlines()]
    assert sorted(events) == ["broker found", "evcc found", "evcc is online", "stopped"]


def _innermost(pid: int) -> int:
    """The process that a chain of single children ends with."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid
