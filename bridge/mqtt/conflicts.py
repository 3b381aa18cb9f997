"""Who else publishes the bridge's topics, and the texts for it: foreign writes, evcc's own MQTT, topics left out."""

import asyncio
import math
from collections.abc import Collection, Mapping
from heapq import nsmallest

from bridge.mqtt.desired import Desired
from bridge.mqtt.publisher import Outcome
from bridge.util.diagnostics import Diagnostics

_WINDOW = 60.0  # seconds in which so many topics are evidence of evcc's own MQTT
_TOPICS = 10
_MOST = 1000  # topics; more are no better evidence
_GONE_AFTER = 150.0  # seconds of silence
_EVCC_PUBLISHES = frozenset({"updated"})
_BRIDGES_PUBLISH = ("bridge/info", "bridge/health", "bridge/evcc")
_FORGET = 60.0  # seconds without a foreign write until it is no problem any more
_NAMED = 5  # topics in one text


class Conflicts:
    """Evidence of other publishers below the root, from messages that are no copies of our own."""

    def __init__(self, root: str, diagnostics: Diagnostics) -> None:
        self._root = root
        self._diagnostics = diagnostics
        self._topics: dict[str, float] = {}
        self._foreign: dict[str, float] = {}
        self._updated = self._evcc_seen = self._bridge_seen = -math.inf

    def note(self, topic: str, *, copy: bool) -> None:
        """Take a topic that somebody else published; `copy`: it may be a copy of what we sent, by another broker."""
        now = _now()
        if topic in _EVCC_PUBLISHES:
            self._updated = now
        if copy:
            return
        if topic.startswith(_BRIDGES_PUBLISH):
            self._bridge_seen = now
        elif not topic.startswith("bridge/") and len(self._topics) < _MOST:
            self._topics[topic] = now

    def note_corrected(self, topic: str) -> None:
        """Take a topic that somebody else published with a wrong value."""
        if len(self._foreign) < _MOST:
            self._foreign[topic] = _now()
            self._diagnostics.set("foreign", _foreign(self._root, self._foreign))

    def is_evcc_publishing(self) -> bool:
        """Whether evcc's own MQTT integration publishes below our root; asked about once a second."""
        now = _now()
        self._topics = {topic: seen for topic, seen in self._topics.items() if now - seen < _WINDOW}
        if len(self._topics) >= _TOPICS and now - self._updated < _WINDOW:
            self._evcc_seen = max(self._topics.values())
        return now - self._evcc_seen < _GONE_AFTER and not self._is_bridge_publishing()

    def tick(self, desired: Desired, outcome: Outcome, *, evcc: bool) -> None:
        """Bring the texts up to date; about once a second."""
        now = _now()
        self._foreign = {} if evcc else {name: seen for name, seen in self._foreign.items() if now - seen < _FORGET}
        texts = {
            "foreign": _foreign(self._root, self._foreign),
            "evcc's own MQTT": _evcc(self._root) if evcc else None,
            "other bridge": f"another bridge publishes below {self._root}" if self._is_bridge_publishing() else None,
            "refused": _refused(self._root, outcome.refused),
            "too large": _named("too large for the broker and left out", self._root, outcome.too_large),
            "contested": _named(
                "two values have the same topic, the first is published", self._root, desired.contested
            ),
            "limit": _named(
                f"more topics than topics.limit ({desired.limit}) allows, left out", self._root, desired.left_out
            ),
        }
        for key, text in texts.items():
            self._diagnostics.set(key, text)

    def _is_bridge_publishing(self) -> bool:
        """Whether a bridge publishes that does not answer as ours do."""
        return _now() - self._bridge_seen < _GONE_AFTER


def _evcc(root: str) -> str:
    return (
        f"evcc's own MQTT publishes below {root} too: the bridge publishes no state as long as it does; "
        "switch one of the two off, or give the bridge another root (mqtt.root)"
    )


def _foreign(root: str, topics: Collection[str]) -> str | None:
    """Which topics somebody else published, and where to publish instead."""
    if not topics:
        return None
    first = next(iter(topics))
    if len(topics) > _NAMED:
        return f"somebody else publishes {len(topics)} topics of the bridge, such as {root}/{first}: corrected"
    named = ", ".join(f"{root}/{topic}" for topic in topics)
    instead = f"to set a value, publish to {root}/{first}/set if {root}/bridge/commands lists that"
    return f"somebody else published {named}: corrected; {instead}"


def _refused(root: str, topics: Mapping[str, str]) -> str | None:
    if not topics:
        return None
    topic, reason = next(iter(topics.items()))
    what = f"{root}/{topic}" if len(topics) == 1 else f"{len(topics)} topics, such as {root}/{topic}"
    return f"the broker refuses {what}: {reason}"


def _named(what: str, root: str, topics: Collection[str]) -> str | None:
    names = [f"{root}/{topic}" for topic in nsmallest(_NAMED, topics)]
    more = f" and {len(topics) - _NAMED} more" if len(topics) > _NAMED else ""
    return f"{what}: {', '.join(names)}{more}" if names else None


def _now() -> float:
    return asyncio.get_running_loop().time()
