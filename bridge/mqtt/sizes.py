"""Learns the largest payload that a broker takes, where it shows its limit only by refusing or disconnecting."""

import asyncio
import math
from collections.abc import Iterable

_PACKET_TOO_LARGE = 0x95
_SMALLEST = 256  # bytes: no broker has a lower limit, and connections also end for other reasons
_LOSSES = 2  # a connection may also end by chance
_AFTER_REFUSAL = 1.0  # seconds in which the broker disconnects after its refusal
_LEARNT_FOR = 86_400.0  # seconds; to try again means to be disconnected again


class Sizes:
    """Sizes of payloads that the broker took, and of those that it did not.

    Once a connection has ended with a payload in flight that is larger than any acknowledged one, larger payloads are
    sent alone. Two further losses with such a payload in flight, or one refusal, show the limit.
    """

    def __init__(self) -> None:
        self._largest = _SMALLEST
        self._suspect = math.inf
        self._losses = 0
        self._limit = math.inf
        self._learnt = -math.inf

    def is_refusal(self, code: int) -> bool:
        """Whether a reason code of the broker means that a message is too large."""
        return code == _PACKET_TOO_LARGE

    def is_too_large(self, size: int) -> bool:
        """Whether the broker is known not to take a payload of this size."""
        return size >= self._limit

    def goes_alone(self, size: int) -> bool:
        """Whether a payload of this size must be the only message in flight."""
        return self._losses > 0 and size > self._largest

    def note(self, size: int, code: int) -> None:
        """Take the broker's acknowledgement of a payload."""
        if self.is_refusal(code):
            self._learn(size)
        elif not code:
            self._largest = max(self._largest, size)
            if size >= self._suspect:
                self._suspect, self._losses = math.inf, 0

    def note_loss(self, in_flight: Iterable[int]) -> bool:
        """Take the end of a connection with these payloads in flight; whether their size explains it."""
        if _now() - self._learnt < _AFTER_REFUSAL:
            return True
        suspects = [size for size in in_flight if size > self._largest]
        if not suspects:
            return False
        self._losses += 1
        self._suspect = min(*suspects, self._suspect)
        if self._losses > _LOSSES:
            self._learn(self._suspect)
            return True
        return False

    def forget_old(self) -> None:
        """Forget what was learnt long ago: the broker's configuration may have changed."""
        if _now() - self._learnt > _LEARNT_FOR:
            self._limit = math.inf

    def _learn(self, size: float) -> None:
        self._limit = min(self._limit, size)
        self._learnt = _now()
        self._suspect, self._losses = math.inf, 0


def _now() -> float:
    return asyncio.get_running_loop().time()
