import asyncio

import pytest

from bridge.errors import EvccError, Invalid, NotReady, Unreachable
from bridge.evcc.health import Health
from tests.virtual import in_virtual_time


async def _online(*, starting: bool = False) -> Health:
    health = Health()
    await asyncio.sleep(5)
    health.answered(starting=starting)
    return health


def test_before_anything_is_known_nothing_is_fresh() -> None:
    assert (Health().word, Health().fresh) == ("starting", False)


@pytest.mark.parametrize(("starting", "word"), [(False, "online"), (True, "starting")])
def test_an_answer_is_fresh(*, starting: bool, word: str) -> None:
    async def main() -> None:
        health = await _online(starting=starting)
        assert (health.word, health.fresh, health.seen, health.reason) == (word, True, 5.0, "")
        assert health.answering

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("error", "word"), [(Unreachable("x"), "unreachable"), (NotReady("x"), "starting"), (Invalid("x"), "invalid")]
)
def test_evcc_is_away_after_two_failures(error: EvccError, word: str) -> None:
    async def main() -> None:
        health = await _online()
        health.failed(error)
        assert (health.word, health.fresh) == ("online", True)
        health.failed(error)
        assert (health.word, health.fresh, health.reason) == (word, False, "x")
        assert not health.answering
        health.answered(starting=False)
        assert (health.word, health.fresh, health.reason, health.failures) == ("online", True, "", 0)

    in_virtual_time(main())


def test_the_first_failure_counts_where_nothing_was_fresh() -> None:
    health = Health()
    health.failed(Unreachable("x"))

    assert health.word == "unreachable"


def test_data_that_is_too_old_is_stale() -> None:
    async def main() -> None:
        health = await _online()
        await asyncio.sleep(10)
        health.age(10.0)
        assert health.word == "online"
        await asyncio.sleep(0.1)
        health.age(10.0)
        assert (health.word, health.fresh) == ("stale", False)
        assert "10 s" in health.reason

    in_virtual_time(main())


def test_frames_keep_it_fresh() -> None:
    async def main() -> None:
        health = await _online()
        health.moved(14.0)
        health.moved(0.0)
        await asyncio.sleep(15)
        health.age(10.0)
        assert health.fresh

    in_virtual_time(main())


def test_what_is_unreachable_does_not_become_stale() -> None:
    async def main() -> None:
        health = Health()
        health.failed(Unreachable("x"))
        await asyncio.sleep(1000)
        health.age(10.0)
        assert health.word == "unreachable"

    in_virtual_time(main())


def test_an_evcc_that_hangs_answers_but_is_stale() -> None:
    async def main() -> None:
        health = await _online()
        health.answered(starting=False, hung=True)
        assert (health.word, health.fresh, health.answering) == ("stale", False, True)
        health.failed(Unreachable("x"))
        assert not health.answering

    in_virtual_time(main())
