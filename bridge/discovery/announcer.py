"""Keeps Home Assistant's discovery up to date while the house changes."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.discovery.entities import BESIDE
from bridge.discovery.homeassistant import HomeAssistant
from bridge.settable.table import SETTINGS

# payloads that stand in configurations, as names, or as the value that a range must hold
_SPELT_OUT = frozenset(
    {"title", "siteTitle", "version", "currency", "smartCostType", "chargerFeatureHeating"}
    | {key for setting in SETTINGS for key in (setting.leaf, *setting.keys)}
)
_CHOICES = "Strategies"
_PAUSE = 10.0  # seconds


class Announcer:
    """Announces everything when it first is complete, and again when topics come, go or are named anew.

    `state` gives evcc's newest document, `topics` what is published below the root, `want` takes configurations.
    """

    def __init__(
        self,
        maker: HomeAssistant,
        state: Callable[[], Mapping[str, Any]],
        topics: Callable[[], Mapping[str, bytes]],
        want: Callable[[Mapping[str, bytes]], None],
    ) -> None:
        self._maker = maker
        self._state = state
        self._topics = topics
        self._want = want
        self._last: object = None
        self._due = 0.0

    def tick(self, now: float) -> None:
        """Announce what changed, but not at every step of a slider; called about once a second with monotonic time."""
        if now < self._due:
            return
        topics = self._topics()
        shape = (frozenset(topics), tuple(sorted(filter(_is_spelt_out, topics.items()))))
        if shape != self._last:
            self._last = shape
            self._due = now + _PAUSE
            beside = {topic: payload for topic, payload in topics.items() if not _is_state(topic)}
            self._want(self._maker.configs(self._state(), {**BESIDE, **beside}))


def _is_spelt_out(item: tuple[str, bytes]) -> bool:
    return item[0].rpartition("/")[2] in _SPELT_OUT or _CHOICES in item[0]


def _is_state(topic: str) -> bool:
    return topic.startswith(("loadpoints/", "vehicles/")) or (topic.startswith("site/") and topic != "site/telemetry")
