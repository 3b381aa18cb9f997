"""Take the pictures of the page in docs/: `python -m tests.web.pictures`."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from bridge.settings import Settings
from bridge.site import Site
from bridge.util import logging
from bridge.util.recent_lines import RecentLines
from bridge.web.server import Server
from evcc_simulator import Evcc
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.ports import free_port
from tests.clients import programs

DOCS = Path(__file__).resolve().parents[2] / "docs/pictures"
NOON = 1795692000  # the sun shines in the simulated house
SHOTS = {
    "page-overview.png": ("overview", {"viewport": {"width": 1280, "height": 800}}),
    "page-topics.png": (
        "topics:evcc/loadpoints/1/limitSoc",
        {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    ),
    "page-phone.png": ("overview", {"viewport": {"width": 390, "height": 844}, "locale": "de-DE"}),
}


async def main() -> None:
    """Take all pictures of a house where something happens."""
    port, lines = free_port(), RecentLines()
    logging.configure(recent=lines)
    with tempfile.TemporaryDirectory() as name:
        async with Mosquitto(Path(name), Config()) as broker, Evcc(interval=1, start=NOON) as evcc:
            options = {
                "evcc": {"url": evcc.url, "grace": 1},
                "mqtt": {"url": broker.url},
                "web": {"listen": f"127.0.0.1:{port}", "write": True},
            }
            settings = Settings.model_validate(options)
            site = Site(settings)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(site.run())
                serving = group.create_task(Server(settings.web, {"evcc": site}, lines).run())
                await site.report.published()
                await take_all(f"http://127.0.0.1:{port}/")
                serving.cancel()
                running.cancel()


async def take_all(url: str) -> None:
    """Every picture in a window of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=programs.chromium(), args=["--no-sandbox"])
        for name in SHOTS:
            (DOCS / name).write_bytes(await take(browser, url, name))
        await browser.close()


async def take(browser: Browser, url: str, name: str) -> bytes:
    """One picture."""
    view, options = SHOTS[name]
    context = await browser.new_context(**options)  # type: ignore[arg-type] # as of Playwright
    page = await context.new_page()
    await page.goto(f"{url}#{view}")
    await page.wait_for_timeout(3000)
    found = await page.screenshot()
    await context.close()
    return found


if __name__ == "__main__":
    asyncio.run(main())
