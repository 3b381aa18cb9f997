"""Several sites in one process: each on its own, read again on SIGHUP, and moved from one process to another."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from signal import SIGHUP
from typing import Any

import httpx
import pytest

from bridge.settings import Fleet
from evcc_simulator import Evcc
from tests.broker.client import client
from tests.broker.mosquitto import Mosquitto
from tests.broker.ports import free_port
from tests.broker.recorder import Recorder
from tests.site.running import Bridge

pytestmark = pytest.mark.broker


@pytest.fixture
async def evccs() -> AsyncIterator[list[Evcc]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Evcc(still=True)) for _ in range(3)]


async def instance(recorder: Recorder, root: str) -> str:
    """Which run of a bridge publishes below a root."""
    await recorder.until(lambda: recorder.last(f"{root}/bridge/info") is not None)
    return str(json.loads(recorder.last(f"{root}/bridge/info") or b"{}")["instance"])


class TestReload:
    async def test_only_what_changed_is_touched(
        self, evccs: list[Evcc], broker: Mosquitto, recorder: Recorder, tmp_path: Path
    ) -> None:
        sites = tmp_path / "sites"
        sites.mkdir()
        port = free_port()
        config = tmp_path / "bridge.toml"
        config.write_text(f'sites_dir = "{sites}"\n[web]\nlisten = "127.0.0.1:{port}"\n')

        def configure(**contents: str) -> None:
            for name, content in contents.items():
                (sites / f"{name}.toml").write_text(content)

        configure(**{name: f'[evcc]\nurl = "{evcc.url}"\n' for name, evcc in zip("abc", evccs, strict=True)})
        environment = {"CONFIG": str(config), "LOG_FORMAT": "json"}
        async with (
            Bridge("http://127.0.0.1:1", broker, tmp_path / "log", **environment) as bridge,
            client(broker) as sender,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            for name in "abc":
                await recorder.value(f"evcc/{name}/status", "online")
            before = {name: await instance(recorder, f"evcc/{name}") for name in "abc"}
            assert len({*before.values()}) == 3
            assert (await http.get("/readyz")).status_code == 200
            await recorder.fresh()

            configure(a="[mqtt]\nqos = 7\n", b=f'[evcc]\nurl = "{evccs[1].url}"\n[topics]\naliases = false\n')
            bridge.signal(SIGHUP)
            await recorder.value("evcc/a/status", "offline")
            await recorder.until(lambda: recorder.payloads("evcc/b/status")[-1:] == [b"online"])
            assert recorder.payloads("evcc/b/status")[0] == b"offline"
            await recorder.value("evcc/b/bridge/evcc", "online")
            await sender.publish("evcc/c/site/bufferSoc/set", "33", qos=1)
            await recorder.value("evcc/c/site/bufferSoc", "33")
            assert not recorder.payloads("evcc/c/status")
            assert await instance(recorder, "evcc/b") != before["b"]

            ready = await http.get("/readyz")
            assert (ready.status_code, ready.text.partition(": ")[0]) == (503, "a")
            health = (await http.get("/api/health")).json()
            assert {name: site["evcc"] for name, site in health.items()} == {
                "a": "stopped",
                "b": "online",
                "c": "online",
            }
            assert "mqtt.qos" in health["a"]["problem"]
            topics = (await http.get("/api/topics")).json()
            assert {topic.split("/")[1] for topic in topics} == {"b", "c"}
            metrics = (await http.get("/metrics")).text
            assert 'evcc_bridge_evcc_online{site="c"} 1.0' in metrics

            (sites / "a.toml").unlink()
            bridge.signal(SIGHUP)
            async with asyncio.timeout(30):
                while (await http.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.05)
            assert await bridge.stop() == 0
            for name in "bc":
                await recorder.value(f"evcc/{name}/status", "offline")
        lines = [json.loads(line) for line in bridge.text().splitlines()]
        assert {line.get("site") for line in lines if line["event"] == "evcc found"} == {"a", "b", "c"}
        (wrong,) = [line for line in lines if line["level"] == "error"]
        assert (wrong["site"], "mqtt.qos" in wrong["reason"]) == ("a", True)


class TestFleet:
    async def test_a_site_that_moves_is_published_by_one_process_at_any_time(
        self, evccs: list[Evcc], broker: Mosquitto, recorder: Recorder, tmp_path: Path
    ) -> None:
        """The new process is there before the old one has read that the site is not its own any more."""
        moved, stays = (
            next(f"s{number}" for number in range(99) if Fleet(index=index, count=2).runs(f"s{number}"))
            for index in (1, 0)
        )
        sites = [{"name": name, "evcc": {"url": evcc.url}} for name, evcc in zip((moved, stays), evccs, strict=False)]
        config = tmp_path / "bridge.toml"

        def process(number: int, **environment: str) -> Bridge:
            everything = {"SITES": json.dumps(sites), "DISCOVERY_HOMEASSISTANT": "false", **environment}
            return Bridge("http://127.0.0.1:1", broker, tmp_path / f"log{number}", **everything)

        config.write_text("")
        async with process(0, CONFIG=str(config)) as first:
            await recorder.value(f"evcc/{moved}/status", "online")
            await recorder.value(f"evcc/{stays}/status", "online")
            old = await instance(recorder, f"evcc/{moved}")
            async with process(1, FLEET_INDEX="bridge-1", FLEET_COUNT="2") as second:
                presence = f"evcc/{moved}/bridge/marker/present"
                await recorder.until(lambda: any(old not in text.decode() for text in recorder.payloads(presence)))
                await recorder.fresh()
                config.write_text("[fleet]\ncount = 2\n")
                first.signal(SIGHUP)
                await recorder.until(lambda: recorder.payloads(f"evcc/{moved}/status") == [b"offline", b"online"])
                assert publishers(recorder, moved, old) == [old, "offline", "new", "online"]
                assert not recorder.payloads(f"evcc/{stays}/status")
                assert await second.stop() == 0
            assert await first.stop() == 0


def publishers(recorder: Recorder, site: str, old: str) -> list[str]:
    """In their order: whose `bridge/info` there was, and what `status` became."""
    found: list[str] = [old]
    for record in recorder.records:
        word: Any = None
        if record.topic == f"evcc/{site}/bridge/info":
            word = old if json.loads(record.payload)["instance"] == old else "new"
        elif record.topic == f"evcc/{site}/status":
            word = record.payload.decode()
        if word and word != found[-1]:
            found.append(word)
    return found
