"""`scripts/chaos`: one run after another, each with the next seed, and what came of them."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.report import Report
from tests.chaos.run import chaos


def main() -> int:
    """Run; 1 when a promise was not kept."""
    options = _parser().parse_args()
    return asyncio.run(_all(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description="The bridge among faults of every kind.")
    parser.add_argument("--seed", type=int, default=1, help="which faults, which commands, which variant (default 1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after another (default 1)")
    parser.add_argument("--minutes", type=float, default=0, help="how long, over all seeds")
    parser.add_argument("--seconds", type=float, default=0, help="the same in seconds")
    parser.add_argument("--long", type=float, default=0.25, help="the share of long bursts (default 0.25)")
    parser.add_argument("--only", default="", help="only faults with this in their names")
    parser.add_argument("--keep", type=Path, help="a directory for logs and stores, kept (default: none is kept)")
    return parser


async def _all(options: argparse.Namespace) -> int:
    seconds = (options.minutes * 60 + options.seconds or 60) / options.seeds
    total, began = Report(), time.monotonic()
    for seed in range(options.seed, options.seed + options.seeds):
        report = await _one(seed, seconds, options)
        for text in report.broken:
            _say(f"BROKEN with {text}")
        total += report
    minutes = (time.monotonic() - began) / 60
    _say(f"{options.seeds} seeds in {minutes:.1f} min, invariants broken: {len(total.broken)}\n{total}")
    return 1 if total.broken else 0


async def _one(seed: int, seconds: float, options: argparse.Namespace) -> Report:
    with tempfile.TemporaryDirectory(prefix="chaos") as scratch:
        directory = options.keep / str(seed) if options.keep else Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        return await chaos(directory, seed, seconds, _say, long=options.long, only=options.only)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program's output


if __name__ == "__main__":
    sys.exit(main())
