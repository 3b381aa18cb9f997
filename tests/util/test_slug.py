"""Slugs."""

from bridge.util.slug import slug


def test_slugs_of_different_names_differ() -> None:
    names = ["bike", "Bike", "my.car", "my_car", "my-car", "", "ä", "ö", "home/evcc", "home_evcc"]
    assert len({slug(name) for name in names}) == len(names)
    assert slug("evcc") == "evcc"
