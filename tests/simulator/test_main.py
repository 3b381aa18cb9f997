"""The simulated evcc as a program of its own."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx


@asynccontextmanager
async def _program(*options: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "evcc_simulator", *options, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _urls(process: Process) -> list[str]:
    assert process.stdout
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    return re.findall(r"http://[\d.:]+", line.decode())


async def test_is_driven_from_outside_and_ends_on_sigterm() -> None:
    async with _program("--era", "0.131.4", "--port", "0", "--control", "0", "--loadpoints", "4") as process:
        url, control = await _urls(process)
        async with httpx.AsyncClient() as client:
            await client.post(f"{control}/demo/set", json={"path": "siteTitle", "value": "from outside"})
            told = (await client.get(f"{url}/api/state")).json()["result"]
            assert (told["siteTitle"], len(told["loadpoints"])) == ("from outside", 4)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 2) == 0


async def test_has_no_second_port_unless_asked() -> None:
    async with _program("--port", "0") as process:
        [url] = await _urls(process)
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{url}/demo/refuse")).status_code == 404
