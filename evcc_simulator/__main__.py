"""The simulated evcc as a program: `python -m evcc_simulator --era 0.313.2 --port 7070 --control 7071`."""

import argparse
import asyncio
import signal
from collections.abc import Sequence

from evcc_simulator.control import Control
from evcc_simulator.house import ERAS
from evcc_simulator.server import Evcc


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    asyncio.run(_serve(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evcc_simulator", description="A simulated evcc.")
    parser.add_argument("--era", choices=ERAS, default="0.313.2", help="which evcc (default %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=7070, help="0 for any free one (default %(default)s)")
    parser.add_argument("--control", type=int, help="a second port that drives it: POST /demo/<action>")
    parser.add_argument(
        "--interval", type=float, default=4, help="seconds between control cycles (default %(default)s)"
    )
    parser.add_argument("--speed", type=float, default=1, help="the house's clock against real time (default 1)")
    parser.add_argument("--start", type=float, help="the house's clock at first, unix seconds (default: now)")
    parser.add_argument("--loadpoints", type=int, help="how many (default: as recorded)")
    parser.add_argument("--sessions", type=int, help="how many made-up charging sessions (default: as recorded)")
    parser.add_argument("--api-key", default="", help="a key that evcc has (default: none)")
    parser.add_argument("--still", action="store_true", help="the meters do not move")
    parser.add_argument("--fatal", action="store_true", help="an evcc whose configuration is broken")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    wanted = {name: value for name, value in vars(options).items() if name != "control"}
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with Evcc(**wanted) as evcc:
        control = Control(evcc, options.host, options.control or 0)
        if options.control is not None:
            await control.start()
        driven = f", driven at {control.url}/demo/" if options.control is not None else ""
        print(f"evcc {options.era} at {evcc.url}{driven}", flush=True)  # noqa: T201 - its one line of output
        await ended.wait()
        await control.stop()


if __name__ == "__main__":
    main()
