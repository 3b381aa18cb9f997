"""Names of topics: evcc's odd ones, what is kept back, what is selected; each is one row of a table."""

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import Self

from bridge.settings import Settings
from bridge.state.known import words
from bridge.util.topics import UNFIT

# a topic that ends with `set` is a command: no value is published there
_UNSAFE = re.compile(rf"[/+#{UNFIT}]|\As(?=et\Z)")
TELLTALES = "password|token|secret|private|certificate"
_SECRET = re.compile(TELLTALES, re.IGNORECASE)
LONGEST_NAME = 256
"""The most bytes of a key or of a vehicle's name."""
LONGEST_TOPIC = 1024
DEEPEST_TOPIC = 64
SCOPES = frozenset({"site", "loadpoints", "vehicles", "tariffs", "sessions", "history", "jq", "by-title", "bridge"})
"""The first levels, below the root, of the topics with more than one level."""

# evcc's REST key -> (where it stands, the last level that evcc's own MQTT has there instead)
RENAMED: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "feedin": ((re.compile(r"site/forecast"), "feedIn"),),
    "energy": ((re.compile(r"site/forecast/solar/[^/]+"), "yield"),),
    "excessdcpower": ((re.compile(r".*"), "excessDCPower"),),
}

# values that evcc leaves out of REST when they are zero, and that its clients expect
VEHICLE_DEFAULTS = {"features": 0, "repeatingPlans": 0, "minSoc": 0, "limitSoc": 0}
LOADPOINT_DEFAULTS = {"limitSoc": 0, "limitEnergy": 0}
# what null looks like where it does not erase
NULLS = {"vehicles/repeatingPlans": b"0", "vehicles/features": b"0", "loadpoints/plan": b"null"}
# lists that are time series even when they are empty
SERIES = {"site/forecast", "loadpoints/plan"}
# objects and lists that are one topic with their JSON text: the optimizer's request and result
TEXTS = {"site/evopt"}

# evcc's configuration and identity: no state, and full of secrets; its log lines hold what somebody typed in
KEPT_BACK = words("""
    auth authDisabled config database deviceColors eebus hems/config influx mcp messaging messagingEvents
    modbusproxy mqtt network ocpp ocppforwarder remote shm sponsor tariffs releaseNotes authProviders log
""")


def escape(name: str) -> str:
    """A key or vehicle name as one topic level: what MQTT or a level cannot hold is percent-encoded."""
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode(errors="replace")), name)


def is_name(text: str) -> bool:
    """Whether a text can be a key or a vehicle's name: it is not empty and not too long."""
    return 0 < len(text) <= LONGEST_NAME and (text.isascii() or len(text.encode(errors="replace")) <= LONGEST_NAME)


def is_secret(key: str) -> bool:
    """Whether a key's name means that its value must never be published, whatever is included."""
    return _SECRET.search(key) is not None


def renamed(prefix: str, key: str) -> str:
    """The last level below `prefix` for evcc's REST key: evcc's own MQTT spells a few differently."""
    for pattern, name in RENAMED.get(key, ()):
        if pattern.fullmatch(prefix):
            return name
    return key


@dataclass(frozen=True)
class Selection:
    """Which topics are published: globs over topics below the root; `include` is the stronger one."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """What `topics.include` and `topics.exclude` select."""
        return cls(settings.topics.include, settings.topics.exclude)

    @cached_property
    def _included(self) -> re.Pattern[str]:
        return _any_of(self.include)

    @cached_property
    def _excluded(self) -> re.Pattern[str]:
        return _any_of(self.exclude)

    def takes(self, topic: str) -> bool:
        """Whether a topic is published; one that MQTT brokers do not take never is."""
        if len(topic) > LONGEST_TOPIC or topic.count("/") > DEEPEST_TOPIC:
            return False
        if self.include and self._included.match(topic):
            return True
        return not _kept_back(topic) and not (self.exclude and self._excluded.match(topic))


def _any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, globs)))


def _kept_back(topic: str) -> bool:
    scope, _, rest = topic.partition("/")
    if scope != "site":
        return False
    first, _, below = rest.partition("/")
    return first in KEPT_BACK or f"{first}/{below.partition('/')[0]}" in KEPT_BACK
