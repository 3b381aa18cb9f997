from typing import Any

import pytest

from bridge.extras.requests import Requests
from bridge.extras.sessions import Sessions
from bridge.state.state import State
from tests.extras.recorded import reply
from tests.extras.test_requests import Bridge

LIST = [{"id": 5, "vehicle": "Zoe"}, {"id": 4}]
WRITE: dict[str, Any] = {"requests": {"write": True}}
HOUSE = {
    "version": "0.313.2",
    "loadpoints": [{"title": "Carport"}, {"title": "Garage"}],
    "vehicles": {"bike": {"title": "VanMoof"}, "db:5": {}},
}
PUT, DELETE = "PUT /api/session/5", "DELETE /api/session/5"


class Writable(Bridge):
    """A house that may change sessions, with its list of sessions."""

    def __init__(self, *, answer: Any = None, version: str = "0.313.2", **settings: Any) -> None:
        super().__init__(**settings)
        self.evcc.answers |= {"/api/sessions": reply(LIST), PUT: answer or reply(""), DELETE: answer or reply(None)}
        self.new(HOUSE | {"version": version})
        self.periodic = Sessions(self.access)
        self.requests = Requests(self.access, [self.periodic])


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"vehicle": "bike"}, {"vehicle": "VanMoof"}),
        ({"vehicle": "vanmoof"}, {"vehicle": "VanMoof"}),
        ({"vehicle": "db:5"}, {"vehicle": "db:5"}),
        ({"vehicle": None}, {"vehicle": None}),
        ({"odometer": 12345.6}, {"odometer": 12345.6}),
        ({"odometer": None}, {"odometer": None}),
        ({"loadpoint": 2, "vehicle": "bike"}, {"loadpoint": "Garage", "vehicle": "VanMoof"}),
        ({"vehicle": "bike", "delete": False}, {"vehicle": "VanMoof"}),
    ],
)
async def test_a_session_is_changed_where_the_configuration_allows_it(
    fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    house = Writable(**WRITE)
    async with house.running():
        assert await house.ask("session", {"id": 5, **fields}) == {"status": "ok", "data": sent, "error": None}
    assert house.evcc.sent == [sent]
    assert house.evcc.asked == ["/api/sessions", PUT]
    assert house.periodic._asked.is_set()


async def test_a_session_is_deleted() -> None:
    house = Writable(**WRITE)
    async with house.running():
        assert (await house.ask("session", {"id": 5, "delete": True}))["status"] == "ok"
    assert house.evcc.asked == ["/api/sessions", DELETE]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": 5}, "takes either vehicle, loadpoint or odometer, or delete"),
        ({"id": 5, "delete": False}, "takes either"),
        ({"id": 5, "vehicle": "bike", "delete": True}, "takes either"),
        ({"vehicle": "bike"}, "id is missing"),
        ({"id": 0, "vehicle": "bike"}, "id takes"),
        ({"id": "5/../4", "delete": True}, "id takes"),
        ({"id": 5, "vehicle": "nobody"}, "takes a vehicle that evcc has"),
        ({"id": 5, "vehicle": 7}, "vehicle takes"),
        ({"id": 5, "loadpoint": 3}, "there is no loadpoint 3"),
        ({"id": 5, "odometer": -1}, "odometer takes"),
        ({"id": 5, "odometer": "12 km"}, "odometer takes"),
        ({"id": 5, "delete": 1}, "delete takes true or false"),
        ({"id": 6, "delete": True}, "there is no session 6"),
    ],
)
async def test_a_wrong_change_is_refused_and_changes_nothing(fields: dict[str, Any], reason: str) -> None:
    house = Writable(**WRITE)
    async with house.running():
        answer = await house.ask("session", fields)
    assert answer["status"] == "refused"
    assert reason in answer["error"]
    assert house.evcc.sent == []


async def test_without_permission_evcc_is_not_called() -> None:
    house = Writable()
    async with house.running():
        answer = await house.ask("session", {"id": 5, "delete": True})
    assert (answer["status"], house.evcc.asked) == ("refused", [])
    assert "requests.write" in answer["error"]


async def test_an_old_evcc_is_not_asked_for_what_would_erase_the_vehicle() -> None:
    house = Writable(version="0.131.4", **WRITE)
    async with house.running():
        assert "0.209.7" in (await house.ask("session", {"id": 5, "odometer": 5}))["error"]
        assert (await house.ask("session", {"id": 5, "vehicle": "bike"}))["status"] == "ok"
    assert house.evcc.sent == [{"vehicle": "VanMoof"}]


async def test_what_evcc_answers_is_passed_on() -> None:
    house = Writable(answer=reply({"error": "database is locked"}, 400), **WRITE)
    async with house.running():
        assert (await house.ask("session", {"id": 5, "delete": True}))["error"] == "database is locked"


async def test_nothing_is_changed_before_evcc_has_answered() -> None:
    house = Bridge(**WRITE)
    house.reader.state = State()
    async with house.running():
        assert (await house.ask("session", {"id": 5, "delete": True}))["status"] == "failed"
    assert house.evcc.asked == []
