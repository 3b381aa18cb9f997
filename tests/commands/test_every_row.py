"""Every row on both eras: each way to write a value -> the request that evcc received, or the refusal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from bridge.commands.inbox import Inbox
from bridge.evcc.client import Client
from bridge.evcc.document import parse
from bridge.mqtt.message import Message
from bridge.settable.table import SETTINGS
from bridge.settings import Evcc as EvccSettings
from evcc_simulator import Evcc
from tests.commands.fakes import Outlet, options_of
from tests.commands.ways import BODIES, BUTTON, CLEARINGS, CLEARS, NEWER, TELEMETRY, VALUES

Answer = dict[str, Any]


class House(Outlet):
    """A simulated evcc, and an inbox that brings commands to it."""

    def __init__(self, evcc: Evcc, client: Client) -> None:
        super().__init__()
        self.evcc = evcc
        self.state: dict[str, Any] = {}
        self._client = client
        self._answered = asyncio.Event()
        self.inbox = Inbox(client, lambda: self.state, self, options_of(), ZoneInfo("Europe/Berlin"))

    async def read(self) -> None:
        self.state = parse(await self._client.state())
        self.evcc.requests.clear()

    def send(self, message: Message) -> None:
        super().send(message)
        self._answered.set()

    async def set(self, topic: str, payload: str) -> tuple[Answer, list[str]]:
        """Set a topic: its answer, and the calls that evcc received, without questions for its state."""
        self.evcc.requests.clear()
        self._answered.clear()
        self.inbox.receive(Message(f"{topic}/set", payload.encode()))
        async with asyncio.timeout(15):
            await self._answered.wait()
        [*_, (answered, answer)] = self.answers
        assert answered == topic
        return answer, [
            f"{request.method} {request.target}" for request in self.evcc.requests if request.method != "GET"
        ]


@pytest.fixture(params=["0.131.4", "0.313.2"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with Evcc(request.param) as evcc, Client(EvccSettings(url=evcc.url)) as client:
        made = House(evcc, client)
        await made.read()
        task = asyncio.create_task(made.inbox.run())
        yield made
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def lacks(house: House, topic: str) -> bool:
    """Whether this era does not have the setting of a topic."""
    scope, *_, leaf = topic.split("/")
    return f"{scope}/{leaf}" in NEWER[house.state["version"]]


async def check_lacking(house: House, topic: str, payload: str, call: str) -> None:
    """evcc is asked once, and never again."""
    for requests in ([call], []):
        answer, received = await house.set(topic, payload)
        assert received == requests
        assert answer["status"] == "refused"
        assert answer["error"] == f"this evcc has no such setting: {topic.rpartition('/')[2]}"


@pytest.mark.parametrize("topic", VALUES)
async def test_each_way_of_writing_a_value_reaches_evcc_as_one(house: House, topic: str) -> None:
    template, ways, _ = VALUES[topic]
    for payload, value in ways.items():
        call = template.replace("*", value)
        if lacks(house, topic):
            return await check_lacking(house, topic, payload, call)
        answer, received = await house.set(topic, payload)
        assert (payload, received) == (payload, [call])
        assert (payload, answer["status"], answer["error"]) == (payload, "ok", None)
        assert (answer["call"], answer["http"]) == (call, 200)
    return None


@pytest.mark.parametrize("topic", [*VALUES, *BODIES, *TELEMETRY])
async def test_what_is_no_value_is_refused_and_evcc_is_not_asked(house: House, topic: str) -> None:
    *_, wrong = (VALUES | BODIES | TELEMETRY)[topic]
    for payload in wrong:
        answer, received = await house.set(topic, payload)
        assert (payload, answer["status"], received) == (payload, "refused", [])
        assert answer["error"].startswith(f"{topic.rpartition('/')[2]} ")


@pytest.mark.parametrize("topic", BODIES)
async def test_json_reaches_evcc_as_it_is(house: House, topic: str) -> None:
    call, payload, _ = BODIES[topic]
    if lacks(house, topic):
        return await check_lacking(house, topic, payload, call)
    answer, received = await house.set(topic, payload)
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
        answer, received = await house.set(topic, payload)
        assert (payload, received, answer["status"]) == (payload, [call], "ok")
    return None


@pytest.mark.parametrize("payload", ["x", "on", "0", "PRESS"])
async def test_the_button_detects_the_vehicle(house: House, payload: str) -> None:
    answer, received = await house.set(next(iter(BUTTON)), payload)
    assert (received, answer["status"]) == ([*BUTTON.values()], "ok")


async def test_evccs_own_refusal_of_telemetry_comes_back(house: House) -> None:
    [(topic, (template, ways, _))] = TELEMETRY.items()
    for payload, value in ways.items():
        answer, received = await house.set(topic, payload)
        assert received == [template.replace("*", value)]
        assert answer["status"] == ("refused" if value == "true" else "ok")
        assert answer["error"] == ("telemetry requires sponsorship" if value == "true" else None)


def test_the_table_leaves_no_row_out() -> None:
    rows = {f"{row.scope}/{row.leaf}" for row in SETTINGS}
    tabled = {f"{topic.split('/')[0]}/{topic.rpartition('/')[2]}" for topic in (*VALUES, *BODIES, *TELEMETRY, *BUTTON)}
    assert tabled == rows
    clearable = {f"{row.scope}/{row.leaf}" for row in SETTINGS if row.clear}
    assert {f"{topic.split('/')[0]}/{topic.rpartition('/')[2]}" for topic in CLEARINGS} == clearable
