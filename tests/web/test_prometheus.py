"""The metrics and the dashboard's queries in a real Prometheus."""

import asyncio
import shutil
import sys
from asyncio.subprocess import DEVNULL, create_subprocess_exec
from pathlib import Path

import httpx
import pytest

from tests.broker.ports import free_port
from tests.web.serving import serving
from tests.web.test_metrics import TestDashboard

WITHOUT_RESULT = ("commands_total",)  # there were none
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: evcc
    authorization: {{credentials: a-long-token}}
    static_configs: [{{targets: ["{target}"]}}]
"""

pytestmark = pytest.mark.client


async def test_every_query_of_the_dashboard_has_a_result(tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    queries = [query for query in TestDashboard().queries() if not query.startswith("label_values")]
    async with serving(token="a-long-token") as (_, url):
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(target=url.removeprefix("http://")))
        port = free_port()
        process = await create_subprocess_exec(
            program,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=DEVNULL,
            stderr=sys.stderr,
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                await until_scraped(http)
                for query in queries:
                    found = await ask(http, query.replace("$site", ".*").replace("$__rate_interval", "5s"))
                    assert found or any(part in query for part in WITHOUT_RESULT), query
        finally:
            process.terminate()
            await process.wait()


async def until_scraped(http: httpx.AsyncClient) -> None:
    """Wait for three scrapes, so that there are rates."""
    async with asyncio.timeout(30):
        while True:
            try:
                if (
                    int(
                        (await ask(http, "count_over_time(evcc_bridge_topics[1m])") or [{"value": ["0", "0"]}])[0][
                            "value"
                        ][1]
                    )
                    > 2
                ):
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


async def ask(http: httpx.AsyncClient, query: str) -> list[dict[str, list[str]]]:
    answer = (await http.get("/api/v1/query", params={"query": query})).json()
    assert answer.get("status") == "success" or answer.get("errorType") == "unavailable", answer
    found: list[dict[str, list[str]]] = answer.get("data", {}).get("result", [])
    return found
