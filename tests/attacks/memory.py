"""Memory of a process, as Linux reports it."""

import asyncio
from pathlib import Path

MEGABYTE = 2**20
RETURNED = 20 * MEGABYTE  # what may remain of an attack's memory
_LOOK = 0.2


def resident(pid: int) -> int:
    """The resident memory of a process now, in bytes."""
    return _field(pid, "VmRSS")


def highest(pid: int) -> int:
    """The most resident memory that it has had, in bytes."""
    return _field(pid, "VmHWM")


async def until_returned(pid: int, before: int, seconds: float = 60.0) -> int:
    """Wait until memory is within 20 MB of `before`, at most so many seconds; what it is then, in bytes."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (now := resident(pid)) > before + RETURNED and loop.time() < end:  # noqa: ASYNC110 - the kernel has no event
        await asyncio.sleep(_LOOK)
    return now


def _field(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
