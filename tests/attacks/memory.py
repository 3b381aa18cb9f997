"""Memory and CPU time of a process under attack, as Linux reports them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

MEGABYTE = 2**20
RETURNED = 20 * MEGABYTE  # what may remain of an attack's memory
_LOOK = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def bounded(pid: int, attack: str, most: int, remaining: int = RETURNED) -> AsyncIterator[None]:
    """Assert that an attack takes at most so many bytes more, and how many of them may remain.

    The figures are printed, as a row of a table (`pytest -s`): memory before, at most and afterwards, in MB, and the
    CPU seconds of the attack.
    """
    before, began = resident(pid), cpu_seconds(pid)
    yield
    spent = cpu_seconds(pid) - began
    after = await _until_returned(pid, before)
    show(attack, before, highest(pid), after, spent)
    assert highest(pid) - before < most
    assert after - before <= remaining


def show(attack: str, before: int, most: int, after: int, seconds: float) -> None:
    """Print a row."""
    row = " | ".join(f"{size / MEGABYTE:.1f}" for size in (before, most, after))
    print(f"\n| {attack} | {row} | {seconds:.2f} |")  # noqa: T201 - the figures are for whoever asks for them


def resident(pid: int) -> int:
    """The resident memory of a process now, in bytes."""
    return _field(pid, "VmRSS")


def highest(pid: int) -> int:
    """The most resident memory that it has had, in bytes."""
    return _field(pid, "VmHWM")


def cpu_seconds(pid: int) -> float:
    """The CPU time that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _until_returned(pid: int, before: int, seconds: float = 60.0) -> int:
    """Wait until memory is within 20 MB of `before`, at most so many seconds; what it is then, in bytes."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (now := resident(pid)) > before + RETURNED and loop.time() < end:  # noqa: ASYNC110 - the kernel has no event for it
        await asyncio.sleep(_LOOK)
    return now


def _field(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
