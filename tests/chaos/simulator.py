"""The simulated evcc as a program that writes down, line by line, all that its state ever was.

The first line holds the whole state (`{"at": …, "state": …}`), the others a change (`{"at": …, "key": …, "value": …}`).
A file, not a question: it is there after SIGKILL too.
"""

import argparse
import asyncio
import signal
import time
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from evcc_simulator import Evcc
from evcc_simulator.control import ACTIONS, Control
from evcc_simulator.house import Frame


class Diary:
    """Writes down what changes, and only that: a cycle sends every value again."""

    def __init__(self, evcc: Evcc, file: BinaryIO) -> None:
        self._evcc = evcc
        self._file = file
        self._last: dict[str, bytes] = {}
        evcc.simulation.listen(self._frame)
        self.whole()

    def whole(self) -> None:
        """Write the whole state: what is gone, no frame tells."""
        self._last.clear()
        self._write(state=self._evcc.house.state)

    def _frame(self, frame: Frame) -> None:
        self._evcc.hub.broadcast(frame)
        for key, value in frame.items():
            encoded = orjson.dumps(value)
            if self._last.get(key) != encoded:
                self._last[key] = encoded
                self._write(key=key, value=orjson.Fragment(encoded))

    def _write(self, **what: Any) -> None:
        self._file.write(orjson.dumps({"at": time.monotonic(), **what}) + b"\n")


async def _serve(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    evcc = Evcc(options.era, port=options.port, interval=options.interval, speed=options.speed, still=options.still)
    with options.diary.open("ab", buffering=0) as file:
        diary = Diary(evcc, file)

        def delete(evcc: Evcc, path: str) -> None:
            evcc.delete(path)
            diary.whole()

        async def restart(evcc: Evcc, scale: float) -> None:
            await evcc.restart(scale=scale)
            diary.whole()  # what was only cleared, or unknown, it has forgotten

        def still(evcc: Evcc) -> None:
            evcc.simulation.still = True

        ACTIONS.update(delete=delete, restart=restart, still=still)
        async with evcc:
            control = Control(evcc, port=options.control)
            await control.start()
            await ended.wait()
            await control.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.simulator")
    parser.add_argument("--era", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--diary", type=Path, required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--still", action="store_true")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
