"""The bridge without its limit of calls a second: `python -m tests.bench.unlimited run`."""

import sys

from bridge.cli import main
from bridge.commands import dispatcher

if __name__ == "__main__":
    dispatcher.CALLS_A_SECOND = 10_000
    sys.exit(main())
