"""From a change in evcc to the message at a subscriber."""

import random
import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple, Self

from tests.bench.figures import Figure, milliseconds, p95
from tests.bench.observers import Observer, mqtt, push
from tests.bench.programs import Evcc, house
from tests.broker.mosquitto import Mosquitto

_KEY = "residualPower"
_PAUSES = (0.01, 0.05)  # seconds between changes, so that they meet everything else by chance
_POLL_INTERVAL = 0.5


class Delay(NamedTuple):
    """Seconds from the change to the frame at a bare client of `/ws`, and to the message at a subscriber."""

    frame: float
    message: float


class Gauge:
    """Changes one value of evcc and looks when it arrives."""

    def __init__(self, evcc: Evcc, broker: Mosquitto, root: str = "evcc") -> None:
        self._evcc = evcc
        self._value = 1000
        self._frames = Observer(push, evcc.url, _KEY)
        self._messages = Observer(mqtt, broker.port, [f"{root}/site/{_KEY}"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for observer in (self._frames, self._messages):
            observer.__exit__(None, None, None)

    def change(self) -> tuple[float, float, float]:
        """Change the value: when that was, when the frame arrived, and when the message did."""
        self._value += 1
        time.sleep(random.uniform(*_PAUSES))
        at = self._evcc.act("set", path=_KEY, value=self._value)
        text = str(self._value)
        return at, self._frames.wait(text), self._messages.wait(text)

    def delay(self) -> Delay:
        at, frame, message = self.change()
        return Delay(frame - at, message - at)


def by_push(count: int, *options: str) -> list[Delay]:
    """Delays of `count` changes with push on."""
    with house(*options) as (evcc, broker, _), Gauge(evcc, broker) as gauge:
        gauge.delay()
        return [gauge.delay() for _ in range(count)]


def push_figures(count: int) -> list[Figure]:
    """(a) with push."""
    delays = by_push(count)
    frames = [each.frame for each in delays]
    beyond = median(each.message - each.frame for each in delays)
    reference = f"bare /ws client: {median(frames) * 1_000:.2f}, p95 {p95(frames) * 1_000:.2f} ms"
    return [
        *milliseconds("a change of evcc -> subscriber, push", [each.message for each in delays], 4, reference),
        Figure("… above the frame's arrival, median", beyond * 1_000, "ms", "the same changes", 2),
    ]


def poll_figures(count: int) -> list[Figure]:
    """(a) without push: the wait for the poll, and what follows."""
    total, after = [], []
    environment = {"EVCC_PUSH": "off", "EVCC_INTERVAL": str(_POLL_INTERVAL)}
    with house("--still", **environment) as (evcc, broker, _), Gauge(evcc, broker) as gauge:
        for _ in range(count):
            time.sleep(random.uniform(0, _POLL_INTERVAL))
            at, _, message = gauge.change()
            polls = [each["at"] for each in evcc.requests() if each["target"] == "/api/state"]
            total.append(message - at)
            after.append(message - min(poll for poll in polls if poll >= at))
    where = f"interval {_POLL_INTERVAL:g} s: its half is waiting"
    return [
        *milliseconds("a change of evcc -> subscriber, polling", total, reference=where),
        *milliseconds("… from the poll's arrival at evcc", after),
    ]


def growth_figures(count: int, loadpoints: Sequence[int]) -> list[Figure]:
    """(g) the same with more loadpoints."""
    found = []
    for number in loadpoints:
        delays = by_push(count, "--loadpoints", str(number))
        beyond = median(each.message - each.frame for each in delays)
        whole = median(each.message for each in delays)
        what = f"g change -> subscriber, push, {number} loadpoint{'s' * (number > 1)}, median"
        found.append(Figure(what, whole * 1_000, "ms", f"above the frame's arrival: {beyond * 1_000:.2f} ms"))
    return found
