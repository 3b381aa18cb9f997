"""`evcc-bridge check`, against the simulated evcc and a real mosquitto."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.cli import check
from bridge.cli.main import main
from bridge.settings import Configuration, Settings
from evcc_simulator import Evcc
from tests.broker.client import plant, retained
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import running, settings

pytestmark = pytest.mark.broker
NOBODY = "mqtt://127.0.0.1:1"


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with Evcc(still=True) as one:
        one.house.state["mqtt"] = {"broker": "", "topic": "evcc"}
        yield one


async def checked(
    evcc_url: str, broker_url: str, *, quick: bool = False, **sections: dict[str, Any]
) -> tuple[int, list[str]]:
    """The exit code and the lines of a check; what has a password shows none."""
    options = {"evcc": {"url": evcc_url}, "mqtt": {"url": broker_url}}
    for name, section in sections.items():
        options.setdefault(name, {}).update(section)
    out = io.StringIO()
    found = Settings.model_validate(options)
    one = Configuration(found, {found.mqtt.root: found}, {}, several=False)
    code = await asyncio.to_thread(check.run, one, quick=quick, out=out)
    assert "geheim" not in out.getvalue()
    return code, out.getvalue().splitlines()


def one(lines: list[str], about: str) -> str:
    """The one line about something."""
    (line,) = [line for line in lines if about in line]
    return line


async def test_all_is_well(evcc: Evcc, broker: Mosquitto) -> None:
    code, lines = await checked(evcc.url, broker.url)
    assert code == 0
    assert [line for line in lines[:-1] if not line.startswith("ok ")] == []
    assert lines[-1] == "next  evcc-bridge run"
    assert one(lines, "writing below homeassistant works")
    assert "evcc 0.313.2 answers" in lines[0]
    assert "(bare state, 3 loadpoints)" in lines[0]
    assert one(lines, "clock")
    assert one(lines, "pushes its changes")
    assert "supports MQTT 5" in one(lines, "broker at")
    assert one(lines, "writing and reading below evcc works")
    assert one(lines, "evcc's own MQTT is off")


async def test_it_leaves_nothing_behind(evcc: Evcc, broker: Mosquitto) -> None:
    await checked(evcc.url, broker.url)
    assert await retained(broker) == {}


async def test_the_old_era(broker: Mosquitto) -> None:
    async with Evcc("0.131.4", still=True) as old:
        _, lines = await checked(old.url, broker.url, mqtt={"version": "3.1.1"})
    assert one(lines, "(wrapped state, 2 loadpoints)")
    assert "supports MQTT 3.1.1" in one(lines, "broker at")


@pytest.mark.parametrize(
    ("contract", "text"),
    [
        ("0.131", "translates the grid meter's values in one object (site)"),
        ("0.313", "evcc has these names, words and shapes, nothing is translated"),
    ],
)
async def test_a_pinned_release(evcc: Evcc, broker: Mosquitto, contract: str, text: str) -> None:
    code, lines = await checked(evcc.url, broker.url, topics={"contract": contract})
    found = [line for line in lines if f"topics.contract {contract}" in line]
    assert code == 0
    assert {line.split()[0] for line in found} == {"ok"}
    assert text in " ".join(found)


@pytest.mark.parametrize(("zone", "level"), [("Etc/UTC", "ok"), ("Asia/Tokyo", "warn")])
async def test_the_zone_of_times_that_name_none(evcc: Evcc, broker: Mosquitto, zone: str, level: str) -> None:
    code, lines = await checked(evcc.url, broker.url, commands={"timezone": zone})
    found = one(lines, "times without a zone")
    assert (code, found.split()[0]) == (0, level)
    assert f"are read in {zone}" in found
    assert ("but evcc is in UTC +00:00: set commands.timezone" in found) is (level == "warn")


async def test_nobody_is_there() -> None:
    code, lines = await checked("http://me:geheim@127.0.0.1:1", "mqtt://me:geheim@127.0.0.1:1")
    assert code == 1
    assert [line.split()[0] for line in lines] == ["fail", "fail", "next"]
    assert "nothing listens at 127.0.0.1:1" in lines[0]
    assert "nothing listens at 127.0.0.1:1" in lines[1]


async def test_no_push(evcc: Evcc, broker: Mosquitto) -> None:
    evcc.push_fault("missing")
    code, lines = await checked(evcc.url, broker.url)
    assert code == 0
    assert one(lines, "no push").startswith("warn")


async def test_push_that_is_switched_off(evcc: Evcc, broker: Mosquitto) -> None:
    _, lines = await checked(evcc.url, broker.url, evcc={"push": "off"})
    assert one(lines, "push is switched off").startswith("ok")


async def test_a_broken_configuration_of_evcc(broker: Mosquitto) -> None:
    async with Evcc(fatal=True) as broken:
        code, lines = await checked(broken.url, broker.url)
    assert code == 1
    assert one(lines, "error in its configuration").startswith("fail")


async def test_evccs_own_mqtt_on_the_same_root(evcc: Evcc, broker: Mosquitto) -> None:
    evcc.house.state["mqtt"] = {"broker": "broker.local:1883", "topic": "evcc"}
    _, lines = await checked(evcc.url, broker.url)
    assert lines[0] == one(lines, "broker.local")
    assert lines[0].startswith("warn")
    _, lines = await checked(evcc.url, broker.url, mqtt={"root": "home"})
    assert one(lines, "broker.local").startswith("ok")


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ({}, "nothing is published below evcc yet"),
        ({"evcc/site/pvPower": "1", "evcc/status": "online"}, "topics of evcc's own MQTT"),
        ({"evcc/bridge/info": "{}", "evcc/status": "online"}, "a bridge publishes below evcc: 2 topics, online"),
    ],
)
async def test_who_is_there_already(evcc: Evcc, broker: Mosquitto, stored: dict[str, str], found: str) -> None:
    await plant(broker, stored)
    code, lines = await checked(evcc.url, broker.url)
    assert code == 0
    assert one(lines, found)
    assert await retained(broker) == {topic: payload.encode() for topic, payload in stored.items()}


@pytest.mark.parametrize(
    "case",
    [
        ("user me\ntopic read evcc/#\n", "5", "does not let us write below evcc"),
        ("user me\ntopic read evcc/#\n", "3.1.1", "does not come back"),
        ("user me\ntopic write evcc/#\n", "5", "does not come back"),
    ],
)
async def test_rights_that_are_missing(
    evcc: Evcc,
    start_broker: Callable[[Config], Awaitable[Mosquitto]],
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[str, str, str],
) -> None:
    acl, version, found = case
    monkeypatch.setattr(check, "_ROUND_TRIP", 0.3)
    broker = await start_broker(Config(users={"me": "geheim"}, acl=acl))
    code, lines = await checked(evcc.url, broker.url, mqtt={"user": "me", "password": "geheim", "version": version})
    assert code == 1
    assert one(lines, found).startswith("fail")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_rights_below_the_discovery_prefix(
    evcc: Evcc, start_broker: Callable[[Config], Awaitable[Mosquitto]], monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(check, "_ROUND_TRIP", 0.3)
    acl = "user me\ntopic readwrite evcc/#\n"
    broker = await start_broker(Config(users={"me": "geheim"}, acl=acl))
    login = {"user": "me", "password": "geheim", "version": version}
    code, lines = await checked(evcc.url, broker.url, mqtt=login)
    assert code == 1
    assert one(lines, "does not let us write below homeassistant").startswith("fail")
    assert lines[-1].startswith("next  correct")
    code, _ = await checked(evcc.url, broker.url, mqtt=login, discovery={"homeassistant": False})
    assert code == 0


async def test_each_jq_expression_is_tried(evcc: Evcc, broker: Mosquitto) -> None:
    expressions = {"house": ".homePower", "broken": ".[", "late": 'error("not yet")'}
    code, lines = await checked(evcc.url, broker.url, topics={"jq": expressions})
    assert code == 1
    assert one(lines, "jq house").startswith("ok")
    assert one(lines, "jq broken").endswith("(in .[)")
    assert one(lines, "jq late") == 'fail  jq late: not yet (in error("not yet"))'


async def test_where_the_options_are_from(
    evcc: Evcc, broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text("[evcc]\ninterval = 5\n")
    monkeypatch.setenv("EVCC_URL", evcc.url)
    monkeypatch.setenv("MQTT_HOST", "other")
    arguments = ["check", "--config", str(file), "--mqtt-url", broker.url]
    assert await asyncio.to_thread(main, arguments) == 0
    printed = capsys.readouterr()
    assert f"configuration: file {file}; variables EVCC_URL; command line mqtt.url" in printed.out
    assert "MQTT_HOST is no option and is ignored; the option is MQTT_URL" in printed.err


async def test_the_problem_of_a_running_bridge_comes_first(evcc: Evcc, broker: Mosquitto) -> None:
    problem = "a second bridge, on pi, is connected to evcc and stays silent"
    await plant(broker, {"evcc/bridge/info": "{}", "evcc/status": "online", "evcc/bridge/problem": problem})
    _, lines = await checked(evcc.url, broker.url)
    assert lines[0] == f"warn  the bridge below evcc reports: {problem}"
    assert lines[-1].startswith("next  evcc-bridge status")


async def test_a_password_that_is_wrong(evcc: Evcc, start_broker: Callable[[Config], Awaitable[Mosquitto]]) -> None:
    broker = await start_broker(Config(users={"me": "right"}))
    code, lines = await checked(evcc.url, broker.url, mqtt={"user": "me", "password": "geheim"})
    assert code == 1
    assert one(lines, "refuses the login").startswith("fail")


async def test_beside_a_bridge_that_runs(evcc: Evcc, broker: Mosquitto, recorder: Recorder) -> None:
    async with running(settings(evcc, broker, evcc={"grace": 0.1})) as site:
        async with asyncio.timeout(60):
            while not site.reader.settled:  # noqa: ASYNC110 - time is what it waits for
                await asyncio.sleep(0.02)
        code, lines = await checked(evcc.url, broker.url)
        assert code == 0, lines
        assert one(lines, "writing and reading").startswith("ok")
        await recorder.fresh()
        assert not [topic for topic in recorder.tree() if topic.startswith("evcc/bridge/check/")]
        assert "evcc/bridge/problem" not in recorder.tree()


class TestQuick:
    async def test_a_bridge_that_is_well(self, broker: Mosquitto) -> None:
        await plant(broker, {"evcc/status": "online", "evcc/updated": str(int(time.time()))})
        code, lines = await checked("http://127.0.0.1:1", broker.url, quick=True)
        assert (code, lines[0].split()[:2]) == (0, ["ok", "online,"])

    @pytest.mark.parametrize(
        ("stored", "found"),
        [
            ({}, "evcc/status is not there"),
            ({"evcc/status": "offline", "evcc/updated": "1"}, "evcc/status is offline"),
            ({"evcc/status": "online"}, "evcc/updated is not there"),
            ({"evcc/status": "online", "evcc/updated": "soon"}, "evcc/updated is not there"),
            ({"evcc/status": "online", "evcc/updated": "9" * 5000}, "evcc/updated is not there"),
            ({"evcc/status": "online", "evcc/updated": "1795571234"}, "s old"),
        ],
    )
    async def test_a_bridge_that_is_not(
        self, broker: Mosquitto, stored: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(check, "_QUICK", 0.2)
        monkeypatch.setattr(time, "time", lambda: 1795571234 + 3600)
        await plant(broker, stored)
        code, lines = await checked("http://127.0.0.1:1", broker.url, quick=True)
        assert code == 1
        assert one(lines, found).startswith("fail")

    @pytest.mark.parametrize(
        ("word", "age", "found"),
        [
            ("unreachable", 10, "the bridge works, but evcc is unreachable: evcc cannot be reached"),
            ("unreachable", 900, "the bridge is not running"),
            ("online", 10, "the bridge is not running"),
            ("starting", 10, "the bridge works, but evcc is starting"),
            ("", 10, "no bridge has run here"),
        ],
    )
    async def test_whether_the_bridge_has_ended_or_evcc_is_away(
        self, broker: Mosquitto, word: str, age: int, found: str
    ) -> None:
        health = f'{{"time":{int(time.time()) - age},"uptime":1}}'
        about = {"bridge/evcc": word, "bridge/health": health, "bridge/problem": "evcc cannot be reached"}
        stored = {"status": "offline", "updated": "1", **about}
        await plant(broker, {f"evcc/{topic}": payload for topic, payload in stored.items() if payload})
        code, lines = await checked("http://127.0.0.1:1", broker.url, quick=True)
        assert code == 1
        assert f"evcc/status is offline: {found}" in one(lines, "evcc/status")

    async def test_no_broker(self) -> None:
        assert (await checked("http://127.0.0.1:1", NOBODY, quick=True))[0] == 1


@pytest.mark.parametrize(
    ("began", "ended", "ahead"),
    [(1000.2, 1000.4, 0), (1000.9, 1001.2, 0), (990.0, 991.0, 9), (1031.0, 1032.0, -30), (999.9, 1000.1, 0)],
)
def test_seconds_ahead(began: float, ended: float, ahead: float) -> None:
    assert check.seconds_ahead("Thu, 01 Jan 1970 00:16:40 GMT", began, ended) == ahead


@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Jan 1970 00:16:40 GMT"])
def test_no_date(date: str) -> None:
    assert check.seconds_ahead(date, 0, 1) is None


@pytest.mark.parametrize(("ahead", "line"), [(1.5, "ok"), (60, "warn"), (-60, "warn"), (None, "warn")])
async def test_clocks(evcc: Evcc, ahead: float | None, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "seconds_ahead", lambda *_: ahead)
    _, lines = await checked(evcc.url, NOBODY)
    assert one(lines, "clock").startswith(line)


class TestSeveralSites:
    @pytest.fixture
    def sites(self, evcc: Evcc, broker: Mosquitto) -> Configuration:
        both = {
            name: settings(evcc, broker, mqtt={"root": f"estate/{name}"}, evcc={"push": "off"}) for name in ("a", "b")
        }
        return Configuration(Settings(), both, {"c": "mqtt.qos: takes 0, 1"}, several=True)

    async def printed(self, sites: Configuration, site: str | None = None, *, quick: bool) -> tuple[int, list[str]]:
        out = io.StringIO()
        code = await asyncio.to_thread(check.run, sites, site, quick=quick, out=out)
        return code, out.getvalue().splitlines()

    async def test_each_is_checked_and_a_wrong_one_fails(self, sites: Configuration) -> None:
        code, lines = await self.printed(sites, quick=False)
        assert code == 1
        assert lines[0] == "fail  c: mqtt.qos: takes 0, 1"
        assert [line[6] for line in lines[1:]] == sorted(line[6] for line in lines[1:])
        assert one(lines, "b: writing and reading below estate/b works")

    async def test_one_by_its_name(self, sites: Configuration) -> None:
        async with running(sites.sites["b"]):
            code, (line,) = await self.printed(sites, "b", quick=True)
            assert (code, line[:15]) == (0, "ok    b: online")
            code, lines = await self.printed(sites, quick=True)
        assert (code, len(lines)) == (1, 3)
        assert one(lines, "a: estate/a/status is not there").startswith("fail")
