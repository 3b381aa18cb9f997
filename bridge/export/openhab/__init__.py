"""openHAB: things, items and a sitemap as text files for its `conf` folder."""

from bridge.export.openhab.items import items
from bridge.export.openhab.points import points
from bridge.export.openhab.sitemap import sitemap
from bridge.export.openhab.things import things
from bridge.export.options import House

__all__ = ["files"]


def files(house: House) -> dict[str, str]:
    """The files by their path in openHAB's `conf` folder; items are named after the root."""
    found = points(house.entities, house.root)
    name = found[0].house
    return {
        f"things/{name}.things": things(found, house.root, house.address),
        f"items/{name}.items": items(found, house.options, house.language),
        f"sitemaps/{name}.sitemap": sitemap(found, house.language),
    }
