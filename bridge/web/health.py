"""How one site is: evcc, its push, the broker, each since when; the current problem; counters."""

from typing import Any

from bridge.site import Site


def not_running(reason: str) -> dict[str, Any]:
    """The condition of a site that does not run, because its configuration is wrong."""
    return {"evcc": "stopped", "push": False, "broker": False, "since": {}, "problem": reason}


class HealthView:
    """The condition of a site's three connections, its problem, and since when."""

    def __init__(self, name: str, site: Site) -> None:
        self._name = name
        self._site = site

    def words(self) -> dict[str, Any]:
        """The condition without counters."""
        return self._site.report.conditions()

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
