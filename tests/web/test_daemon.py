"""The page of the daemon as a user starts it, and the journal on the broker."""

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGHUP
from typing import Any

import httpx
import pytest

from evcc_simulator import Evcc
from tests.broker.client import client
from tests.broker.mosquitto import Mosquitto
from tests.broker.ports import free_port
from tests.broker.recorder import Recorder
from tests.site.running import Bridge

WAIT = 20.0
JOURNAL = "evcc/bridge/journal"
MOST_MEMORY = 10 + 5  # MB of the page, and what two restarts of the site leave behind


def test_nothing_of_it_is_imported_while_it_is_off() -> None:
    script = "import sys, bridge.daemon, bridge.cli.main; print([n for n in sys.modules if n in sys.argv[1:]])"
    names = ("starlette", "uvicorn", "prometheus_client", "bridge.web", "bridge.web.server")
    found = subprocess.run([sys.executable, "-c", script, *names], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def resident(bridge: Bridge) -> float:
    """The resident memory of its process in MB."""
    assert bridge.process is not None
    pages = int(Path(f"/proc/{bridge.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(WAIT):
        while True:
            try:
                if (await http.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest.mark.broker
class TestDaemon:
    async def test_it_serves_stops_at_once_and_logs_no_error(self, broker: Mosquitto, tmp_path: Path) -> None:
        port = free_port()
        async with (
            Evcc(interval=1, still=True) as evcc,
            Bridge(evcc, broker, tmp_path / "log", WEB_LISTEN=f"127.0.0.1:{port}", LOG_FORMAT="json") as bridge,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            await ready(http)
            async with http.stream("GET", "/api/stream") as response:
                await anext(response.aiter_bytes())
                began = time.monotonic()
                assert await bridge.stop() == 0
                assert time.monotonic() - began < 4
            levels = [json.loads(line)["level"] for line in bridge.text().splitlines()]
            assert set(levels) == {"info"}

    async def test_it_is_switched_on_moved_and_costs_little_memory(
        self, broker: Mosquitto, recorder: Recorder, tmp_path: Path
    ) -> None:
        port, other = free_port(), free_port()
        config = tmp_path / "bridge.toml"
        config.write_text("")
        async with (
            Evcc(interval=1, still=True) as evcc,
            Bridge(evcc, broker, tmp_path / "log", CONFIG=str(config)) as bridge,
            httpx.AsyncClient() as http,
        ):
            await recorder.value("evcc/status", "online", WAIT)
            off = resident(bridge)
            for listen in (port, other):
                config.write_text(f'[web]\nlisten = "127.0.0.1:{listen}"\n')
                bridge.signal(SIGHUP)
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listen}") as page:
                    await ready(page)
                    for path in ("/", "/api/topics", "/metrics"):
                        assert (await page.get(path)).status_code == 200
            print(f"memory with the page: {resident(bridge) - off:.1f} MB more")  # noqa: T201
            assert resident(bridge) - off < MOST_MEMORY
            with pytest.raises(httpx.ConnectError):
                await http.get(f"http://127.0.0.1:{port}/healthz")


@pytest.mark.broker
class TestJournal:
    async def test_the_last_20_commands_also_over_a_restart(
        self, broker: Mosquitto, recorder: Recorder, tmp_path: Path
    ) -> None:
        def statuses() -> list[str]:
            return [entry["status"] for entry in entries()]

        def entries() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = json.loads(recorder.tree().get(JOURNAL, b"[]"))
            return found

        async with client(broker) as before:
            await before.publish("evcc/site/bufferSoc/set", "10", retain=True, qos=1)
        async with (
            Evcc(interval=1, still=True) as evcc,
            Bridge(evcc, broker, tmp_path / "log", COMMANDS_DENY='["site/prioritySoc"]') as bridge,
            client(broker) as mqtt,
        ):
            await recorder.value("evcc/status", "online", WAIT)
            await recorder.until(lambda: statuses() == ["stale"], WAIT)
            await mqtt.publish("evcc/site/prioritySoc/set", "10", qos=1)
            await mqtt.publish("evcc/site/bufferSoc/set", "80 %", qos=1)
            await recorder.until(lambda: sorted(statuses()) == ["ok", "refused", "stale"], WAIT)
            entry = next(entry for entry in entries() if entry["status"] == "ok")
            assert (entry["topic"], entry["payload"], entry["value"]) == ("site/bufferSoc", "80 %", 80)
            assert entry["call"] == "POST /api/buffersoc/80"
            assert abs(entry["time"] - time.time()) < 60
            await bridge.stop()
            await recorder.value("evcc/status", "offline", WAIT)
            await bridge.start()
            await recorder.value("evcc/status", "online", WAIT)
            for number in range(18):
                await mqtt.publish(f"evcc/site/nothing{number}/set", "1", qos=1)
            await recorder.until(lambda: len(entries()) == 20 and entries()[0]["status"] != "stale", WAIT)
            assert entries()[-1]["topic"] == "site/nothing17"
