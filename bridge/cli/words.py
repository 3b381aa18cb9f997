"""Values, moments and durations as the command line shows them."""

import re
import time
from datetime import datetime

from bridge.state.describe import describe_topic, unit
from bridge.state.reading import Nature
from bridge.util.redact import sanitize

_LONGEST = 100  # characters of a value
_MOMENT = re.compile(rb"\d{9,11}")
_DAY = 86_400
_UNITS = ((_DAY, "d"), (3600, "h"), (60, "min"))


def value(topic: str, payload: bytes, currency: str = "") -> str:
    """The payload of a topic below the root with its unit; moments in local time; a word for one that is erased."""
    if not payload:
        return "(erased)"
    found = describe_topic(topic, payload)
    if found is not None and found.reading.quantity.nature is Nature.MOMENT and _MOMENT.fullmatch(payload):
        return clock(int(payload))
    shown = sanitize(payload.decode(errors="replace"), _LONGEST)
    return f"{shown} {unit(found, currency)}".rstrip()


def clock(seconds: float) -> str:
    """Unix seconds as local time, with the date where that is more than half a day from now."""
    is_near = abs(time.time() - seconds) < _DAY / 2
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S" if is_near else "%Y-%m-%d %H:%M:%S")


def age(seconds: float) -> str:
    """A duration in its largest unit: `0.4 s`, `12 s`, `3 min`."""
    for size, name in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{max(seconds, 0):.1f} s"
