"""Resident memory of the bridge in an environment as a user has it."""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack

from tests.bench.figures import Figure
from tests.bench.programs import Bridge, Evcc, Program, broker, resident_megabytes

_OPTIMIZE = {"": "", "PYTHONOPTIMIZE=2": "2"}


def figures(seconds: float, loadpoints: Sequence[int]) -> list[Figure]:
    """(f), and (g) with other numbers of loadpoints, all at the same time; `BENCH_PYTHON` has what a user installs."""
    python = os.environ["BENCH_PYTHON"]
    for level in _OPTIMIZE.values():  # compiles what is not yet
        with Program("-c", "import bridge.daemon, bridge.settings", python=python, PYTHONOPTIMIZE=level) as once:
            once.process.wait()
    runs = [(name, None) for name in _OPTIMIZE] + [("", number) for number in loadpoints]
    with ExitStack() as stack:
        mosquitto = stack.enter_context(broker())
        bridges = {}
        for index, (optimize, number) in enumerate(runs):
            evcc = stack.enter_context(Evcc(*(("--loadpoints", str(number)) if number else ())))
            environment = {"PYTHONOPTIMIZE": _OPTIMIZE[optimize]} if optimize else {}
            bridge = Bridge(evcc, mosquitto, f"house{index}", python=python, **environment)
            bridges[optimize, number] = stack.enter_context(bridge)
        time.sleep(seconds)
        return [_figure(run, resident_megabytes(bridge.pid), seconds) for run, bridge in bridges.items()]


def _figure(run: tuple[str, int | None], megabytes: float, seconds: float) -> Figure:
    optimize, number = run
    what = f"{'f' if number is None else 'g'} resident memory after {seconds / 60:g} min"
    detail = optimize or (f"{number} loadpoint{'s' * (number > 1)}" if number else "")
    return Figure(f"{what}, {detail}" if detail else what, megabytes, "MB", aim=48 if number is None else None)
