import pytest

from bridge.errors import Invalid, NotReady, Refused, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.rest import Rest
from tests.extras.recorded import NO_ROUTE, Answer, FakeEvcc, reply

PATH = "/api/tariff/co2"


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (NO_ROUTE, Refused, "this evcc has no /api/tariff/co2"),
        (reply({"error": "tariff not available"}, 404), Refused, "tariff not available"),
        (Reply(500, "text/plain", b"oops"), Unreachable, "500"),
        (Reply(302, "text/html", b""), Invalid, "302"),
        (Reply(200, "text/html; charset=utf-8", b"<html>"), Invalid, "text/html"),
        (Reply(401, "text/html", b"<html>"), Invalid, "401"),
        (Unreachable("gone"), Unreachable, "gone"),
    ],
)
async def test_what_is_no_answer_has_a_reason(answer: Answer, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        await Rest(FakeEvcc({PATH: answer}), lambda: 0.0).get(PATH)


async def test_parameters_are_sent() -> None:
    evcc = FakeEvcc({PATH: reply([])})
    await Rest(evcc, lambda: 0.0).get(PATH, {"lang": "de", "jq": ".a b"})
    assert evcc.asked == [f"{PATH}?lang=de&jq=.a+b"]


async def test_what_is_not_there_is_asked_for_once_a_day_or_when_forgotten() -> None:
    clock = [0.0]
    evcc = FakeEvcc()
    rest = Rest(evcc, lambda: clock[0])
    for _ in range(3):
        assert await rest.find(PATH) is None
    assert evcc.asked.count(PATH) == 1
    clock[0] = 86_401.0
    await rest.find(PATH)
    rest.forget()
    await rest.find(PATH)
    assert evcc.asked.count(PATH) == 3


@pytest.mark.parametrize("path", ["/api/state", "/api/sessions", PATH])
async def test_while_evcc_has_no_routes_nothing_is_learned(path: str) -> None:
    evcc = FakeEvcc({"/api/state": NO_ROUTE})
    rest = Rest(evcc, lambda: 0.0)
    for ask in (rest.get, rest.find):
        with pytest.raises(NotReady, match="evcc is starting"):
            await ask(path)
    evcc.answers |= {"/api/state": reply(None), path: reply([1])}
    found = await rest.find(path)
    assert found is not None
    assert found.json() == [1]


@pytest.mark.parametrize("value", [{"result": 1}, [], None])
async def test_what_jq_gives_is_never_wrapped(value: object) -> None:
    assert await Rest(FakeEvcc({"/api/state": reply(value)}), lambda: 0.0).jq(".a") == value
