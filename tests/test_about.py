import orjson

from bridge import __version__, about


def test_info_has_the_version_and_the_facts() -> None:
    assert orjson.loads(about.info({"push": True})) == {"version": __version__, "push": True}


def test_health_has_the_counters_and_the_memory_that_is_used() -> None:
    health = orjson.loads(about.health({"polls": 3}))

    assert health["polls"] == 3
    assert 5_000_000 < health["memory"] < 5_000_000_000
