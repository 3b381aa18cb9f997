"""Memory that is free goes back to the system."""

import asyncio
import ctypes
import sys
from pathlib import Path
from resource import getpagesize

import pytest

from bridge.daemon import resources
from tests.virtual import in_virtual_time

BLOCK = 60_000  # bytes: less than what glibc asks the system for one by one


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


async def _trim_for(seconds: float) -> None:
    task = asyncio.create_task(resources.trim())
    await asyncio.sleep(seconds)
    task.cancel()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason=f"no glibc: {sys.platform}")
def test_what_a_flood_took_goes_back_in_a_minute() -> None:
    blocks = [bytes([number % 256]) * BLOCK for number in range(1000)]
    kept = blocks[::10]  # what lies between keeps the heap from shrinking
    before = resident()
    del blocks
    in_virtual_time(_trim_for(60))
    assert before - resident() > 0.7 * 900 * BLOCK
    assert len(kept) == 100


def test_another_c_library_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    in_virtual_time(resources.trim())
