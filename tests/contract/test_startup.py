"""A recorded restart of evcc: it answers, incomplete, for several control cycles, and nothing may flicker."""

import pytest

from bridge.evcc.document import Document, parse
from tests.contract.recordings import ERAS, startup_bodies, state_body
from tests.state.whole import whole

_COMPLETE = -1


def _before_the_restart(era: str) -> Document:
    document = Document()
    document.replace(parse(startup_bodies(era)[_COMPLETE]), 0.0)
    assert not document.starting
    return document


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("seen", [True, False], ids=["restart seen", "restart between two polls"])
def test_no_value_vanishes_while_evcc_starts(era: str, *, seen: bool) -> None:
    document = _before_the_restart(era)
    known = whole(document.state).keys()
    if seen:
        document.suspect()
    for cycle, body in enumerate(startup_bodies(era)):
        document.replace(parse(body), 100.0 + cycle * document.interval)
        assert whole(document.state).keys() >= known
    assert not document.starting
    assert whole(document.state) == whole(parse(startup_bodies(era)[_COMPLETE]))


@pytest.mark.parametrize("era", ERAS)
def test_what_is_still_missing_after_the_grace_period_is_gone_and_nothing_else(era: str) -> None:
    document = _before_the_restart(era)
    known = whole(document.state).keys()
    incomplete = parse(startup_bodies(era)[0])
    document.suspect()
    document.replace(incomplete, 100.0)
    assert document.starting

    document.replace(incomplete, 100.0 + document.grace - 0.001)
    assert whole(document.state).keys() >= known

    document.replace(incomplete, 100.0 + document.grace)
    assert whole(document.state) == whole(incomplete)
    assert not document.starting


@pytest.mark.parametrize(("era", "loadpoints"), [("0.131.4", 2), ("0.313.2", 3)])
def test_the_grace_period_follows_from_evccs_own_interval(era: str, loadpoints: int) -> None:
    assert _before_the_restart(era).grace == (loadpoints + 2) * 4


@pytest.mark.parametrize("era", ERAS)
def test_a_running_evcc_is_believed_at_once_when_a_plan_is_deleted(era: str) -> None:
    document = Document()
    state = parse(state_body(era))
    document.replace(state, 0.0)
    vehicles = {
        name: {key: value for key, value in one.items() if key != "plan"} for name, one in state["vehicles"].items()
    }

    document.replace({**state, "vehicles": vehicles}, 10.0)

    assert not document.starting
    assert not [topic for topic in whole(document.state) if topic.startswith("vehicles/") and "/plan/" in topic]
