"""How long a change takes to the page, in Chromium."""

import asyncio
import time
from typing import TYPE_CHECKING

from tests.bench.figures import Figure, p95
from tests.clients import programs
from tests.web.house import House
from tests.web.serving import serving

if TYPE_CHECKING:
    from playwright.async_api import Page

TOPIC = "site/aaa"
_AIM = 200  # milliseconds
_VALUE = "document.querySelector('.row[aria-selected=true] .value')"
_OBSERVE = f"""() => {{
    window.delays = [];
    new MutationObserver(() => window.delays.push(Date.now() - Number({_VALUE}.textContent.slice(1))))
        .observe({_VALUE}, {{ childList: true, characterData: true, subtree: true }});
}}"""


async def until(page: "Page", condition: str) -> None:
    """Wait for JavaScript to be true. Playwright's own way to do this is forbidden by the content security policy."""
    async with asyncio.timeout(15):
        while not await page.evaluate(f"Boolean({condition})"):  # noqa: ASYNC110 - the page sets no event here
            await asyncio.sleep(0.01)


async def delays(page: "Page", house: House, count: int) -> list[float]:
    """The seconds from each of `count` changes of `TOPIC`, which is selected in `page`, until the page shows it."""
    house.site.mirror.tree.set("x", {TOPIC: b"t0"})
    await until(page, f"{_VALUE}?.textContent === 't0'")
    await page.evaluate(_OBSERVE)
    for number in range(1, count + 1):
        house.site.mirror.tree.set("x", {TOPIC: b"t%d" % (time.time() * 1_000)})
        await until(page, f"window.delays.length >= {number}")
    return [delay / 1_000 for delay in await page.evaluate("window.delays")]


def figures(count: int) -> list[Figure]:
    """The time from a change in the bridge to the page, the median and that which 95 of 100 do not exceed."""
    found = sorted(asyncio.run(_measured(count)))
    return [
        Figure(f"change -> page, {word}", value * 1_000, "ms", aim=_AIM)
        for word, value in (("median", found[len(found) // 2]), ("p95", p95(found)))
    ]


async def _measured(count: int) -> list[float]:
    from playwright.async_api import async_playwright  # noqa: PLC0415 - is not there in every environment

    async with serving() as (house, url), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=programs.chromium(), args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(f"{url}/#topics:evcc/{TOPIC}")
        found = await delays(page, house, count)
        await browser.close()
        return found
