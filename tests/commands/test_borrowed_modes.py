"""Modes and `alwaysCharge` that are borrowed by clients of any release, at evcc of any release."""

import asyncio
from typing import Any

import orjson
import pytest

from bridge.state.contract import Contract
from bridge.state.document import from_document
from bridge.state.state import State
from tests.commands.fakes import World, running, virtual
from tests.contract.eras import of_0_316, state

MODE, ALWAYS = "loadpoints/1/mode", "loadpoints/1/alwaysCharge"
MODES = {"pv": ("smart", "off"), "minpv": ("smart", "on")}


def old(mode: str) -> State:
    """0.313 with a mode at its first loadpoint."""
    return _with(state("0.313.2"), mode=mode)


def new(mode: str, always: str) -> State:
    """The same of 0.316."""
    return _with(from_document(of_0_316()), mode=mode, alwaysCharge=always)


def _with(known: State, **values: Any) -> State:
    first, *others = (dict(part.values) for part in known.loadpoints)
    return from_document({**known.document(), "loadpoints": [{**first, **values}, *others]})


async def borrowed(house: World, topic: str, word: str, then: State) -> dict[str, Any]:
    """Borrow a word for a quarter of an hour, which evcc's state then shows; the answer."""
    answer = await house.answered(topic, orjson.dumps({"value": word, "for": "15m"}))
    house.reader.state = then
    return answer


@virtual
@pytest.mark.parametrize("pinned", ["evcc", "0.313", "0.316"])
@pytest.mark.parametrize(
    ("before", "word", "back"),
    [
        (("smart", "off"), "minpv", "pv"),
        (("smart", "on"), "pv", "minpv"),
        (("smart", "off"), "pv", None),
        (("off", "off"), "pv", "off"),
        (("now", "off"), "pv", "now"),
    ],
)
async def test_an_older_word_is_borrowed_of_a_newer_evcc(
    pinned: str, before: tuple[str, str], word: str, back: str | None
) -> None:
    async with running(new(*before)) as house:
        house.reader.contract = Contract.of(pinned)
        answer = await borrowed(house, MODE, word, new(*MODES[word]))
        assert answer["status"] == "ok"
        await asyncio.sleep(1000)
        calls = [f"POST loadpoints/1/mode/{one}" for one in (word, back) if one]
        assert house.evcc.calls == calls


@virtual
@pytest.mark.parametrize(
    ("before", "word"),
    [(("off", "off"), "minpv"), (("now", "on"), "pv"), (("smart", "once"), "pv"), (("smart", "once"), "minpv")],
)
async def test_an_older_word_that_would_leave_alwayscharge_changed_is_not_lent(
    before: tuple[str, str], word: str
) -> None:
    async with running(new(*before)) as house:
        answer = await borrowed(house, MODE, word, new(*before))
        assert answer["status"] == "refused"
        assert answer["error"] == (
            f"mode cannot be borrowed with {word} now, as alwaysCharge would not go back: borrow smart instead"
        )
        assert house.evcc.calls == []


@virtual
async def test_a_mode_that_is_borrowed_after_another_goes_back_to_the_first_one_with_its_alwayscharge() -> None:
    async with running(new("smart", "off")) as house:
        for word, then in (("off", ("off", "off")), ("pv", ("smart", "off")), ("minpv", ("smart", "on"))):
            assert (await borrowed(house, MODE, word, new(*then)))["status"] == "ok"
            await asyncio.sleep(5)
        await asyncio.sleep(1000)
        assert house.evcc.calls[-1] == "POST loadpoints/1/mode/pv"


@virtual
async def test_a_vehicles_mode_is_not_lent_where_alwayscharge_is_not_known() -> None:
    known = from_document(of_0_316())
    without = next(name for name, vehicle in known.vehicles.items() if "alwaysCharge" not in vehicle.values)
    async with running(known) as house:
        answer = await borrowed(house, f"vehicles/{without}/mode", "minpv", known)
        assert (answer["status"], house.evcc.calls) == ("refused", [])


@virtual
async def test_a_mode_that_is_borrowed_while_evcc_is_updated_to_0_316_goes_back() -> None:
    async with running(old("pv")) as house:
        await borrowed(house, MODE, "minpv", old("minpv"))
        await asyncio.sleep(100)
        house.reader.state = new("smart", "on")
        await asyncio.sleep(1000)
        assert house.evcc.calls[1:] == ["POST loadpoints/1/mode/pv"]


@virtual
@pytest.mark.parametrize(
    ("before", "topic", "word", "mode"),
    [
        ("pv", ALWAYS, "on", "minpv"),
        ("pv", ALWAYS, "once", "minpv"),
        ("minpv", ALWAYS, "off", "pv"),
        ("off", MODE, "smart", "pv"),
        ("now", MODE, "smart", "pv"),
    ],
)
async def test_what_a_client_of_0_316_borrows_of_an_older_evcc_goes_back(
    before: str, topic: str, word: str, mode: str
) -> None:
    async with running(old(before)) as house:
        house.reader.contract = Contract("0.316")
        answer = await borrowed(house, topic, word, old(mode))
        assert (answer["status"], answer["value"]) == ("ok", word)
        await asyncio.sleep(1000)
        assert house.evcc.calls == [f"POST loadpoints/1/mode/{one}" for one in (mode, before)]


@virtual
@pytest.mark.parametrize("pinned", ["evcc", "0.131", "0.313"])
async def test_alwayscharge_is_not_lent_by_an_evcc_that_lacks_it(pinned: str) -> None:
    async with running(old("pv")) as house:
        house.reader.contract = Contract.of(pinned)
        answer = await borrowed(house, ALWAYS, "on", old("pv"))
        assert answer["status"] == "refused"
        assert answer["error"] == (
            "this evcc has no such setting: alwaysCharge; "
            "set mode to minpv to always charge, to pv to charge with solar power only"
        )
        assert house.evcc.calls == []


@virtual
async def test_alwayscharge_that_cannot_be_kept_is_not_lent() -> None:
    async with running(old("off")) as house:
        house.reader.contract = Contract("0.316")
        answer = await borrowed(house, ALWAYS, "on", old("off"))
        assert (answer["status"], house.evcc.calls) == ("refused", [])
        assert answer["error"].startswith("alwaysCharge needs the mode smart; ")


@virtual
@pytest.mark.parametrize("pinned", ["evcc", "0.313", "0.316"])
async def test_alwayscharge_is_lent_by_an_evcc_that_has_it(pinned: str) -> None:
    async with running(new("smart", "once")) as house:
        house.reader.contract = Contract.of(pinned)
        await borrowed(house, ALWAYS, "on", new("smart", "on"))
        await asyncio.sleep(1000)
        assert house.evcc.calls == [f"POST loadpoints/1/alwayscharge/{word}" for word in ("on", "once")]
