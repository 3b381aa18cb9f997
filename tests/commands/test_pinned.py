"""What clients of any release set reaches the evcc that runs in its own words."""

import asyncio
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bridge.settable import modes
from bridge.settable.lookup import find
from bridge.settable.offered import offered, settings_of
from bridge.state.contract import Contract
from bridge.state.document import from_document
from bridge.state.releases import CONTRACTS, release
from bridge.state.state import Scope, State
from tests.commands.fakes import NO_ROUTE, FakeEvcc, running, virtual
from tests.contract.eras import RUNNING, of_0_316, state

DOCS = Path(__file__).parents[2] / "docs/contract.md"
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
@pytest.mark.parametrize("recording", RUNNING)
@pytest.mark.parametrize("pinned", CONTRACTS)
async def test_a_mode_of_any_release_is_one_that_evcc_takes(pinned: str, recording: str) -> None:
    known = state(recording)
    taken = {*OLD, "smart"} if recording == "0.316.0" else {*OLD}  # every release takes the old ones when written
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
@pytest.mark.parametrize("payload", ["maybe", "true", "1", '{"value":"maybe","for":"15m"}'])
@pytest.mark.parametrize("known", [in_mode("pv"), from_document(of_0_316())], ids=["0.313", "0.316"])
async def test_alwayscharge_takes_no_other_words(known: State, payload: str) -> None:
    for pinned in ("evcc", "0.313", "0.316"):
        calls, answer = await sent(known, pinned, ALWAYS, payload)
        assert (calls, answer["status"]) == ([], "refused")
        assert answer["error"].startswith("alwaysCharge takes ")


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


def value_for(entry: dict[str, Any]) -> str:
    """A value that an entry of `bridge/commands` offers."""
    match entry:
        case {"options": [first, *_]}:
            return str(first)
        case {"example": example}:
            return str(example)
        case {"kind": "plan", "schema": {"properties": properties}}:
            [goal] = properties.keys() - {"time", "precondition"}
            return json.dumps({goal: 50, "time": "2099-01-01T07:00:00Z"})
        case {"min": least}:
            return str(least)
    return {"switch": "on", "clock": "07:00"}.get(entry["kind"], "1")


def has_route(call: str, known: State) -> bool:
    """Whether a call is that of a setting that this evcc has."""
    method, _, path = call.partition(" ")
    for part in known.targets():
        prefix = "" if part.target.scope is Scope.SITE else f"{part.target.topic}/"
        for found in settings_of(part, known):
            route = re.sub(r"\\\{[a-z]+\\\}", "[^/]+", re.escape(prefix + found.setting.path))
            if method == found.setting.method and re.fullmatch(route, path):
                return True
    return False


@virtual
@pytest.mark.parametrize("recording", RUNNING)
@pytest.mark.parametrize("pinned", CONTRACTS)
async def test_all_that_is_offered_to_a_client_reaches_evcc(pinned: str, recording: str) -> None:
    known, contract = in_mode("pv") if recording == "0.313.2" else state(recording), Contract(pinned)
    entries = [entry for entry in offered(contract.view(known)) if _can_be_set(entry, known)]
    async with running(known) as house:
        house.reader.contract = contract
        for entry in entries:
            await asyncio.sleep(3)  # what was set before is not taken for what there is any more
            answer = await house.answered(entry["topic"].removesuffix("/set"), value_for(entry))
            assert answer["status"] == "ok", (entry["topic"], answer)
            call = house.evcc.calls[-1]
            assert has_route(call, known), (entry["topic"], call)
            if not entry["topic"].endswith(("/mode/set", "/alwaysCharge/set")):
                assert call == await _unpinned(known, entry)
        assert len(house.evcc.calls) == len(entries) > 20


def _can_be_set(entry: dict[str, Any], known: State) -> bool:
    """Whether it can: an evcc from before 0.316 keeps `alwaysCharge` only in a mode that is solar."""
    if not entry["topic"].endswith("/alwaysCharge/set") or (release(known.version) or ()) >= modes.SINCE:
        return True
    part = known.find(find(entry["topic"], known).target)
    return part is not None and part.text("mode") in {"pv", "minpv"}


async def _unpinned(known: State, entry: dict[str, Any]) -> str:
    """The call that it is without a pinned release."""
    calls, _ = await sent(known, "evcc", entry["topic"].removesuffix("/set"), value_for(entry))
    return calls[-1]


@pytest.mark.parametrize("recording", RUNNING)
@pytest.mark.parametrize("pinned", CONTRACTS)
def test_what_is_offered_to_a_client_has_the_words_of_its_release(pinned: str, recording: str) -> None:
    offers = {entry["topic"]: entry for entry in offered(Contract(pinned).view(state(recording)))}
    newer = pinned == "0.316"
    assert (f"{ALWAYS}/set" in offers) is newer
    assert offers[f"{MODE}/set"]["options"] == (["off", "smart", "now"] if newer else [*OLD])


WAYS = [
    ("any release", MODE, "pv"),
    ("any release", MODE, "minpv"),
    ("up to `0.314`", MODE, "smart"),
    ("`0.316`", MODE, "smart"),
    ("up to `0.314`", ALWAYS, "on"),
    ("`0.316`", ALWAYS, "on"),
    ("`0.316`", ALWAYS, "once"),
    ("`0.316`", ALWAYS, "off"),
]
CLIENTS = {
    "any release": ("evcc", *CONTRACTS),
    "up to `0.314`": ("evcc", *CONTRACTS[:-1]),
    "`0.316`": ("0.316",),
}


@virtual
@pytest.mark.parametrize(("clients", "topic", "word"), WAYS)
async def test_the_table_in_the_documentation_is_what_reaches_evcc(clients: str, topic: str, word: str) -> None:
    cells: list[str] = []
    for known in (in_mode("pv"), from_document(of_0_316())):
        found = {(await _reached(known, pinned, topic, word)) for pinned in CLIENTS[clients]}
        assert len(found) == 1
        cells += found
    leaf = topic.rpartition("/")[2]
    assert f"| {clients} | `{leaf}` `{word}` | {' | '.join(cells)} |" in DOCS.read_text()


async def _reached(known: State, pinned: str, topic: str, word: str) -> str:
    evcc = FakeEvcc(replies=[] if topic == MODE or pinned == "0.316" or known.version == "0.316.0" else [NO_ROUTE])
    async with running(known, evcc) as house:
        house.reader.contract = Contract.of(pinned)
        answer = await house.answered(topic, word)
    if answer["status"] == "refused":
        return "refused, with what to set instead"
    return f"`{house.evcc.calls[-1].removeprefix('POST loadpoints/1/')}`"


MIXED = {
    "version": "0.315.0",
    "loadpoints": [
        {"mode": "pv", "alwaysCharge": "on"},
        {"mode": "smart"},
        {"mode": 5, "alwaysCharge": [1]},
        {"mode": None, "alwaysCharge": "maybe"},
    ],
    "vehicles": {"v": {"mode": "minpv"}, "w": {"alwaysCharge": "off"}, "x": {"mode": [], "alwaysCharge": {}}},
}


@virtual
@pytest.mark.parametrize("pinned", ["evcc", *CONTRACTS])
async def test_a_state_that_mixes_shapes_gives_each_command_one_answer(pinned: str) -> None:
    targets = [*(f"loadpoints/{number}" for number in range(1, 6)), *(f"vehicles/{name}" for name in "vwx")]
    async with running(from_document(MIXED)) as house:
        house.reader.contract = Contract.of(pinned)
        for target, leaf in itertools.product(targets, ("mode", "alwaysCharge")):
            for word in ("minpv", "smart", "on", "maybe", "-"):
                for payload in (word, json.dumps({"value": word, "for": "15m"})):
                    await asyncio.sleep(3)
                    calls = len(house.evcc.calls)
                    answer = await house.answered(f"{target}/{leaf}", payload)
                    assert answer["status"] in {"ok", "refused"}
                    assert (len(house.evcc.calls) > calls) is (answer["status"] == "ok")
                    assert (answer["error"] is None) is (answer["status"] == "ok")
