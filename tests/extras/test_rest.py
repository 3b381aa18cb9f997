import asyncio
from typing import Any

import pytest

from bridge.errors import Invalid, NotReady, Refused, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.rest import Rest
from tests.extras.house import House
from tests.extras.recorded import NO_ROUTE, Answer, FakeEvcc, reply
from tests.virtual import in_virtual_time

PATH = "/api/tariff/co2"


def rest(evcc: FakeEvcc) -> Rest:
    client: Any = evcc
    return Rest(client)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (NO_ROUTE, Refused, "this evcc has no /api/tariff/co2"),
        (reply({"error": "tariff not available"}, 404), Refused, "tariff not available"),
        (Reply(500, "text/plain", b"oops"), Unreachable, "500"),
        (Reply(302, "text/html", b""), Invalid, "302"),
        (Reply(302, "text/plain", b""), Invalid, "302"),
        (Reply(200, "text/html; charset=utf-8", b"<html>"), Invalid, "text/html"),
        (Reply(401, "text/html", b"<html>"), Invalid, "401"),
        (Unreachable("gone"), Unreachable, "gone"),
    ],
)
async def test_what_is_no_answer_has_a_reason(answer: Answer, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        await rest(FakeEvcc({PATH: answer})).get(PATH)


async def test_parameters_are_sent() -> None:
    evcc = FakeEvcc({PATH: reply([])})
    await rest(evcc).get(PATH, {"lang": "de", "jq": ".a b"})
    assert evcc.asked == [f"{PATH}?lang=de&jq=.a+b"]


async def test_a_table_is_an_answer_too() -> None:
    assert (await rest(FakeEvcc({PATH: Reply(200, "text/csv", b"a;b")})).get(PATH)).body == b"a;b"


def test_what_is_not_there_is_asked_for_once_a_day_or_after_a_restart() -> None:
    async def main() -> None:
        house = House()
        for _ in range(3):
            assert await house.rest.find(PATH) is None
        assert house.evcc.asked.count(PATH) == 1
        await asyncio.sleep(86_401)
        await house.rest.find(PATH)
        assert house.evcc.asked.count(PATH) == 2
        house.rest.update(house.idle(complete=False, restarted=True))
        await house.rest.find(PATH)
        assert house.evcc.asked.count(PATH) == 3

    in_virtual_time(main())


@pytest.mark.parametrize("path", ["/api/state", "/api/sessions", PATH])
async def test_while_evcc_has_no_routes_nothing_is_remembered(path: str) -> None:
    evcc = FakeEvcc({"/api/state": NO_ROUTE})
    reader = rest(evcc)
    for ask in (reader.get, reader.find, reader.get_first):
        with pytest.raises(NotReady, match="evcc is starting"):
            await ask(path)
    evcc.answers |= {"/api/state": reply(None), path: reply([1])}
    found = await reader.find(path)
    assert found is not None
    assert found.json() == [1]


async def test_of_several_routes_the_first_that_there_is_answers() -> None:
    evcc = FakeEvcc({"/new": NO_ROUTE, "/old": reply(2)})
    assert (await rest(evcc).get_first("/new", "/old")).json() == 2
    evcc.answers["/new"] = reply({"error": "no"}, 400)
    with pytest.raises(Refused, match="no"):
        await rest(evcc).get_first("/new", "/old")
    with pytest.raises(Refused, match="this evcc has no /other"):
        await rest(evcc).get_first("/nothing", "/other")


@pytest.mark.parametrize("value", [{"result": 1}, [], None])
async def test_what_jq_gives_is_never_wrapped(value: object) -> None:
    evcc = FakeEvcc({"/api/state": reply(value)})
    assert await rest(evcc).jq(".a") == value
    assert await rest(evcc).value(".a") == value


def test_it_is_complete_while_evcc_is() -> None:
    async def main() -> None:
        house = House()
        for complete in (False, True, False):
            house.rest.update(house.idle(complete=complete))
            assert house.rest.complete.is_set() is complete

    in_virtual_time(main())
