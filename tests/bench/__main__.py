"""`scripts/bench`: all figures in one run, as a table."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tests.bench import commands, delays, frames, load, memory, page, polls, publication, sites
from tests.bench.figures import Figure, table

_FEW, _MANY = (1, 64), (1, 8, 64)


def _parts(quick: bool) -> Mapping[str, Callable[[], list[Figure]]]:
    changes, rounds, loadpoints = (60, 20, _FEW) if quick else (400, 200, _MANY)
    minutes = 1 if quick else 10
    return {
        "a": lambda: delays.push_figures(changes) + delays.poll_figures(changes // 4),
        "b": lambda: publication.figures(3 if quick else 9),
        "c": lambda: polls.figures(rounds),
        "d": lambda: frames.cost_figures(2_000 if quick else 10_000),
        "e": lambda: frames.message_figures(20 if quick else 60),
        "f": lambda: memory.figures(60 * minutes, loadpoints),
        "g": lambda: delays.growth_figures(changes, loadpoints) + polls.growth_figures(rounds // 2, loadpoints),
        "commands": lambda: commands.delay_figures(changes) + commands.rate_figures(1_000 if quick else 10_000),
        "load": lambda: load.figures(changes),
        "sites": lambda: sites.figures((1, 50) if quick else (1, 10, 50, 200), changes),
        "page": lambda: page.figures(changes // 2),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the bridge.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and memory after 1 minute, not 10")
    parser.add_argument("--only", default="", help="some parts, such as a,c: " + ", ".join(_parts(quick=False)))
    options = parser.parse_args(arguments)
    parts = _parts(options.quick)
    wanted = options.only.split(",") if options.only else list(parts)
    if unknown := set(wanted) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    print(_machine(quick=options.quick), flush=True)
    figures = []
    for name in wanted:
        began = time.monotonic()
        figures += parts[name]()
        print(f"{name}: measured in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(figures))
    return int(any(figure.met is False for figure in figures))


def _machine(*, quick: bool) -> str:
    model = next((line.partition(": ")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "?")
    load_average = f"load before: {os.getloadavg()[0]:.1f}"
    run = f"{time.strftime('%Y-%m-%d')}, {'quick' if quick else 'full'} run"
    return f"{run}, {os.cpu_count()} x {model}, Python {platform.python_version()}, {load_average}\n"


def _cpuinfo() -> list[str]:
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123 - a line each
            return file.readlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
