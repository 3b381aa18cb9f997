"""Which retained topics below the root are the bridge's, or evcc's own, to erase; all others are somebody's."""

from collections.abc import Container, Mapping
from typing import Any

from bridge.state.known import KEYS, LEAVES
from bridge.state.names import escape

SCOPES = frozenset({"site", "loadpoints", "vehicles", "tariffs", "sessions", "jq", "by-title", "bridge"})
# what the bridge says about itself; the last command stays over a restart
_ABOUT_US = frozenset({"evcc", "info", "health", "commands", "problem", "published", "check", "marker", "response"})


def is_unlisted(topic: str, state: Mapping[str, Any]) -> bool:
    """Whether a topic lies below a vehicle or loadpoint that evcc does not list."""
    scope, _, below = topic.partition("/")
    name = below.partition("/")[0]
    if scope == "vehicles":
        vehicles = state.get("vehicles")
        return bool(name) and isinstance(vehicles, Mapping) and name not in map(escape, vehicles)
    loadpoints = state.get("loadpoints")
    if scope != "loadpoints" or not isinstance(loadpoints, list) or not (name.isascii() and name.isdigit()):
        return False
    return not 1 <= int(name[:9]) <= len(loadpoints) or str(int(name[:9])) != name


def is_ours(topic: str, published: Container[str]) -> bool:
    """Whether a topic of a listed vehicle, a listed loadpoint or the site was the bridge's or evcc's own.

    `published` are the topics that the bridge remembers to have published, in this run or an earlier one.
    """
    scope, *below = topic.split("/")
    if scope not in SCOPES or topic.endswith("/set") or not below:
        return False
    if scope == "bridge":
        return below[0] in _ABOUT_US
    if topic in published:
        return True
    path = below if scope == "site" else below[1:]
    words = [level for level in path if not level.isdigit()]
    return bool(words) and words[0] in KEYS.get(scope, ()) and words[-1] in LEAVES
