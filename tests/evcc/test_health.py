import pytest

from bridge.errors import EvccError, Invalid, NotReady, Unreachable
from bridge.evcc.health import Health


def test_before_anything_is_known_nothing_is_fresh() -> None:
    assert (Health().word, Health().fresh) == ("starting", False)


@pytest.mark.parametrize("word", ["online", "starting"])
def test_an_answer_is_fresh(word: str) -> None:
    health = Health()
    health.answered(word, 5.0)

    assert (health.word, health.fresh, health.seen, health.reason) == (word, True, 5.0, "")


@pytest.mark.parametrize(
    ("error", "word"), [(Unreachable("x"), "unreachable"), (NotReady("x"), "starting"), (Invalid("x"), "invalid")]
)
def test_one_failure_is_a_moments_and_two_are_not(error: EvccError, word: str) -> None:
    health = Health()
    health.answered("online", 5.0)
    health.failed(error)
    assert (health.word, health.fresh) == ("online", True)
    health.failed(error)
    assert (health.word, health.fresh, health.reason) == (word, False, "x")
    health.answered("online", 6.0)
    assert (health.word, health.fresh, health.reason, health.failures) == ("online", True, "", 0)


def test_the_first_failure_counts_where_nothing_was_fresh() -> None:
    health = Health()
    health.failed(Unreachable("x"))

    assert health.word == "unreachable"


def test_data_that_is_too_old_is_stale() -> None:
    health = Health()
    health.answered("online", 5.0)
    health.age(15.0, 10.0)
    assert health.word == "online"
    health.age(15.1, 10.0)
    assert (health.word, health.fresh) == ("stale", False)
    assert "10 s" in health.reason


def test_frames_keep_it_fresh() -> None:
    health = Health()
    health.answered("online", 5.0)
    health.moved(14.0)
    health.age(20.0, 10.0)

    assert health.fresh


def test_what_is_unreachable_does_not_become_stale() -> None:
    health = Health()
    health.failed(Unreachable("x"))
    health.age(1000.0, 10.0)

    assert health.word == "unreachable"
