"""Notices who else publishes the same tree: evcc's own MQTT integration, or a second bridge."""

import math

_WINDOW = 60.0  # seconds in which so many topics are evidence
_TOPICS = 10
_MOST = 1000  # more topics are no better evidence
_QUIET = 150.0  # seconds of silence after which the other one is taken to be gone
_EVCC_SPEAKS = frozenset({"updated"})
_BRIDGES_SPEAK = ("bridge/info", "bridge/health", "bridge/evcc", "bridge/marker/")


class Rivals:
    """Evidence of other publishers, from messages that cannot be copies of our own."""

    def __init__(self) -> None:
        self._topics: dict[str, float] = {}
        self._updated = -math.inf
        self._evcc_seen = -math.inf
        self._bridge_seen = -math.inf

    def note(self, topic: str, now: float, *, echo: bool) -> None:
        """Take a topic that somebody else published; `echo`: it may be a copy of what we sent lately."""
        if topic in _EVCC_SPEAKS:
            self._updated = now
        if echo:
            return
        if topic.startswith(_BRIDGES_SPEAK):
            self._bridge_seen = now
        elif not topic.startswith("bridge/") and len(self._topics) < _MOST:
            self._topics[topic] = now

    def evcc(self, now: float) -> bool:
        """Whether evcc's own MQTT integration publishes below our root; asked about once a second."""
        self._judge(now)
        return now - self._evcc_seen < _QUIET and not self.bridge(now)

    def bridge(self, now: float) -> bool:
        """Whether a second bridge publishes below our root."""
        return now - self._bridge_seen < _QUIET

    def _judge(self, now: float) -> None:
        self._topics = {topic: seen for topic, seen in self._topics.items() if now - seen < _WINDOW}
        if len(self._topics) >= _TOPICS and now - self._updated < _WINDOW:
            self._evcc_seen = max(self._topics.values())
