"""Borrowed settings: which there are, until when, what each of them goes back to.

Times are those of the event loop.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.errors import Refused
from bridge.settable.loan import LONGEST, is_same
from bridge.state.state import ABSENT
from bridge.util.json import parse_json

MOST = 200
"""How many settings can be borrowed at once."""
MOST_OLDER = 100
"""How many values are kept that a setting may have had before evcc's state shows the newest one."""
MOST_EARLIER = 3
"""How many leases are kept that one has replaced: one that waits, one that evcc was asked for, one in force."""
REPEATED = 29.0
"""Seconds from one repetition of a value that lapses to the next; evcc drops it after 60 s."""

_MOST_NEWER = 10  # values that clients have asked for since, of one lease
# seconds after which evcc's state shows what evcc has been set to, however slowly it is read
_UNSEEN = 60.0
_LONGEST_TOPIC = 1024
# seconds by which the wall clock may differ before the end of a lease is written anew
_DRIFT = 2.0
_LATEST = 1e11  # unix seconds of the year 5138


@dataclass(slots=True, eq=False)
class Lease:
    """A setting, by its topic, that has a value until `ends`, and the one from before after it; None is cleared.

    `ends` is infinite for a value that is only sent again and again. `until` is `ends` in unix seconds. `granted` is
    when evcc took the value, None before. `seen`: evcc's state has shown it; until then it may show one of the `older`
    values. `repeated` is when it was last sent.
    `polls` is the number of polls after which evcc's state is newer than the end.
    `blocked`: evcc does not let anybody set the setting now (409), so that it could not be given back yet.
    `earlier` is the lease that is in force again if evcc refuses this one.
    `newer` are values that clients have asked for since without a lease: it is over when evcc's state shows one.
    """

    topic: str
    value: Any
    before: Any
    seconds: float
    ends: float
    lapses: bool = False
    until: float = 0.0
    granted: float | None = None
    seen: bool = False
    repeated: float = 0.0
    polls: int | None = None
    earlier: "Lease | None" = None
    older: tuple[Any, ...] = ()
    clears: bool = False
    blocked: bool = False
    newer: tuple[Any, ...] = ()

    def may_go_back(self, value: Any) -> bool:
        """Whether a value is one that its setting can have, `clears`: also None."""
        return (
            bool(self.older)
            and not isinstance(value, dict | list)
            and value is not ABSENT
            and (value is not None or self.clears)
        )


class Leases:
    """The leases in force, one a setting."""

    def __init__(self) -> None:
        self.by_topic: dict[str, Lease] = {}
        """By the settings' topics."""

    def __iter__(self) -> Iterator[Lease]:
        return iter(list(self.by_topic.values()))

    def get(self, topic: str) -> Lease | None:
        """The lease of a setting."""
        return self.by_topic.get(topic)

    def begin(self, lease: Lease) -> None:
        """Note a lease before evcc is called; Refused when there are too many."""
        old = self.by_topic.get(lease.topic)
        if old is None and len(self.by_topic) >= MOST:
            raise Refused(f"{MOST} settings are borrowed already")
        self.by_topic[lease.topic] = lease
        lease.earlier = old  # evcc may have been asked for it already
        oldest = lease
        for _ in range(MOST_EARLIER):
            oldest = oldest.earlier or oldest
        oldest.earlier = None

    def grant(self, lease: Lease, now: float, *, sure: bool) -> None:
        """Note that evcc has taken a value; not `sure`: it may have, and its state will show."""
        lease.granted = lease.repeated = now
        if sure:
            lease.earlier = None

    def withdraw(self, lease: Lease) -> None:
        """Note that a lease is not in force: the one before it is again."""
        later = self.by_topic.get(lease.topic)
        if later is not lease:
            while later is not None and later.earlier is not lease:
                later = later.earlier
            if later is not None:
                later.earlier = lease.earlier
        elif lease.earlier is None:
            del self.by_topic[lease.topic]
        else:
            self.by_topic[lease.topic] = lease.earlier

    def end(self, lease: Lease) -> None:
        """Note that a lease is over."""
        if self.by_topic.get(lease.topic) is lease:
            del self.by_topic[lease.topic]

    def overrule(self, topic: str, value: Any, *, sure: bool) -> None:
        """Note that evcc has taken a value that was set without a lease; not `sure`: it may have.

        A lease that evcc has not been asked for yet came after it, and goes back to it. Another one is over, but only
        evcc's state shows that where it is not sure.
        """
        lease = self.by_topic.get(topic)
        if lease is None:
            return
        if lease.granted is not None:
            if sure:
                del self.by_topic[topic]
        else:
            lease.before, lease.earlier = value, None
            lease.older = (*lease.older, value)

    def asked(self, topic: str, value: Any) -> None:
        """Note that a client asks for a value without a lease."""
        lease = self.by_topic.get(topic)
        if lease is not None and not is_same(value, lease.value):
            lease.newer = (*lease.newer, value)[-_MOST_NEWER:]

    def observe(self, lease: Lease, value: Any, now: float, *, settled: bool) -> bool:
        """Note what evcc's state shows of a lease; False when somebody else has changed it since it was granted.

        Only a state that is `settled` shows that: an evcc that is starting shows what it was configured with. A value
        that lapses may be gone because nothing could repeat it. Until the state has shown the borrowed value, another
        one may be from before it, shown late: then that is what goes back.
        """
        if is_same(value, lease.value):
            lease.seen = lease.granted is not None
            return True
        is_older = not lease.seen and any(is_same(value, older) for older in lease.older)
        if lease.granted is not None and not is_older and any(is_same(value, newer) for newer in lease.newer):
            self.end(lease)
            return False
        late = lease.granted is not None and now - lease.granted > _UNSEEN and not lease.lapses
        if not settled or (lease.lapses and value in (None, ABSENT)):
            return True
        if lease.seen or late:
            self.withdraw(lease)
            return False
        if lease.may_go_back(value) and not any(is_same(value, older) for older in lease.older):
            lease.before, lease.older = value, (*lease.older, value)[-MOST_OLDER:]
        return True

    def dump(self, now: float, wall: float) -> bytes:
        """The leases as JSON, for `bridge/leases`; empty for none."""
        timed = [lease for lease in self if math.isfinite(lease.ends)]
        for lease in timed:
            until = wall + lease.ends - now
            if abs(until - lease.until) > _DRIFT:
                lease.until = round(until)
        entries = [
            {
                "topic": lease.topic,
                "value": lease.value,
                "before": lease.before,
                "for": lease.seconds,
                "until": lease.until,
            }
            for lease in timed
        ]
        return orjson.dumps(entries) if entries else b""

    def load(self, payload: bytes, now: float, wall: float) -> None:
        """Take the leases of an earlier run, as far as they make sense and there are no newer ones.

        A wall clock that was wrong then, or is now, prolongs none beyond its time from now on.
        """
        for entry in _entries(payload)[:MOST]:
            topic, seconds, until = entry.get("topic"), _time(entry.get("for")), _time(entry.get("until"))
            if not isinstance(topic, str) or len(topic) > _LONGEST_TOPIC or topic in self.by_topic:
                continue
            if not 0 < seconds <= LONGEST or not until:
                continue
            values = entry.get("value"), entry.get("before")
            if any(isinstance(value, dict | list) for value in values):
                continue
            left = min(max(until - wall, 0), seconds)
            self.by_topic[topic] = Lease(
                topic, *values, seconds, now + left, until=until, granted=now, older=(values[1], ABSENT)
            )


def _entries(payload: bytes) -> list[dict[str, Any]]:
    try:
        entries = parse_json(payload or b"[]")
    except ValueError:
        return []
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _time(value: Any) -> float:
    """Seconds; 0 for what is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and 0 < value < _LATEST else 0
