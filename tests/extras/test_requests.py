import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from bridge.errors import Unreachable
from bridge.evcc.client import Reply
from bridge.extras.expressions import guarded
from bridge.extras.requests import Requests
from bridge.extras.rest import Rest
from bridge.mqtt.message import OVERHEAD, Message
from tests.extras.outlet import Outlet
from tests.extras.recorded import ERAS, NO_ROUTE, FakeEvcc, body, reply

DEEP = b"[" * 300 + b"]" * 300


class Bridge:
    """Requests, with a fake evcc behind and an outlet before them."""

    def __init__(self, limit: int = 4, **answers: Any) -> None:
        self.evcc = FakeEvcc({f"/api/{path}": answer for path, answer in answers.items()})
        self.outlet = Outlet()
        self.largest: int | None = None
        self.refreshed = 0
        self.requests = Requests(
            Rest(self.evcc, lambda: 0.0),
            lambda: {"loadpoints": [{}, {}]},
            self.outlet,
            limit,
            refresh=self.refresh,
            largest=lambda: self.largest,
        )

    def refresh(self) -> None:
        self.refreshed += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.requests.run())
        await asyncio.sleep(0)
        yield
        task.cancel()

    async def ask(self, name: str, question: Any, **options: Any) -> dict[str, Any]:
        payload = question if isinstance(question, bytes) else orjson.dumps(question)
        self.requests.receive(Message(f"bridge/request/{name}", payload), **options)
        topic, answer = await self.outlet.next()
        assert topic == f"bridge/response/{name}"
        assert answer.keys() == {"status", "data", "error"}
        found: dict[str, Any] = answer
        return found


@pytest.mark.parametrize(
    ("name", "question", "answers", "asked", "data"),
    [
        ("state", {"jq": ".a"}, {"state": reply({"b": 1})}, f"/api/state?{urlencode({'jq': guarded('.a')})}", {"b": 1}),
        ("state", {"jq": ".a"}, {"state": reply({"result": 1})}, None, {"result": 1}),
        ("tariff", {"type": "grid"}, {"tariff/grid": reply({"rates": []})}, "/api/tariff/grid", {"rates": []}),
        ("plan", {"loadpoint": 2}, {"loadpoints/2/plan": reply({"result": {"power": 1}})}, None, {"power": 1}),
        ("sessions", {}, {"sessions": reply([])}, "/api/sessions", []),
        (
            "sessions",
            {"format": "json", "year": 2026, "month": 11},
            {"sessions": reply({"result": [{"id": 1, "chargeDuration": 2_000_000_000}]})},
            "/api/sessions?year=2026&month=11",
            [{"id": 1, "chargeDuration": 2}],
        ),
        (
            "sessions",
            {"format": "csv"},
            {"sessions": Reply(200, "text/csv", b"a;http://me:pass@host\n")},
            None,
            "a;http://***@host\n",
        ),
        ("sessions", {}, {"sessions": reply([{"a": "//me:x@host", "apiToken": 1}])}, None, [{"a": "//***@host"}]),
        ("tariff", {"type": "co2"}, {"tariff/co2": reply([{"token": 1}, "//me:x@host"])}, None, [{}, "//***@host"]),
        ("plan", {"loadpoint": 1}, {"loadpoints/1/plan": reply({"secret": "x"})}, None, {}),
        ("health", {}, {"health": Reply(200, "application/json", b"a //me:x@host")}, None, "a //***@host"),
        ("health", b"", {"health": Reply(200, "application/json", b"OK\n")}, "/api/health", "OK"),
        ("health", {}, {"health": Reply(200, "application/json", b"OK\n")}, "/api/health", "OK"),
    ],
)
async def test_questions_are_answered(
    name: str, question: Any, answers: dict[str, Any], asked: str | None, data: Any
) -> None:
    bridge = Bridge(**answers)
    async with bridge.running():
        assert await bridge.ask(name, question) == {"status": "ok", "data": data, "error": None}
    assert asked is None or bridge.evcc.asked == [asked]


@pytest.mark.parametrize("era", ERAS)
async def test_csv_is_passed_on_untouched(era: str) -> None:
    recorded = body(era, "GET /api/sessions?format=csv&lang=de")
    bridge = Bridge(sessions=Reply(200, "text/csv", recorded))
    async with bridge.running():
        answer = await bridge.ask("sessions", {"format": "csv", "lang": "de"})
    assert answer["data"].encode() == recorded
    assert bridge.evcc.asked == ["/api/sessions?format=csv&lang=de"]


async def test_refresh_has_everything_read() -> None:
    bridge = Bridge()
    async with bridge.running():
        assert (await bridge.ask("refresh", {}))["status"] == "ok"
    assert bridge.refreshed == 1


@pytest.mark.parametrize(
    ("name", "question", "answers", "status", "reason"),
    [
        ("nothing", {}, {}, "refused", "there is no request nothing"),
        ("a/b", {}, {}, "refused", "there is no request a/b"),
        ("tariff", {}, {}, "refused", "type is missing"),
        ("tariff", b"grid", {}, "refused", "no JSON"),
        ("plan", {"loadpoint": 3}, {}, "refused", "there is no loadpoint 3: evcc has 2"),
        ("sessions", {"month": 3}, {}, "refused", "a month needs its year"),
        ("health", {}, {"health": NO_ROUTE}, "refused", "this evcc has no /api/health"),
        ("tariff", {"type": "x"}, {"tariff/x": reply({"error": "tariff not available"}, 404)}, "refused", "available"),
        ("state", {"jq": "["}, {"state": reply({"error": "unexpected EOF"}, 400)}, "refused", "unexpected EOF"),
        ("state", {"jq": "."}, {"state": NO_ROUTE}, "failed", "evcc is starting"),
        ("sessions", {}, {"sessions": NO_ROUTE}, "failed", "evcc is starting"),
        ("plan", {"loadpoint": 1}, {"state": NO_ROUTE}, "failed", "evcc is starting"),
        ("tariff", {"type": "grid"}, {"tariff/grid": Unreachable("gone")}, "failed", "gone"),
        ("health", {}, {"health": Reply(500, "text/plain", b"no")}, "failed", "500"),
        ("tariff", {"type": "grid"}, {"tariff/grid": Reply(200, "text/html", b"<")}, "failed", "no answer of evcc"),
        ("plan", {"loadpoint": 1}, {"loadpoints/1/plan": Reply(200, "application/json", b"{")}, "failed", "no JSON"),
        ("state", {"jq": "."}, {"state": Reply(200, "application/json", DEEP)}, "failed", "no JSON"),
    ],
)
async def test_what_cannot_be_answered_has_a_reason(
    name: str, question: Any, answers: dict[str, Any], status: str, reason: str
) -> None:
    bridge = Bridge(**answers)
    async with bridge.running():
        answer = await bridge.ask(name, question)
    assert (answer["status"], answer["data"]) == (status, None)
    assert reason in answer["error"]


async def test_an_answer_goes_where_the_client_wants_it() -> None:
    bridge = Bridge()
    async with bridge.running():
        message = Message("bridge/request/refresh", b"{}", response_topic="my/answers", correlation=b"\x01\xff")
        bridge.requests.receive(message)
        await bridge.outlet.next()
    ((topic, payload, correlation),) = bridge.outlet.responses
    assert (topic, orjson.loads(payload)["status"], correlation) == ("my/answers", "ok", b"\x01\xff")


@pytest.mark.parametrize("topic", ["", "a/#", "+", "a\0b", "lamp/set"])
async def test_where_no_answer_may_go_it_goes_where_all_others_do(topic: str) -> None:
    bridge = Bridge()
    async with bridge.running(), asyncio.timeout(5):
        bridge.requests.receive(Message("bridge/request/refresh", b"{}", response_topic=topic))
        answer = await bridge.outlet.sent.get()
    assert answer.topic == "bridge/response/refresh"
    assert bridge.outlet.responses == []


async def test_a_stale_request_is_not_executed_and_is_erased() -> None:
    bridge = Bridge()
    async with bridge.running():
        bridge.requests.receive(Message("bridge/request/refresh", b"{}", retain=True), stale=True)
        _, answer = await bridge.outlet.next()
    assert (answer["status"], bridge.refreshed) == ("refused", 0)
    assert "kept by the broker" in answer["error"]
    assert bridge.outlet.erased == ["bridge/request/refresh"]


async def test_what_is_no_request_is_left_alone() -> None:
    bridge = Bridge()
    async with bridge.running():
        bridge.requests.receive(Message("set", b"1", retain=True))  # the root's own
        assert bridge.outlet.erased == []
        assert bridge.outlet.all() == []


async def test_a_live_request_that_the_broker_keeps_is_answered_once_and_erased() -> None:
    bridge = Bridge()
    async with bridge.running():
        bridge.requests.receive(Message("bridge/request/refresh", b"{}", retain=True))
        bridge.requests.receive(Message("bridge/request/refresh", b"", retain=True))
        bridge.requests.receive(Message("bridge/request/refresh", b""), stale=True)
        assert (await bridge.outlet.next())[1]["status"] == "ok"
    assert bridge.outlet.erased == ["bridge/request/refresh"]
    assert bridge.outlet.all() == []


async def test_an_answer_that_the_broker_does_not_take_is_refused() -> None:
    bridge = Bridge()
    bridge.evcc.answers["/api/tariff/grid"] = reply({"rates": ["x" * 50] * 20})
    bridge.largest = 1000
    async with bridge.running():
        answer = await bridge.ask("tariff", {"type": "grid"})
        assert answer["status"] == "refused"
        assert "bytes" in answer["error"]
        bridge.largest = 2000
        assert (await bridge.ask("tariff", {"type": "grid"}))["status"] == "ok"


@pytest.mark.parametrize("length", range(300, 420))
async def test_an_answer_with_room_is_one_that_is_sent(length: int) -> None:
    """What is found to fit here also fits where it is sent."""
    bridge = Bridge()
    bridge.evcc.answers["/api/tariff/grid"] = reply({"rates": ["x" * length]})
    bridge.largest = 450
    topic = "answers/one"
    async with bridge.running():
        bridge.requests.receive(Message("bridge/request/tariff", b'{"type":"grid"}', response_topic=topic))
        _, answer = await bridge.outlet.next()
    assert len(topic) + len(orjson.dumps(answer)) + OVERHEAD <= bridge.largest


async def test_so_many_at_once_and_no_more() -> None:
    full, gate, busy, most = asyncio.Event(), asyncio.Event(), 0, 0
    bridge = Bridge(limit=3)

    async def call(*_: Any, **__: Any) -> Reply:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        if busy == 3:
            full.set()
        await gate.wait()
        busy -= 1
        return reply(None)

    bridge.evcc.call = call  # type: ignore[method-assign]
    async with bridge.running():
        for _ in range(101):
            bridge.requests.receive(Message("bridge/request/health", b"{}"))
        _, refused = await bridge.outlet.next()
        assert refused["error"] == "100 requests wait already"
        await full.wait()
        gate.set()
        assert {(await bridge.outlet.next())[1]["status"] for _ in range(100)} == {"ok"}
    assert most == 3


async def test_while_the_bridge_does_not_run_requests_are_refused() -> None:
    bridge = Bridge()
    assert (await bridge.ask("refresh", {}))["error"] == "the bridge is starting or stopping"
    async with bridge.running():
        pass
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await bridge.ask("refresh", {}))["error"] == "the bridge is starting or stopping"


async def test_secrets_are_not_told() -> None:
    told = {"mqtt": {"password": "x", "user": "me"}, "list": [{"accessToken": "y", "id": 1}]}
    bridge = Bridge(state=reply(told))
    async with bridge.running():
        answer = await bridge.ask("state", {"jq": "."})
    assert answer["data"] == {"mqtt": {"user": "me"}, "list": [{"id": 1}]}
