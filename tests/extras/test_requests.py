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
from bridge.extras.telemetry import Telemetry
from bridge.mqtt.message import OVERHEAD
from tests.extras.house import House
from tests.extras.recorded import ERAS, NO_ROUTE, FakeEvcc, body, evcc_of, reply
from tests.virtual import in_virtual_time

DEEP = b"[" * 300 + b"]" * 300
ANY = {"requests": {"jq": "any"}}
PREVIEW = "/api/loadpoints/1/plan/static/preview/soc/80/2026-11-26T06:30:00Z"
HISTORY = (
    "/api/history/energy?from=2026-10-31T23%3A00%3A00Z&to=2026-11-26T05%3A00%3A00Z&aggregate=day&grouped=true&group=pv"
)
OLD_PREVIEW = "/api/loadpoints/1/plan/preview/energy/10.5/2026-11-26T06:30:00Z"


class Bridge(House):
    """Requests, with a fake evcc behind them and a fake mirror before them."""

    def __init__(self, answers: dict[str, Any] | None = None, **settings: Any) -> None:
        evcc = FakeEvcc({f"/api/{path}": answer for path, answer in (answers or {}).items()})
        super().__init__(evcc, {"loadpoints": [{}, {}]}, **settings)
        self.periodic: Any = Telemetry(self.access)
        self.requests = Requests(self.access, [self.periodic])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.requests.run())
        await asyncio.sleep(0)
        yield
        task.cancel()
        await asyncio.wait([task])

    async def ask(self, name: str, fields: Any, **options: Any) -> dict[str, Any]:
        self.request(name, fields if isinstance(fields, bytes) else orjson.dumps(fields), **options)
        topic, answer = await self.mirror.next()
        assert topic == f"bridge/response/{name}"
        assert answer.keys() == {"status", "data", "error"}
        found: dict[str, Any] = answer
        return found


def state_of(expression: str) -> str:
    return f"/api/state?{urlencode({'jq': expression})}"


@pytest.mark.parametrize(
    ("name", "fields", "answers", "asked", "data"),
    [
        ("state", {"jq": ".a"}, {"state": reply({"b": 1})}, state_of(".a"), {"b": 1}),
        ("state", {"jq": ".a"}, {"state": reply({"result": 1})}, None, {"result": 1}),
        ("tariff", {"type": "grid"}, {"tariff/grid": reply({"rates": []})}, "/api/tariff/grid", {"rates": []}),
        ("plan", {"loadpoint": 2}, {"loadpoints/2/plan": reply({"result": {"power": 1}})}, None, {"power": 1}),
        (
            "plan_preview",
            {"loadpoint": 1, "soc": 80, "time": "2026-11-26T06:30:00Z"},
            {PREVIEW.removeprefix("/api/"): reply({"power": 1})},
            PREVIEW,
            {"power": 1},
        ),
        (
            "plan_preview",
            {"loadpoint": 1, "energy": 10.5, "time": "07:30"},
            {OLD_PREVIEW.removeprefix("/api/"): reply({"result": {"power": 1}})},
            OLD_PREVIEW,
            {"power": 1},
        ),
        (  # Wednesday: Friday comes first
            "plan_preview",
            {"loadpoint": 1, "soc": 80, "weekdays": [1, 5], "time": "7:30", "tz": "Europe/Lisbon"},
            {"loadpoints/1/plan/static/preview/soc/80/2026-11-27T07:30:00Z": reply({"power": 1})},
            "/api/loadpoints/1/plan/static/preview/soc/80/2026-11-27T07:30:00Z",
            {"power": 1},
        ),
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
        (
            "history",
            {"from": "2026-11-01T00:00:00+01:00", "to": 1795669200, "aggregate": "day", "grouped": True, "group": "pv"},
            {"history/energy": reply([{"group": "pv"}])},
            HISTORY,
            [{"group": "pv"}],
        ),
        ("history", {"aggregate": "1h"}, {"history/energy": reply([])}, "/api/history/energy?aggregate=hour", []),
        ("history", {"format": "csv"}, {"history/energy": Reply(200, "text/csv", b"a,b")}, None, "a,b"),
        ("history", {}, {"history/energy": reply(None)}, "/api/history/energy", None),
        ("gridsessions", {"format": "json"}, {"gridsessions": reply([])}, "/api/gridsessions", []),
        ("tariff", {"type": "co2"}, {"tariff/co2": reply([{"token": 1}, "//me:x@host"])}, None, [{}, "//***@host"]),
        ("plan", {"loadpoint": 1}, {"loadpoints/1/plan": reply({"secret": "x"})}, None, {}),
        ("health", {}, {"health": Reply(200, "application/json", b"a //me:x@host")}, None, "a //***@host"),
        ("health", b"", {"health": Reply(200, "application/json", b"OK\n")}, "/api/health", "OK"),
    ],
)
def test_requests_are_answered(name: str, fields: Any, answers: dict[str, Any], asked: str | None, data: Any) -> None:
    async def main() -> None:
        bridge = Bridge(answers)
        async with bridge.running():
            assert await bridge.ask(name, fields) == {"status": "ok", "data": data, "error": None}
        assert asked is None or bridge.evcc.asked[-1] == asked

    in_virtual_time(main())


@pytest.mark.parametrize("era", ERAS)
def test_previews_of_the_recorded_releases_are_found(era: str) -> None:
    async def main() -> None:
        bridge = Bridge()
        bridge.evcc.answers = evcc_of(era).answers
        async with bridge.running():
            fields = {"loadpoint": 2, "energy": 10, "time": "2026-11-26T06:30:00Z"}
            answer = await bridge.ask("plan_preview", fields)
            if era == "0.131.4":  # the other recorded answer is cut
                assert answer["data"]["duration"] == 52173
            assert answer["status"] != "refused"
            refused = await bridge.ask("plan_preview", fields | {"loadpoint": 1})
            assert "energy planning not available" in refused["error"]

    in_virtual_time(main())


@pytest.mark.parametrize("era", ERAS)
async def test_csv_is_passed_on_untouched(era: str) -> None:
    recorded = body(era, "GET /api/sessions?format=csv&lang=de")
    bridge = Bridge({"sessions": Reply(200, "text/csv", recorded)})
    async with bridge.running():
        answer = await bridge.ask("sessions", {"format": "csv", "lang": "de"})
    assert answer["data"].encode() == recorded
    assert bridge.evcc.asked == ["/api/sessions?format=csv&lang=de"]


async def test_refresh_has_everything_read() -> None:
    bridge = Bridge()
    async with bridge.running():
        assert (await bridge.ask("refresh", {}))["status"] == "ok"
    assert bridge.reader.refreshed == 1
    assert bridge.periodic._asked.is_set()


@pytest.mark.parametrize("expression", ["until(false; .)", '[limit(1e12; repeat("x"*1000))] | length', ".a | .b"])
async def test_only_paths_are_computed_by_evcc_unless_the_configuration_allows_any(expression: str) -> None:
    for settings, asked in (({}, []), (ANY, [state_of(guarded(expression))]), ({"requests": {"jq": "off"}}, [])):
        bridge = Bridge({"state": reply(1)}, **settings)
        async with bridge.running():
            answer = await bridge.ask("state", {"jq": expression})
        assert answer["status"] == ("ok" if asked else "refused")
        assert bridge.evcc.asked == asked


async def test_with_requests_switched_off_no_path_is_read_either() -> None:
    bridge = Bridge({"state": reply(1)}, requests={"jq": "off"})
    async with bridge.running():
        answer = await bridge.ask("state", {"jq": ".siteTitle"})
    assert (answer["status"], bridge.evcc.asked) == ("refused", [])
    assert "requests.jq" in answer["error"]


@pytest.mark.parametrize(
    ("name", "fields", "answers", "status", "reason"),
    [
        ("nothing", {}, {}, "refused", "there is no request nothing: there are state, tariff"),
        ("a/b", {}, {}, "refused", "there is no request a/b"),
        ("tariff", {}, {}, "refused", "type is missing"),
        ("tariff", b"grid", {}, "refused", "no JSON"),
        ("plan", {"loadpoint": 3}, {}, "refused", "there is no loadpoint 3: evcc has 2"),
        ("plan_preview", {"loadpoint": 3, "soc": 1, "time": "07:00"}, {}, "refused", "there is no loadpoint 3"),
        ("plan_preview", {"loadpoint": 1, "time": "07:00"}, {}, "refused", "either soc or energy"),
        (
            "plan_preview",
            {"loadpoint": 1, "soc": 1, "energy": 1, "time": "07:00"},
            {},
            "refused",
            "either soc or energy",
        ),
        ("plan_preview", {"loadpoint": 1, "soc": 1, "time": "soon"}, {}, "refused", "time takes a time"),
        ("plan_preview", {"loadpoint": 1, "soc": 1, "time": 5}, {}, "refused", "which is past"),
        ("plan_preview", {"loadpoint": 1, "soc": 1, "time": "07:00"}, {}, "refused", "this evcc has no"),
        (
            "plan_preview",
            {"loadpoint": 1, "soc": 1, "weekdays": [1], "time": "25:00"},
            {},
            "refused",
            "time of the day",
        ),
        ("history", {"from": 1795669200, "to": 1795669200}, {}, "refused", "from is to be before to"),
        ("history", {}, {}, "refused", "this evcc has no /api/history/energy"),
        ("gridsessions", {}, {}, "refused", "this evcc has no /api/gridsessions"),
        ("sessions", {"month": 3}, {}, "refused", "a month needs its year"),
        ("health", {}, {"health": NO_ROUTE}, "refused", "this evcc has no /api/health"),
        ("tariff", {"type": "x"}, {"tariff/x": reply({"error": "tariff not available"}, 404)}, "refused", "available"),
        ("state", {"jq": ".a"}, {"state": reply({"error": "unexpected EOF"}, 400)}, "refused", "unexpected EOF"),
        ("state", {"jq": ".mqtt.password"}, {}, "refused", "is secret"),
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
def test_what_cannot_be_answered_has_a_reason(
    name: str, fields: Any, answers: dict[str, Any], status: str, reason: str
) -> None:
    async def main() -> None:
        bridge = Bridge(answers)
        async with bridge.running():
            answer = await bridge.ask(name, fields)
        assert (answer["status"], answer["data"]) == (status, None)
        assert reason in answer["error"]

    in_virtual_time(main())


async def test_an_answer_goes_where_the_client_wants_it() -> None:
    bridge = Bridge()
    async with bridge.running():
        bridge.request("refresh", response_topic="my/answers", correlation=b"\x01\xff")
        await bridge.mirror.next()
    ((topic, payload, correlation),) = bridge.mirror.responses
    assert (topic, orjson.loads(payload)["status"], correlation) == ("my/answers", "ok", b"\x01\xff")


@pytest.mark.parametrize("topic", ["", "a/#", "+", "a\0b", "lamp/set"])
async def test_where_no_answer_may_go_it_goes_where_all_others_do(topic: str) -> None:
    bridge = Bridge()
    async with bridge.running():
        bridge.request("refresh", response_topic=topic)
        assert (await bridge.mirror.next())[0] == "bridge/response/refresh"
    assert bridge.mirror.responses == []


async def test_a_stale_request_is_not_carried_out_and_is_erased() -> None:
    bridge = Bridge()
    async with bridge.running():
        answer = await bridge.ask("refresh", {}, retain=True, stale=True)
    assert (answer["status"], bridge.reader.refreshed) == ("refused", 0)
    assert "kept by the broker" in answer["error"]
    assert bridge.mirror.erased == ["bridge/request/refresh"]


async def test_a_live_request_that_the_broker_keeps_is_answered_once_and_erased() -> None:
    bridge = Bridge()
    async with bridge.running():
        bridge.request("refresh", retain=True)
        bridge.request("refresh", b"", retain=True)
        bridge.request("refresh", b"", stale=True)
        assert (await bridge.mirror.next())[1]["status"] == "ok"
    assert bridge.mirror.erased == ["bridge/request/refresh"]
    assert bridge.mirror.all() == []


def test_a_request_that_expires_while_it_waits_is_not_carried_out() -> None:
    async def main() -> None:
        gate = asyncio.Event()
        bridge = Bridge()
        _hold(bridge, gate)
        async with bridge.running():
            for _ in range(4):
                bridge.request("health")
            bridge.request("refresh", expiry=5)
            bridge.request("refresh", expiry=60)
            await asyncio.sleep(10)
            gate.set()
            answers = [(await bridge.mirror.next())[1] for _ in range(6)]
        assert [answer["error"] for answer in answers if answer["status"] == "refused"] == [
            "its turn did not come within 5 s"
        ]
        assert bridge.reader.refreshed == 1

    in_virtual_time(main())


async def test_an_answer_that_the_broker_does_not_take_is_refused() -> None:
    bridge = Bridge({"tariff/grid": reply({"rates": ["x" * 50] * 20})})
    bridge.mirror.largest_packet = 1000
    async with bridge.running():
        answer = await bridge.ask("tariff", {"type": "grid"})
        assert answer["status"] == "refused"
        assert "bytes" in answer["error"]
        bridge.mirror.largest_packet = 2000
        assert (await bridge.ask("tariff", {"type": "grid"}))["status"] == "ok"


@pytest.mark.parametrize("length", range(300, 420))
async def test_an_answer_with_room_is_one_that_is_sent(length: int) -> None:
    """What is found to fit here also fits where it is sent."""
    bridge = Bridge({"tariff/grid": reply({"rates": ["x" * length]})})
    bridge.mirror.largest_packet = 450
    topic = "answers/one"
    async with bridge.running():
        bridge.request("tariff", b'{"type":"grid"}', response_topic=topic)
        _, answer = await bridge.mirror.next()
    assert len(topic) + len(orjson.dumps(answer)) + OVERHEAD <= 450


def _hold(bridge: Bridge, gate: asyncio.Event, most: list[int] | None = None) -> None:
    """Have evcc answer once a gate is open; `most` takes how many requests it had at a time."""
    busy = 0

    async def call(*_: Any, **__: Any) -> Reply:
        nonlocal busy
        busy += 1
        if most is not None:
            most.append(busy)
        await gate.wait()
        busy -= 1
        return reply(None)

    bridge.evcc.call = call  # type: ignore[method-assign]


def test_four_are_answered_at_a_time() -> None:
    async def main() -> None:
        gate, most = asyncio.Event(), [0]
        bridge = Bridge()
        _hold(bridge, gate, most)
        async with bridge.running():
            for _ in range(100):
                bridge.request("health")
            await asyncio.sleep(1)
            assert len(bridge.mirror.requests) >= 90  # where there is a bound
            gate.set()
            assert {(await bridge.mirror.next())[1]["status"] for _ in range(100)} == {"ok"}
        assert max(most) == 4

    in_virtual_time(main())


def test_of_too_many_requests_one_a_second_is_refused_and_the_others_are_dropped() -> None:
    async def main() -> None:
        bridge = Bridge()
        for _ in range(3000):
            bridge.request("health")
        async with bridge.running():
            await asyncio.sleep(120)
            answers = bridge.mirror.all()
        assert len(answers) == 1001
        assert [answer["error"] for answer in answers].count("too many requests") == 1

    in_virtual_time(main())


def test_a_request_that_waits_for_long_is_refused() -> None:
    async def main() -> None:
        gate = asyncio.Event()
        bridge = Bridge()
        _hold(bridge, gate)
        async with bridge.running():
            for _ in range(4):
                bridge.request("health")
            bridge.request("refresh")
            await asyncio.sleep(61)
            gate.set()
            errors = [(await bridge.mirror.next())[1]["error"] for _ in range(5)]
        assert "its turn did not come within 60 s" in errors
        assert bridge.reader.refreshed == 0

    in_virtual_time(main())


def test_nothing_more_is_answered_while_the_broker_does_not_keep_up() -> None:
    async def main() -> None:
        bridge = Bridge()
        bridge.mirror.congested = True
        for _ in range(50):
            bridge.request("refresh")
        async with bridge.running():
            await asyncio.sleep(5)
            assert len(bridge.mirror.all()) == 1
            bridge.mirror.congested = False
            await asyncio.sleep(5)
            assert len(bridge.mirror.all()) == 49

    in_virtual_time(main())


def test_requests_under_way_and_waiting_are_answered_when_the_bridge_stops() -> None:
    async def main() -> None:
        bridge = Bridge()
        _hold(bridge, asyncio.Event())
        task = asyncio.create_task(bridge.requests.run())
        for _ in range(10):
            bridge.request("health")
        await asyncio.sleep(1)
        bridge.request("tariff", b'{"type":"grid"}')  # still in the mirror's queue
        task.cancel()
        await asyncio.wait([task])
        answers = bridge.mirror.all()
        assert len(answers) == 11
        assert {(answer["status"], answer["error"]) for answer in answers} == {("failed", "the bridge is stopping")}

    in_virtual_time(main())


async def test_secrets_are_not_published() -> None:
    document = {"mqtt": {"password": "x", "user": "me"}, "list": [{"accessToken": "y", "id": 1}]}
    for settings in ({}, ANY):
        bridge = Bridge({"state": reply(document)}, **settings)
        async with bridge.running():
            answer = await bridge.ask("state", {"jq": "."})
        assert answer["data"] == {"mqtt": {"user": "me"}, "list": [{"id": 1}]}
