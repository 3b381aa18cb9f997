"""How one site is: evcc, its push, the broker, each since when; the current problem; counters."""

import time
from typing import Any

from bridge.site import Site


def not_running(reason: str) -> dict[str, Any]:
    """The condition of a site that does not run, because its configuration is wrong."""
    return {"evcc": "stopped", "push": False, "broker": False, "since": {}, "problem": reason}


class HealthView:
    """The condition of a site's three connections, and since when each of them has been as it is."""

    def __init__(self, name: str, site: Site) -> None:
        self._name = name
        self._site = site
        self._since: dict[str, tuple[Any, float]] = {}

    def words(self) -> dict[str, Any]:
        """The condition without counters; to be called about once a second, for `since`."""
        site = self._site
        words = {
            "evcc": site.mirror.tree.topics.get("bridge/evcc", b"").decode() or site.reader.health.word,
            "push": site.reader.push_alive,
            "broker": site.mirror.connected,
        }
        for name, word in words.items():
            if name not in self._since or self._since[name][0] != word:
                self._since[name] = (word, time.time())
        return {
            **words,
            "since": {name: round(since) for name, (_, since) in self._since.items()},
            "problem": site.diagnostics.text or None,
        }

    def whole(self) -> dict[str, Any]:
        """The condition with counters, versions and addresses; addresses have no login."""
        site, settings = self._site, self._site.settings
        return {
            **self.words(),
            "root": settings.mqtt.root,
            "evcc_version": site.reader.state.version or None,
            "mqtt_version": site.mirror.version,
            "addresses": {"evcc": settings.evcc.address.shown, "broker": settings.mqtt.address.shown},
            "topics": len(site.mirror.tree.topics),
            "counters": site.report.counters(),
        }

    def hindrance(self) -> str:
        """Why `status` is not `online`; empty where it is."""
        if self._site.report.is_online:
            return ""
        words = self.words()
        broker = "connected" if words["broker"] else "not connected"
        return f"{self._name}: evcc is {words['evcc']}, the broker is {broker}"
