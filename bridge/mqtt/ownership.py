"""Which retained topics are the bridge's, or were evcc's own, and may be erased; all others are not touched."""

import re
from collections.abc import Collection, Iterable
from typing import Protocol

import orjson

from bridge.evcc.reader import Reader
from bridge.state.known import KEYS, LEAVES
from bridge.state.names import SCOPES
from bridge.state.values import text
from bridge.util.slug import slug

PUBLISHED = "bridge/published"
"""The topics that were published, remembered in the broker itself: the list is lost together with them."""
PROBLEM = "bridge/problem"
MARKER = "bridge/marker/"
"""Below it the bridge publishes its own marker, and what it exchanges with other bridges; nothing there is retained."""
BESIDE_SCOPES = frozenset({"status", "updated"})
# what the bridge publishes about itself; its last command, its journal and the last changes stay over a restart
_ABOUT_BRIDGE = frozenset(
    {"evcc", "info", "health", "commands", "problem", "published", "check", "marker", "response", "leases", "vehicles"}
)
_SPARE = 500  # topics that are remembered beyond those that are there
_ORIGIN = "evcc-mqtt-bridge"
_MOST_REMEMBERED = 50_000


class Ownership(Protocol):
    """Which topics below a prefix are the bridge's. Topics are below the prefix."""

    def is_kept(self, topic: str, payload: bytes) -> bool:
        """Whether a stored topic is remembered, because it may have to be erased or replaced."""

    def erasable(self, topic: str) -> bool:
        """Whether a topic that is not desired may be erased now."""

    @property
    def is_final(self) -> bool:
        """Whether `erasable` does not change any more until evcc's loadpoints or vehicles do."""


class TreeOwnership:
    """Ownership of topics below the root. `erasable` also looks at whether evcc has been read.

    Vehicles and loadpoints that evcc does not list are erased at once; other topics once what evcc does not have by
    now is gone, and those that have their own source (`wait`) once it has been read.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._published: set[str] = set()
        self._unread: dict[str, re.Pattern[str]] = {}

    def wait(self, topic_filter: str) -> None:
        """Keep what matches an MQTT topic filter until `known`."""
        self._unread[topic_filter] = _compiled(topic_filter)

    def known(self, topic_filter: str) -> None:
        """Note that what matches has been read."""
        self._unread.pop(topic_filter, None)

    def is_ours(self, topic: str) -> bool:
        """Whether a topic was published by the bridge, or by evcc itself."""
        scope, *below = topic.split("/")
        if scope not in SCOPES or topic.endswith("/set"):
            return False
        if scope == "bridge":
            return bool(below) and below[0] in _ABOUT_BRIDGE
        if topic in self._published:
            return True
        path = below if scope == "site" else below[1:]
        words = [level for level in path if not level.isdigit()]
        return bool(words) and words[0] in KEYS.get(scope, ()) and words[-1] in LEAVES

    def is_kept(self, topic: str, payload: bytes) -> bool:  # noqa: ARG002 - names are enough here
        """Whether a stored topic is remembered."""
        return is_in_scope(topic) and not topic.endswith("/set")

    def erasable(self, topic: str) -> bool:
        """Whether a topic that is not desired may be erased now."""
        if topic == PROBLEM:  # an earlier run's
            return True
        state = self._reader.state
        if not state:
            return False
        if state.lacks(topic):
            return not topic.endswith("/set")
        return self._reader.settled and self.is_ours(topic) and not self._is_unread(topic)

    @property
    def is_final(self) -> bool:
        """Whether evcc and everything beside its state has been read."""
        return bool(self._reader.state) and self._reader.settled and not self._unread

    def learn(self, payload: bytes) -> bool:
        """Take the list of an earlier run; whether there is more to remember now."""
        before = len(self._published)
        self._published.update(_names(payload))
        return len(self._published) > before

    def remember(self, topics: Iterable[str]) -> bool:
        """Remember topics that are published; whether there are new ones."""
        new = {topic for topic in topics if topic != PUBLISHED and topic not in self._published}
        self._published |= new
        return bool(new)

    def shorten(self, desired: Collection[str], orphans: Iterable[str]) -> None:
        """Forget what is neither desired nor held, when that has become much over years of other names."""
        if len(self._published) > 2 * len(desired) + _SPARE:
            self._published.intersection_update((*desired, *orphans))

    def payload(self) -> bytes:
        """The list, for the next run."""
        return text(sorted(self._published))

    def _is_unread(self, topic: str) -> bool:
        return any(pattern.fullmatch(topic) for pattern in self._unread.values())


class DiscoveryOwnership:
    """Ownership of Home Assistant's configurations: their topics contain the root, their payloads name the bridge."""

    def __init__(self, root: str, reader: Reader) -> None:
        self._reader = reader
        self._slug = slug(root)
        self._known = False
        self._kept: Collection[str] = ()

    @property
    def filter(self) -> str:
        """What the configurations of this root match, whichever release made them; below the prefix."""
        return f"+/{self._slug}/+/config"

    def known(self, kept: Collection[str] = ()) -> None:
        """Note that it is known what is to be there, and which topics stay if they are there."""
        self._known = True
        self._kept = kept

    def is_kept(self, topic: str, payload: bytes) -> bool:
        """Whether a stored configuration is remembered: those that the bridge made."""
        match topic.split("/"):
            case [_, self._slug, _, "config"]:
                return _names_bridge(payload)
        return False

    def erasable(self, topic: str) -> bool:
        """Whether a configuration that is not desired may be erased now."""
        return self.is_final and topic not in self._kept

    @property
    def is_final(self) -> bool:
        """Whether what is to be there is known."""
        return self._known and self._reader.settled


def is_in_scope(topic: str) -> bool:
    """Whether a topic may be the bridge's; it never touches any other."""
    return topic.partition("/")[0] in SCOPES or topic in BESIDE_SCOPES


def _names_bridge(payload: bytes) -> bool:
    try:
        config = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return False
    origin = config.get("origin") if isinstance(config, dict) else None
    return isinstance(origin, dict) and origin.get("name") == _ORIGIN


def _names(payload: bytes) -> list[str]:
    try:
        names = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return []
    return [name for name in names[:_MOST_REMEMBERED] if isinstance(name, str)] if isinstance(names, list) else []


def _compiled(topic_filter: str) -> re.Pattern[str]:
    """An MQTT topic filter as a pattern; `#` stands for the parent level too (MQTT 4.7.1.2)."""
    levels = re.escape(topic_filter).replace(r"\+", "[^/]*")
    return re.compile(levels.replace(r"/\#", "(/.*)?").replace(r"\#", ".*"))
