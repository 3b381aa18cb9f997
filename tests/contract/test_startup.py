"""A recorded restart of evcc: it answers, incomplete, for several control cycles, and nothing may flicker."""

import asyncio

import pytest

from bridge.evcc.startup import Startup
from bridge.state.document import from_document, parse
from bridge.state.state import State
from tests.contract.recordings import ERAS, startup_bodies, state_body
from tests.state.whole import whole
from tests.virtual import in_virtual_time

_COMPLETE = -1


def _before_the_restart(era: str) -> tuple[Startup, State]:
    startup = Startup()
    state = startup.accept(State(), parse(startup_bodies(era)[_COMPLETE]))
    assert not startup.starting
    return startup, state


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("seen", [True, False], ids=["restart seen", "restart between two polls"])
def test_no_value_vanishes_while_evcc_starts(era: str, *, seen: bool) -> None:
    async def main() -> None:
        startup, state = _before_the_restart(era)
        known = whole(state).keys()
        if seen:
            startup.note_sign()
        for body in startup_bodies(era):
            await asyncio.sleep(state.interval)
            state = startup.accept(state, parse(body))
            assert whole(state).keys() >= known
        assert not startup.starting
        assert whole(state) == whole(parse(startup_bodies(era)[_COMPLETE]))

    in_virtual_time(main())


@pytest.mark.parametrize("era", ERAS)
def test_what_is_still_missing_after_the_grace_period_is_gone_and_nothing_else(era: str) -> None:
    async def main() -> None:
        startup, state = _before_the_restart(era)
        known = whole(state).keys()
        incomplete = parse(startup_bodies(era)[0])
        startup.note_sign()
        state = startup.accept(state, incomplete)
        assert startup.starting
        await asyncio.sleep(startup.grace(state) - 0.001)
        state = startup.accept(state, incomplete)
        assert whole(state).keys() >= known
        await asyncio.sleep(0.002)
        state = startup.accept(state, incomplete)
        assert whole(state) == whole(incomplete)
        assert not startup.starting

    in_virtual_time(main())


@pytest.mark.parametrize(("era", "loadpoints"), [("0.131.4", 2), ("0.313.2", 3)])
def test_the_grace_period_follows_from_evccs_own_interval(era: str, loadpoints: int) -> None:
    startup, state = _before_the_restart(era)
    assert startup.grace(state) == (loadpoints + 2) * 4


@pytest.mark.parametrize("era", ERAS)
def test_a_plan_that_is_deleted_while_evcc_runs_is_gone_at_once(era: str) -> None:
    startup, document = Startup(), parse(state_body(era)).document()
    plans = {name: {**one, "plan": {"soc": 80}} for name, one in document["vehicles"].items()}
    none = {name: {key: value for key, value in one.items() if key != "plan"} for name, one in plans.items()}
    state = from_document({**document, "vehicles": plans})

    after = startup.accept(state, from_document({**document, "vehicles": none}))

    assert not startup.starting
    assert "vehicles/bike/plan/soc" in whole(state)
    assert not [topic for topic in whole(after) if topic.startswith("vehicles/") and "/plan/" in topic]
