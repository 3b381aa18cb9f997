"""Every row on both eras: each way to write a value -> the request that evcc received, or the refusal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest

from bridge.commands.dispatcher import Dispatcher
from bridge.evcc.client import EvccClient
from bridge.mqtt.message import Inbound
from bridge.settable.lookup import find
from bridge.settable.setting import no_such
from bridge.settable.table import SETTINGS
from bridge.settings import Commands
from bridge.settings import Evcc as EvccSettings
from bridge.state.document import parse
from bridge.util.diagnostics import Diagnostics
from evcc_simulator import Evcc
from tests.commands.fakes import FakeMirror, FakeReader
from tests.commands.ways import BODIES, BUTTON, CLEARINGS, CLEARS, ENTRIES, NEWER, TELEMETRY, VALUES

if TYPE_CHECKING:
    from bridge.evcc.reader import Reader
    from bridge.mqtt.mirror import Mirror

Answer = dict[str, Any]


class House(FakeMirror):
    """A simulated evcc, and a dispatcher that brings commands to it."""

    def __init__(self, evcc: Evcc, client: EvccClient, reader: FakeReader) -> None:
        super().__init__()
        self.evcc = evcc
        self.state = reader.state
        self._answered = asyncio.Event()
        self.dispatcher = Dispatcher(
            client,
            cast("Reader", reader),
            cast("Mirror", self),
            Commands(timezone="Europe/Berlin"),
            Diagnostics(),
        )

    def send(self, topic: str, payload: bytes) -> bool:
        self._answered.set()
        return super().send(topic, payload)

    async def command(self, topic: str, payload: str) -> tuple[Answer, list[str]]:
        """Set a topic: its answer, and the calls that evcc received, without questions for its state."""
        self.evcc.requests.clear()
        self._answered.clear()
        now = asyncio.get_running_loop().time()
        self.commands.put(Inbound(f"{topic}/set", payload.encode(), arrived=now))
        async with asyncio.timeout(60):
            await self._answered.wait()
        [*_, (answered, answer)] = self.sent
        assert answered == topic
        return answer, [
            f"{request.method} {request.target}" for request in self.evcc.requests if request.method != "GET"
        ]


@pytest.fixture(params=["0.131.4", "0.313.2"])
async def house(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("bridge.commands.dispatcher.CALLS_A_SECOND", 10_000)
    async with Evcc(request.param) as evcc, EvccClient(EvccSettings(url=evcc.url)) as client:
        made = House(evcc, client, FakeReader(parse(await client.state())))
        task = asyncio.create_task(made.dispatcher.run())
        yield made
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def lacks(house: House, topic: str) -> bool:
    """Whether this era does not have the setting of a topic."""
    scope, *_, leaf = topic.split("/")
    return f"{scope}/{leaf}" in NEWER[house.state.version]


async def check_lacking(house: House, topic: str, payload: str, call: str) -> None:
    """evcc is asked once, and never again."""
    for requests in ([call], []):
        answer, received = await house.command(topic, payload)
        assert received == requests
        assert answer["status"] == "refused"
        assert answer["error"] == no_such(find(topic, house.state).setting)
        assert topic.rpartition("/")[2] in answer["error"]


@pytest.mark.parametrize("topic", VALUES)
async def test_each_way_of_writing_a_value_reaches_evcc_as_one(house: House, topic: str) -> None:
    template, ways, _ = VALUES[topic]
    for payload, value in ways.items():
        call = template.replace("*", value)
        if lacks(house, topic):
            return await check_lacking(house, topic, payload, call)
        answer, received = await house.command(topic, payload)
        assert (payload, received) == (payload, [call])
        assert (payload, answer["status"], answer["error"]) == (payload, "ok", None)
        assert (answer["call"], answer["http"]) == (call, 200)
    return None


@pytest.mark.parametrize("topic", [*VALUES, *BODIES, *TELEMETRY])
async def test_what_is_no_value_is_refused_and_evcc_is_not_asked(house: House, topic: str) -> None:
    *_, wrong = (VALUES | BODIES | TELEMETRY)[topic]
    for payload in wrong:
        answer, received = await house.command(topic, payload)
        assert (payload, answer["status"], received) == (payload, "refused", [])
        assert answer["error"].startswith(f"{topic.rpartition('/')[2]} ")


@pytest.mark.parametrize("topic", BODIES)
async def test_json_reaches_evcc_as_it_is(house: House, topic: str) -> None:
    call, payload, _ = BODIES[topic]
    if lacks(house, topic):
        return await check_lacking(house, topic, payload, call)
    answer, received = await house.command(topic, payload)
    assert received == [call]
    assert orjson.loads(house.evcc.requests[-1].body) == orjson.loads(payload)
    assert (answer["status"], answer["error"]) == ("ok", None)
    return None


@pytest.mark.parametrize("topic", CLEARINGS)
async def test_each_clear_word_clears(house: House, topic: str) -> None:
    call = CLEARINGS[topic]
    for payload in CLEARS:
        if lacks(house, topic):
            return await check_lacking(house, topic, payload, call)
        answer, received = await house.command(topic, payload)
        assert (payload, received, answer["status"]) == (payload, [call], "ok")
    return None


@pytest.mark.parametrize("topic", ENTRIES)
async def test_a_field_of_a_repeating_plan_reaches_evcc_in_the_whole_list(house: House, topic: str) -> None:
    ways, wrong = ENTRIES[topic]
    before = house.state.vehicles["my.car_2"].values.get("repeatingPlans")
    for payload, value in ways.items():
        answer, received = await house.command(topic, payload)
        if before is None:  # this era has no such plans
            assert (answer["status"], received) == ("refused", [])
            continue
        assert (payload, answer["status"], received) == (payload, "ok", ["POST /api/vehicles/my.car_2/plan/repeating"])
        [*_, request] = (request for request in house.evcc.requests if request.method != "GET")
        assert orjson.loads(request.body)[1] == {**before[1], topic.rpartition("/")[2]: value}
        assert orjson.loads(request.body)[0] == before[0]
    for payload in wrong:
        answer, received = await house.command(topic, payload)
        assert (payload, answer["status"], received) == (payload, "refused", [])


@pytest.mark.parametrize("payload", ["x", "on", "0", "PRESS"])
async def test_the_button_detects_the_vehicle(house: House, payload: str) -> None:
    answer, received = await house.command(next(iter(BUTTON)), payload)
    assert (received, answer["status"]) == ([*BUTTON.values()], "ok")


async def test_evccs_own_refusal_of_telemetry_comes_back(house: House) -> None:
    [(topic, (template, ways, _))] = TELEMETRY.items()
    for payload, value in ways.items():
        answer, received = await house.command(topic, payload)
        assert received == [template.replace("*", value)]
        assert answer["status"] == ("refused" if value == "true" else "ok")
        assert answer["error"] == ("telemetry requires sponsorship" if value == "true" else None)


def test_the_table_leaves_no_row_out() -> None:
    rows = {f"{row.scope}/{row.leaf}" for row in SETTINGS}
    tabled = {f"{topic.split('/')[0]}/{topic.rpartition('/')[2]}" for topic in (*VALUES, *BODIES, *TELEMETRY, *BUTTON)}
    tabled |= {f"vehicles/repeatingPlans/<i>/{topic.rpartition('/')[2]}" for topic in ENTRIES}
    assert tabled == rows
    clearable = {f"{row.scope}/{row.leaf}" for row in SETTINGS if row.clear}
    assert {f"{topic.split('/')[0]}/{topic.rpartition('/')[2]}" for topic in CLEARINGS} == clearable
