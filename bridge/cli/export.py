"""`evcc-bridge export`: files that give another program every topic."""

import asyncio
import sys
from pathlib import Path

from bridge.cli.topics import read_state
from bridge.errors import BridgeError
from bridge.export.files import NAMING_THE_BROKER, export
from bridge.export.options import Options
from bridge.settings import Settings
from bridge.settings.urls import Address

_LOOPBACK = (
    "the files name this machine ({}) as the broker: where the other program runs elsewhere, give the broker's"
    " address there with --broker"
)


def run(settings: Settings, target: str, out: Path | None, options: Options = Options()) -> int:  # noqa: B008 - frozen
    """Read evcc's state, and print the files for `target` or write them to the directory `out`; the exit code.

    Of Node-RED's files only the first one is printed: it can be imported as it is.
    """
    files = export(target, asyncio.run(read_state(settings)), settings, options)
    address = Address.of(options.broker) if options.broker else settings.mqtt.address
    if target in NAMING_THE_BROKER and address.loopback:
        _note(_LOOPBACK.format(address.shown))
    if out is not None:
        for name, text in files.items():
            print(_write(out / name, text))
    elif target == "nodered":
        name, *others = files
        sys.stdout.write(files[name])
        _note(f"this is {name}; --out writes {', '.join(others)} too")
    else:
        for name, text in files.items():
            sys.stdout.write(text if len(files) == 1 else f"# {name}\n{text}\n")
    return 0


def _note(text: str) -> None:
    print(f"evcc-bridge: {text}", file=sys.stderr)


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BridgeError(f"{path} cannot be written: {error.strerror}") from None
    return path
