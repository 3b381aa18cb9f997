"""How long tests wait for what should come: one setting, longer on a machine that is busy at the start.

Waiting ends as soon as the thing is there, so patience costs nothing unless something hangs.
"""

import os

_LEAST = 60.0  # seconds
_TESTS = 5  # so many waits one test may have that last as long as patience does
_TOLERANCE = 4  # on an idle machine a limit of the product is met this many times over


def busyness() -> float:
    """Runnable processes per processor, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


# Processes that tests start, and the workers of pytest-xdist, inherit the environment: all wait alike.
PATIENCE = float(os.environ.setdefault("TESTS_PATIENCE", f"{_LEAST * busyness():.0f}"))
os.environ.setdefault("PYTEST_TIMEOUT", f"{_TESTS * PATIENCE:.0f}")


def limit(seconds: float) -> float:
    """What a limit of the product is judged by in a test: generous, and more so on a busy machine."""
    return seconds * _TOLERANCE * busyness()
