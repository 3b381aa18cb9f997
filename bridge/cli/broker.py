"""Runs a private mosquitto for as long as the demo runs."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.errors import BrokerError

HOST = "127.0.0.1"
_START = 10.0  # seconds
_TERMINATION = 5.0  # seconds
_CONFIG = """\
listener {port} {host}
allow_anonymous true
persistence false
max_queued_messages 10000
log_type error
"""
_MISSING = (
    "the demo needs a broker, and mosquitto is not installed: install it (Debian, Ubuntu: apt-get install mosquitto;"
    " macOS: brew install mosquitto), or name a broker: evcc-bridge demo --mqtt-url mqtt://host"
)


@asynccontextmanager
async def broker() -> AsyncIterator[str]:
    """Run mosquitto on a free port; gives its URL. BrokerError when it is not installed or does not start."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise BrokerError(_MISSING)
    port = _free_port()
    with TemporaryDirectory(prefix="evcc-bridge-") as directory:
        config = _write_config(directory, port)
        # a session of its own: Ctrl-C must not end it before the bridge has published `offline`
        process = await asyncio.create_subprocess_exec(program, "-c", config, start_new_session=True)
        try:
            await _until_listening(process, port)
            yield f"mqtt://{HOST}:{port}"
        finally:
            await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """End a process in an orderly way, or, if that takes too long, at once."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _TERMINATION)
    except TimeoutError:
        process.kill()
        await process.wait()


def _write_config(directory: str, port: int) -> str:
    path = Path(directory, "mosquitto.conf")
    path.write_text(_CONFIG.format(host=HOST, port=port))
    return str(path)


async def _until_listening(process: asyncio.subprocess.Process, port: int) -> None:
    try:
        async with asyncio.timeout(_START):
            while process.returncode is None and not await _connects(port):  # noqa: ASYNC110 - a port has no event
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise BrokerError("mosquitto does not begin to listen") from None
    if process.returncode is not None:
        raise BrokerError(f"mosquitto ended at once with code {process.returncode}")


async def _connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
