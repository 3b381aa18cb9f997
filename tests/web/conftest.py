"""Fixtures for the page in a real browser. Without Playwright, Chromium or npm, its tests are skipped."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.clients import programs

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser."""
    pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    try:
        return programs.chromium()
    except programs.MissingError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    try:
        return programs.axe()
    except programs.MissingError as reason:
        pytest.skip(str(reason))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator["Browser"]:
    """A browser for all tests of a module, which run in one event loop for it: it takes two seconds to start."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - may not be there

    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: "Browser") -> AsyncIterator[Callable[..., Awaitable["Page"]]]:
    """Open an address in a window of its own (options as of Playwright's `new_context`).

    What the browser complains about fails the test: scripts that fail, files that are missing, and whatever the
    content security policy forbids.
    """
    complaints: list[str] = []
    async with AsyncExitStack() as stack:

        async def start(url: str, **options: Any) -> "Page":
            context = await browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.set_default_timeout(15_000)
            await page.goto(url)
            return page

        yield start
    allowed = ("net::ERR_CONNECTION_REFUSED", "net::ERR_INCOMPLETE_CHUNKED_ENCODING", "status of 401")
    assert [text for text in complaints if not any(part in text for part in allowed)] == []
