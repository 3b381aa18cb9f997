"""Fixtures for the page in a real browser. Without Playwright, Chromium or npm, its tests are skipped."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients import programs

if TYPE_CHECKING:
    from playwright.async_api import Page


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


@pytest.fixture
async def open_page(chromium: str) -> AsyncIterator[Callable[..., Awaitable["Page"]]]:
    """Open an address in a window of its own (options as of Playwright's `new_context`).

    What the browser complains about fails the test: scripts that fail, files that are missing, and whatever the
    content security policy forbids.
    """
    from playwright.async_api import async_playwright  # noqa: PLC0415 - may not be there

    complaints: list[str] = []
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        stack.push_async_callback(browser.close)

        async def start(url: str, **options: Any) -> "Page":
            context = await browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
            page = await context.new_page()
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.set_default_timeout(15_000)
            await page.goto(url)
            return page

        yield start
    allowed = ("net::ERR_CONNECTION_REFUSED", "net::ERR_INCOMPLETE_CHUNKED_ENCODING", "status of 401")
    assert [text for text in complaints if not any(part in text for part in allowed)] == []
