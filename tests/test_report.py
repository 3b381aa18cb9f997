"""What the bridge publishes about itself, and when systemd is notified that it works."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest
from structlog.testing import capture_logs

from bridge import report as module
from bridge.errors import Invalid, Unreachable
from bridge.evcc.reader import Update
from bridge.report import resident_memory
from bridge.settings import Settings
from bridge.site import Site
from bridge.state.document import from_document
from bridge.state.part import Scope
from bridge.state.state import changes
from tests.commands.fakes import virtual
from tests.virtual import jump, now

if TYPE_CHECKING:
    from bridge.mqtt.client import Link

UNIT = Path(__file__).parents[1] / "packaging/evcc-bridge.service"
NOTHING: Mapping[str, Any] = {}
SLOW = {"evcc": {"interval": 300, "timeout": 60}}
PATIENT = {"mqtt": {"keepalive": 300}}
STATE = {"version": "0.313.2", "interval": 30, "loadpoints": [{"mode": "pv"}], "vehicles": {}}


@dataclass
class Connected:
    """All that is asked of a connection here."""

    last_acknowledgement: float
    version: str = "5"


class House:
    """A site whose evcc and broker are the test's."""

    def __init__(self, options: Mapping[str, Any] = NOTHING) -> None:
        self.site = Site(Settings(**options))

    def connect(self, acknowledged: float = 0.0) -> None:
        """Connect to the broker, which has acknowledged something so many seconds ago."""
        link = Connected(asyncio.get_running_loop().time() - acknowledged)
        self.site.mirror._link = cast("Link", link)
        self.site.mirror.connected = True

    def answer(self, document: Mapping[str, Any] = STATE) -> None:
        """evcc answers a poll."""
        reader, known = self.site.reader, self.site.reader.state
        reader.state = from_document(dict(document))
        reader.health.answered(starting=False)
        self._update(known)

    def fail(self, error: Unreachable | Invalid) -> None:
        """Two polls fail."""
        for _ in range(2):
            self.site.reader.health.failed(error)
        self._update(self.site.reader.state)

    def json(self, topic: str) -> Any:
        return orjson.loads(self.site.mirror.tree.topics[topic])

    def text(self, topic: str) -> str | None:
        payload = self.site.mirror.tree.topics.get(topic)
        return None if payload is None else payload.decode()

    def _update(self, known: Any) -> None:
        reader = self.site.reader
        found = changes(known, reader.state)
        self.site.report.update(Update(reader.state, found, reader.complete, restarted=False))


async def work(house: House, options: Mapping[str, Any], polled: float, acknowledged: float | None) -> bool:
    """Whether it works when its last poll ended, and its broker acknowledged, so many seconds ago; None: no broker."""
    house.site.reader.last_attempt = asyncio.get_running_loop().time() - polled
    if acknowledged is not None:
        house.connect(acknowledged)
    return house.site.report.is_working()


@pytest.mark.parametrize(
    ("options", "polled", "acknowledged", "working"),
    [
        pytest.param(NOTHING, 0, 0, True, id="all-is-well"),
        pytest.param(NOTHING, 10 + 5, 0, True, id="a-poll-that-is-as-slow-as-it-may-be"),
        pytest.param(NOTHING, 30, 0, False, id="a-poll-that-never-ends"),
        pytest.param(NOTHING, 30, None, False, id="a-poll-that-never-ends-without-a-broker"),
        pytest.param(SLOW, 300 + 60, 0, True, id="rare-polls-as-the-user-wants-them"),
        pytest.param(SLOW, 2 * 300 + 60 + 5, 0, False, id="rare-polls-that-never-end"),
        pytest.param(NOTHING, 0, 60 + 1, True, id="only-the-bridges-own-health-is-published"),
        pytest.param(NOTHING, 0, 60 + 1 + 2 * 10, True, id="a-broker-that-is-frozen-and-not-yet-lost"),
        pytest.param(NOTHING, 0, 60 + 2 * 10 + 10, False, id="a-broker-that-never-acknowledges"),
        pytest.param(PATIENT, 0, 60 + 1 + 2 * 300, True, id="a-frozen-broker-and-a-long-keepalive"),
        pytest.param(PATIENT, 0, 60 + 2 * 300 + 10, False, id="no-acknowledgement-and-a-long-keepalive"),
        pytest.param(NOTHING, 0, None, True, id="no-broker"),
    ],
)
async def test_it_works_while_polls_end_and_a_broker_acknowledges(
    *, options: Mapping[str, Any], polled: float, acknowledged: float | None, working: bool
) -> None:
    assert await work(House(options), options, polled, acknowledged) is working


async def test_while_evcc_pushes_polls_are_rarer() -> None:
    house = House()
    assert not await work(house, NOTHING, 30 + 5, 0)
    house.site.reader.push_alive = True
    assert house.site.report.is_working()


@pytest.mark.parametrize("push", [False, True])
async def test_by_default_the_watchdog_is_notified_of_work_within_the_last_period(*, push: bool) -> None:
    """So a bridge that works no more is restarted after two periods at the latest."""
    [line] = [line for line in UNIT.read_text().splitlines() if line.startswith("WatchdogSec=")]
    period = float(line.partition("=")[2])
    for polled, acknowledged in ((period, 0), (0, period)):
        house = House()
        house.site.reader.push_alive = push
        assert not await work(house, NOTHING, polled, acknowledged)


async def test_the_summary_is_one_line() -> None:
    house = House()
    assert house.site.report.summary().startswith("evcc starting, broker not connected, ")
    house.answer()
    house.connect()
    assert house.site.report.summary().startswith("evcc online, broker connected, ")
    assert "\n" not in house.site.report.summary()


@pytest.mark.parametrize(("error", "word"), [(Unreachable("x"), "unreachable"), (Invalid("x"), "invalid")])
async def test_a_failure_has_a_word_and_a_problem_until_evcc_answers(error: Unreachable | Invalid, word: str) -> None:
    house = House()
    house.answer()
    assert (house.text("bridge/evcc"), house.text("bridge/problem")) == ("online", None)
    house.fail(error)
    assert (house.text("bridge/evcc"), house.text("bridge/problem")) == (word, "x")
    house.answer()
    assert (house.text("bridge/evcc"), house.text("bridge/problem")) == ("online", None)


async def test_while_held_topics_wait_for_the_grace_period_evcc_is_starting() -> None:
    house = House()
    house.site.mirror.tree.orphans_waiting = 1
    house.answer()
    assert house.text("bridge/evcc") == "starting"
    house.site.mirror.tree.orphans_waiting = 0
    house.answer()
    assert house.text("bridge/evcc") == "online"


@virtual
async def test_updated_is_the_second_in_which_evcc_was_fresh() -> None:
    house = House()
    house.answer()
    assert house.text("updated") is None  # not before the broker is connected
    house.connect()
    house.answer()
    first = int(now())
    assert house.text("updated") == str(first)
    await asyncio.sleep(0.3)
    house.answer()
    assert house.text("updated") == str(first)
    await asyncio.sleep(1)
    house.fail(Unreachable("x"))
    assert house.text("updated") == str(first)
    house.answer()
    assert house.text("updated") == str(first + 1)


@virtual
async def test_updated_follows_a_wall_clock_that_is_set_back() -> None:
    house = House()
    house.connect()
    house.answer()
    jump(-400 * 86_400)
    house.answer()
    assert house.text("updated") == str(int(now()))


async def test_info_has_versions_and_settings_without_passwords() -> None:
    house = House({"evcc": {"url": "http://user:geheim1@localhost"}, "mqtt": {"url": "mqtt://user:geheim2@localhost"}})
    house.answer()
    house.connect()
    house.site.report._publish_info()
    info = house.json("bridge/info")
    assert (info["evcc"], info["mqtt"], info["push"]) == ("0.313.2", "5", False)
    assert info["contract"] == "evcc"
    assert info["instance"] == house.site.mirror.instance
    assert info["settings"]["evcc"]["interval"] == 10
    assert "geheim" not in str(info)


async def test_since_when_everything_is_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    house, moment = House(), 1_000_000_000.0
    monkeypatch.setattr(time, "time", lambda: moment)
    house.answer()
    house.site.report._publish_info()
    assert house.json("bridge/info")["since"] == dict.fromkeys(("evcc", "push", "broker", "problem"), 1_000_000_000)
    moment += 60
    house.connect()
    house.site.diagnostics.set("x", "something is wrong")
    house.site.report._publish_info()
    moment += 60
    house.site.diagnostics.set("x", "something else is wrong")
    house.site.report._publish_info()
    since = house.json("bridge/info")["since"]
    assert (since["push"], since["broker"], since["problem"]) == (1_000_000_000, 1_000_000_060, 1_000_000_060)
    moment += 60
    house.site.diagnostics.set("x", None)
    assert house.site.report.conditions()["since"]["problem"] == 1_000_000_180


async def test_health_has_the_counters() -> None:
    house = House()
    house.site.reader.polls, house.site.reader.frames = 2, 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await house.site.report.run()
    health = house.json("bridge/health")
    assert (health["polls"], health["frames"], health["commands"]) == (2, 1, {})
    assert health["memory"] > 5_000_000
    assert abs(health["time"] - time.time()) < 5


async def test_commands_follow_what_evcc_has_and_turns_out_not_to_have() -> None:
    house = House()
    house.answer()
    assert "loadpoints/1/mode/set" in [entry["topic"] for entry in house.json("bridge/commands")]
    house.answer({**STATE, "loadpoints": [{"mode": "pv"}, {"mode": "off"}]})
    assert "loadpoints/2/mode/set" in [entry["topic"] for entry in house.json("bridge/commands")]
    house.site.dispatcher._missing.add((Scope.LOADPOINT, "mode"))
    house.site.dispatcher._answers.blocked.known["site/prioritySoc"] = "optimizer", math.inf
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await house.site.report.run()
    entries = {entry["topic"]: entry for entry in house.json("bridge/commands")}
    assert "loadpoints/1/mode/set" not in entries
    assert entries["site/prioritySoc/set"]["reason"] == "optimizer"


async def test_a_change_that_is_no_setting_builds_no_new_list_of_commands() -> None:
    house = House()
    house.answer({**STATE, "homePower": 1})
    house.site.mirror.tree.set("bridge/commands", {"bridge/commands": b"as it was"})
    house.answer({**STATE, "homePower": 2})
    assert house.text("bridge/commands") == "as it was"


@virtual
async def test_another_zone_of_evcc_is_logged_once() -> None:
    house = House({"commands": {"timezone": "Asia/Tokyo"}})
    with capture_logs() as logs:
        for _ in range(3):
            house.answer({**STATE, "timezone": "CET +01:00"})
    found = [line for line in logs if "without a zone" in line["event"]]
    assert [(line["evcc"], line["bridge"]) for line in found] == [("CET +01:00", "Asia/Tokyo +09:00")]


def test_the_memory_that_is_used() -> None:
    assert 5_000_000 < resident_memory() < 5_000_000_000


@virtual
async def test_a_line_a_day_has_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DAY", 3600)  # virtual seconds take time too
    house = House()
    with capture_logs() as logs:
        report = asyncio.create_task(house.site.report.run())
        await asyncio.sleep(1)
        house.answer()
        house.fail(Unreachable("gone"))
        house.answer()
        await asyncio.sleep(3600)
        house.fail(Unreachable("gone again"))
        house.answer()
        house.fail(Unreachable("gone again"))
        await asyncio.sleep(3600)
        report.cancel()
    days = [line for line in logs if line["event"] == "the last 24 hours"]
    assert [day["evcc_lost"] for day in days] == [1, 2]
    assert {"values", "commands", "not_ok", "broker_lost"} <= days[0].keys()
    assert days[0]["log_level"] == "info"
