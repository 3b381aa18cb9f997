"""`evcc-bridge export`: files that make another program know every topic."""

import asyncio
import sys
from pathlib import Path

from bridge import discovery
from bridge.cli.topics import read
from bridge.commands.permission import Permission
from bridge.errors import BridgeError
from bridge.settings import Settings


def run(settings: Settings, target: str, out: Path | None) -> int:
    """Ask evcc once, and print the files for `target` or write them to the directory `out`."""
    return asyncio.run(_run(settings, target, out))


async def _run(settings: Settings, target: str, out: Path | None) -> int:
    state = await read(settings)
    files = discovery.export(
        target,
        root=settings.mqtt.root,
        broker_url=settings.mqtt.url,
        state=state,
        selection=settings.topics.selection,
        permission=Permission.of(settings.commands),
    )
    for name, text in files.items():
        if out is None:
            sys.stdout.write(text if len(files) == 1 else f"# {name}\n{text}\n")
        else:
            print(_written(out / name, text))
    return 0


def _written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BridgeError(f"{path} cannot be written: {error.strerror}") from None
    return path
