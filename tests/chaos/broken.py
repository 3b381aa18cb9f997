"""What the bridge promises, and the error that says that it did not keep it."""

from tests.patience import busyness

KEEPALIVE = 2  # seconds, of the bridge's connection to the broker
INTERVAL, PUSH_INTERVAL, TIMEOUT, DEADLINE = 0.5, 1.0, 1.0, 3.0  # the options evcc.* and commands.deadline of the runs
_SECOND_TRY = 0.6  # the longest pause after one failed poll
_TICK = 1.0
_MOSQUITTO = 6.0  # so often does mosquitto 2.0 look for silent clients

EQUAL = 15.0
"""Seconds from the end of all faults until the tree is evcc's state."""
ONLINE = 5.0
"""Seconds from the end of all faults until `status` is `online`."""
OFFLINE_EVCC = PUSH_INTERVAL + 2 * TIMEOUT + _SECOND_TRY + _TICK
"""Seconds until `status` is `offline` when evcc is gone: two polls in a row must have failed."""
OFFLINE_BRIDGE = 1.5 * KEEPALIVE + _MOSQUITTO + _TICK
"""Seconds until the broker publishes the will of a bridge that has gone without a word."""
ALONE_REFUSED = PUSH_INTERVAL + _SECOND_TRY + _TICK
"""Seconds until `status` is `offline` where nothing else is wrong and evcc refuses connections: no time runs out."""
ALONE_ENDED = 1.0
"""Seconds until it is where the broker sees the bridge's connection end, or the bridge can say so itself."""
RETURNED = 10.0
"""Seconds from the end of all faults, and of what was borrowed, until evcc has no borrowed value any more."""
MARGIN = 12 * 2**20
"""Bytes by which resident memory may differ between two calm moments of one process."""


def patient(seconds: float) -> float:
    """A promise in seconds on a machine that has more to do than it can: times how many wait for each processor."""
    return seconds * busyness()


class Broken(AssertionError):
    """A promise was not kept; `invariant` is its number (0: the bridge itself failed)."""

    def __init__(self, invariant: int, text: str) -> None:
        super().__init__(f"invariant {invariant}: {text}")
        self.invariant = invariant
