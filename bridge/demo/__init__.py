"""A simulated evcc: REST, /ws, its control cycle, its restarts and its faults, as recorded from the real one.

It needs the extra `demo`.
"""

from bridge.demo.era import ERAS
from bridge.demo.server import Evcc
from bridge.demo.startup import Stage

__all__ = ["ERAS", "Evcc", "Stage"]
