from bridge.report import resident_memory


def test_the_memory_that_is_used() -> None:
    assert 5_000_000 < resident_memory() < 5_000_000_000
