"""`evcc-bridge export`: files that give another program every topic."""

import asyncio
import sys
from pathlib import Path

from bridge.cli.topics import read_state
from bridge.errors import BridgeError
from bridge.export.files import export
from bridge.settings import Settings


def run(settings: Settings, target: str, out: Path | None) -> int:
    """Read evcc's state, and print the files for `target` or write them to the directory `out`; the exit code."""
    files = export(target, asyncio.run(read_state(settings)), settings)
    for name, text in files.items():
        if out is None:
            sys.stdout.write(text if len(files) == 1 else f"# {name}\n{text}\n")
        else:
            print(_write(out / name, text))
    return 0


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BridgeError(f"{path} cannot be written: {error.strerror}") from None
    return path
