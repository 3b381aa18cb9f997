"""What clients of any release set reaches the evcc that runs in its own words."""

from typing import Any

import pytest

from bridge.state.contract import Contract
from bridge.state.document import from_document
from bridge.state.releases import CONTRACTS
from bridge.state.state import State
from tests.commands.fakes import NO_ROUTE, FakeEvcc, running, virtual
from tests.contract.eras import RUNNING, of_0_316, state

MODE, ALWAYS = "loadpoints/1/mode", "loadpoints/1/alwaysCharge"
VEHICLE_ALWAYS = "vehicles/bike/alwaysCharge"
OLD = ("off", "pv", "minpv", "now")
MODES = dict.fromkeys(CONTRACTS, OLD) | {"0.316": (*OLD, "smart")}
INSTEAD = "set mode to minpv to always charge, to pv to charge with solar power only"


def in_mode(mode: str) -> State:
    """0.313 with this mode everywhere."""
    known = state("0.313.2")
    loadpoints = [{**part.values, "mode": mode} for part in known.loadpoints]
    vehicles = {name: {**part.values, "mode": mode} for name, part in known.vehicles.items()}
    return from_document({**known.document(), "loadpoints": loadpoints, "vehicles": vehicles})


async def sent(known: State, pinned: str, topic: str, payload: str) -> tuple[list[str], dict[str, Any]]:
    """The calls that a command makes, and its answer."""
    async with running(known) as house:
        house.reader.contract = Contract.of(pinned)
        answer = await house.answered(topic, payload)
        return house.evcc.calls, answer


@virtual
@pytest.mark.parametrize("release", RUNNING)
@pytest.mark.parametrize("pinned", CONTRACTS)
async def test_a_mode_of_any_release_is_one_that_evcc_takes(pinned: str, release: str) -> None:
    known = state(release)
    taken = {*OLD, "smart"} if release == "0.316.0" else {*OLD}  # every release takes the old ones when written
    for word in MODES[pinned]:
        [call], answer = await sent(known, pinned, MODE, word)
        assert call.removeprefix("POST loadpoints/1/mode/") in taken
        assert answer["status"] == "ok"


@virtual
@pytest.mark.parametrize("pinned", ["evcc", *CONTRACTS])
async def test_pv_and_minpv_are_passed_on_to_an_evcc_with_smart(pinned: str) -> None:
    known = from_document(of_0_316())
    for word in ("pv", "minpv"):
        calls, _ = await sent(known, pinned, MODE, word)
        assert calls == [f"POST loadpoints/1/mode/{word}"]


@virtual
@pytest.mark.parametrize(
    ("mode", "topic", "payload", "call"),
    [
        ("pv", MODE, "smart", "loadpoints/1/mode/pv"),
        ("minpv", MODE, "smart", "loadpoints/1/mode/minpv"),
        ("now", MODE, "smart", "loadpoints/1/mode/pv"),
        ("pv", ALWAYS, "on", "loadpoints/1/mode/minpv"),
        ("pv", ALWAYS, "once", "loadpoints/1/mode/minpv"),
        ("minpv", ALWAYS, "off", "loadpoints/1/mode/pv"),
        ("pv", VEHICLE_ALWAYS, "on", "vehicles/bike/mode/minpv"),
    ],
)
async def test_newer_modes_at_an_older_evcc(mode: str, topic: str, payload: str, call: str) -> None:
    calls, answer = await sent(in_mode(mode), "0.316", topic, payload)
    assert calls == [f"POST {call}"]
    assert (answer["status"], answer["value"], answer["call"]) == ("ok", payload, f"POST /api/{call}")


@virtual
@pytest.mark.parametrize(("mode", "payload"), [("off", "on"), ("now", "off"), ("pv", "maybe"), ("", "on")])
async def test_alwayscharge_that_an_older_evcc_cannot_keep_is_refused(mode: str, payload: str) -> None:
    calls, answer = await sent(in_mode(mode), "0.316", ALWAYS, payload)
    assert (calls, answer["status"]) == ([], "refused")
    assert "alwaysCharge" in answer["error"]


@virtual
async def test_smart_and_then_always_charge_is_minpv_though_the_state_shows_neither_yet() -> None:
    async with running(in_mode("off")) as house:
        house.reader.contract = Contract("0.316")
        house.set(MODE, "smart")
        await house.answered(ALWAYS, "on")
        assert house.evcc.calls[-1] == "POST loadpoints/1/mode/minpv"


@virtual
@pytest.mark.parametrize("topic", [ALWAYS, VEHICLE_ALWAYS])
@pytest.mark.parametrize("pinned", ["evcc", "0.313"])
async def test_an_evcc_without_alwayscharge_refuses_it_with_what_to_use(pinned: str, topic: str) -> None:
    async with running(in_mode("pv"), FakeEvcc(otherwise=NO_ROUTE)) as house:
        house.reader.contract = Contract.of(pinned)
        for _ in range(2):  # the second time it is known
            answer = await house.answered(topic, "on")
            assert answer["status"] == "refused"
            assert answer["error"] == f"this evcc has no such setting: alwaysCharge; {INSTEAD}"
        assert len(house.evcc.calls) == 1


@virtual
async def test_what_may_not_be_set_cannot_be_set_by_its_newer_name() -> None:
    async with running(in_mode("pv"), deny=("loadpoints/*/mode",)) as house:
        house.reader.contract = Contract("0.316")
        assert (await house.answered(ALWAYS, "on"))["status"] == "refused"
        assert house.evcc.calls == []


@virtual
async def test_nothing_is_translated_while_evcc_is_not_known() -> None:
    calls, _ = await sent(State(), "0.316", MODE, "smart")
    assert calls == ["POST loadpoints/1/mode/smart"]


@virtual
async def test_alwayscharge_reaches_an_evcc_that_has_it() -> None:
    calls, answer = await sent(from_document(of_0_316()), "0.316", ALWAYS, "once")
    assert (calls, answer["status"]) == (["POST loadpoints/1/alwayscharge/once"], "ok")
