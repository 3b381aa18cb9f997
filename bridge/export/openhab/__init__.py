"""openHAB: things, items and a sitemap as text files for its `conf` folder."""

from collections.abc import Sequence

from bridge.entities.entity import Entity
from bridge.export.openhab.items import items
from bridge.export.openhab.points import points
from bridge.export.openhab.sitemap import sitemap
from bridge.export.openhab.things import things
from bridge.settings.urls import Address

__all__ = ["files"]


def files(entities: Sequence[Entity], root: str, address: Address) -> dict[str, str]:
    """The files by their path in openHAB's `conf` folder; items are named after `root`."""
    found = points(entities, root)
    name = found[0].house
    return {
        f"things/{name}.things": things(found, root, address),
        f"items/{name}.items": items(found),
        f"sitemaps/{name}.sitemap": sitemap(found),
    }
