"""`set`, `watch` and `status`: what they show of a running bridge, and of one that is not there."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from bridge.cli import set as setting
from bridge.cli import status, watch, words
from bridge.cli.watch import Changes, Pattern, command
from bridge.errors import BridgeError, BrokerError
from bridge.mqtt.message import Inbound
from bridge.settings import Settings
from evcc_simulator import Evcc
from tests.broker.client import plant, publish
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.patience import PATIENCE
from tests.site.running import running, settings

NOBODY = Settings.model_validate({"mqtt": {"url": "mqtt://127.0.0.1:1"}})
MODE = "loadpoints/1/mode"


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """The log of a bridge in this process is not among what is printed."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def at(broker: Mosquitto, **sections: Any) -> Settings:
    return Settings.model_validate({"mqtt": {"url": broker.url, **sections.pop("mqtt", {})}, **sections})


def last(out: str) -> str:
    """The last line."""
    return out.splitlines()[-1]


async def printed(capsys: pytest.CaptureFixture[str], run: Callable[..., int], *args: Any) -> tuple[int, str, str]:
    """The exit code of a command, and what it prints on both outputs."""
    code = await asyncio.to_thread(run, *args)
    return code, *capsys.readouterr()


@asynccontextmanager
async def watching(
    capsys: pytest.CaptureFixture[str], options: Settings, pattern: str
) -> AsyncIterator[Callable[..., Any]]:
    """A watch of values and one of commands that run, and a way to wait for a line of theirs."""
    lines: list[str] = []

    async def until(found: str) -> str:
        async with asyncio.timeout(PATIENCE):
            while True:
                lines.extend(capsys.readouterr().out.splitlines())
                for line in lines:
                    if found in line:
                        return line
                await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch._watch(options, pattern)), group.create_task(watch._watch_commands(options))]
        yield until
        for task in tasks:
            task.cancel()


@pytest.mark.broker
@pytest.mark.parametrize("version", ["auto", "3.1.1"])
async def test_a_bridge_that_runs(
    broker: Mosquitto, recorder: Recorder, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    async with Evcc(interval=0.5, still=True) as evcc, running(settings(evcc, broker)):
        await recorder.value("evcc/status", "online")
        mine = at(broker, mqtt={"version": version})
        async with watching(capsys, mine, f"evcc/{MODE}") as until:
            assert await until(f"{MODE} = pv") == f"         {MODE} = pv"
            await publish(broker, f"evcc/{MODE}/set", "now")
            assert (await until("(was pv)")).endswith(f" {MODE} = now  (was pv)")
            assert " ok loadpoints/1/mode = now  " in await until("POST /api/loadpoints/1/mode/now (200)")
        code, out, _ = await printed(capsys, setting.run, mine, f"evcc/{MODE}/set", "PV")
        answer = json.loads(last(out))
        assert (code, answer["status"], answer["value"]) == (0, "ok", "pv")
        code, out, _ = await printed(capsys, setting.run, mine, "loadpoints/1/limitSoc", "101")
        assert (code, json.loads(last(out))["error"]) == (1, "limitSoc takes 0 to 100, got 101")
        await recorder.until(lambda: b"101" in (recorder.last("evcc/bridge/journal") or b""))
        code, out, err = await printed(capsys, status.run, mine)
        assert (code, err) == (0, "")
        names, lines = zip(*(line.split(maxsplit=1) for line in out.splitlines()[-5:]), strict=True)
        assert names == ("evcc", "push", "broker", "problem", "commands")
        assert lines[0].startswith("online since ")
        assert ", version 0.313.2, updated " in lines[0]
        assert lines[1].startswith("on since ")
        assert f", MQTT 5, {broker.url}, root evcc" in lines[2]
        assert lines[3].startswith("none since ")
        assert "refused loadpoints/1/limitSoc = 101  limitSoc takes 0 to 100, got 101" in lines[4]


@pytest.mark.broker
class TestNobodyThere:
    @pytest.mark.parametrize(("run", "args"), [(status.run, ()), (watch.run, (None,)), (setting.run, (MODE, "now"))])
    async def test_no_broker(self, run: Callable[..., int], args: tuple[Any, ...]) -> None:
        with pytest.raises(BrokerError, match=r"broker cannot be reached: nothing listens at 127\.0\.0\.1:1"):
            await asyncio.to_thread(run, NOBODY, *args)

    @pytest.mark.parametrize(("run", "args"), [(status.run, ()), (watch.run, (None,)), (setting.run, (MODE, "now"))])
    async def test_no_bridge(self, broker: Mosquitto, run: Callable[..., int], args: tuple[Any, ...]) -> None:
        with pytest.raises(BridgeError, match=r"no bridge publishes below evcc at .*: start one with"):
            await asyncio.to_thread(run, at(broker), *args)

    async def test_a_bridge_that_has_ended(self, broker: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
        await plant(broker, {"evcc/status": "offline", "evcc/bridge/evcc": "online"})
        with pytest.raises(BridgeError, match="the bridge below evcc does not run"):
            await asyncio.to_thread(setting.run, at(broker), MODE, "now")
        code, out, err = await printed(capsys, status.run, at(broker))
        assert code == 1
        assert "broker   not connected" in out
        assert "the bridge does not run" in err

    async def test_evcc_is_away(self, broker: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
        health = json.dumps({"time": time.time(), "commands": {"ok": 3}})
        topics = {
            "status": "offline",
            "bridge/evcc": "unreachable",
            "bridge/health": health,
            "bridge/problem": "refused",
        }
        info = json.dumps({"since": {"problem": time.time() - 60, "evcc": "x"}, "push": False, "interval": 10})
        await plant(broker, {f"evcc/{topic}": text for topic, text in {**topics, "bridge/info": info}.items()})
        code, out, err = await printed(capsys, status.run, at(broker))
        lines = out.splitlines()
        assert (code, err) == (1, "evcc-bridge: evcc/status is offline\n")
        assert lines[0] == "evcc     unreachable"
        assert lines[1] == "push     off, evcc is read every 10 s"
        assert lines[3].startswith("problem  refused since ")
        assert lines[4] == "commands 3 ok"

    async def test_a_silent_one(self, broker: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
        health = json.dumps({"time": time.time() - 600})
        await plant(broker, {"evcc/status": "offline", "evcc/bridge/evcc": "stale", "evcc/bridge/health": health})
        _, _, err = await printed(capsys, status.run, at(broker))
        assert "the bridge does not run; it did 10 min ago" in err

    async def test_what_is_no_json(self, broker: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
        about = {
            f"evcc/bridge/{name}": text
            for name, text in {"info": "[", "health": "[1]", "journal": '[1,{"a":2}]'}.items()
        }
        await plant(broker, {"evcc/status": "online", "evcc/updated": "x", **about})
        code, out, _ = await printed(capsys, status.run, at(broker))
        assert (code, len(out.splitlines())) == (0, 5)

    async def test_no_answer(self, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(setting, "_MARGIN", 0.1)
        await plant(broker, {"evcc/status": "online"})
        with pytest.raises(
            BridgeError, match=r"no answer: `evcc/status` is online; .* publish to evcc/loadpoints/1/mode/set"
        ):
            await asyncio.to_thread(setting.run, at(broker, commands={"deadline": 0.2}), MODE, "now")

    async def test_a_broker_that_goes(
        self, start_broker: Callable[[Config], Awaitable[Mosquitto]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        broker = await start_broker(Config())
        await plant(broker, {"evcc/status": "online"})
        task = asyncio.create_task(watch._watch(at(broker), "status"))
        async with asyncio.timeout(15):
            while "status = online" not in capsys.readouterr().out:  # noqa: ASYNC110 - what is printed is no event
                await asyncio.sleep(0.02)
        broker.kill()
        with pytest.raises(BrokerError, match="connection to the broker was lost"):
            await task


@pytest.mark.parametrize(("topic", "value"), [("", "1"), ("evcc/+/mode", "1"), ("a#", "1"), ("a\n", "1"), (MODE, "")])
def test_what_is_no_command(topic: str, value: str) -> None:
    with pytest.raises(BridgeError, match=r"TOPIC|VALUE"):
        setting.run(NOBODY, topic, value)


class TestPattern:
    @pytest.mark.parametrize(
        ("pattern", "shown", "other"),
        [
            (None, "site/pvPower", "bridge/info"),
            (None, "status", "updated"),
            (None, "loadpoints/1/mode", "loadpoints/1/mode/set"),
            ("loadpoints/1", "loadpoints/1/mode", "loadpoints/10/mode"),
            ("loadpoints/1", "loadpoints/1", "loadpoints"),
            ("evcc/loadpoints/+/mode", "loadpoints/2/mode", "loadpoints/2/x/mode"),
            ("loadpoints/#", "loadpoints", "site/loadpoints"),
            ("*/soc", "site/battery/soc", "site/battery/power"),
            ("evcc", "bridge/info", ""),
            ("#", "updated", ""),
            ("si.e/x", "si.e/x", "site/x"),
        ],
    )
    def test_which_topics_are_shown(self, pattern: str | None, shown: str, other: str) -> None:
        found = Pattern(pattern, "evcc")
        assert found.matches(shown)
        assert not other or not found.matches(other)

    @pytest.mark.parametrize("pattern", ["a#", "#/a", "a+/b", "a/#/b"])
    def test_what_is_no_filter(self, pattern: str) -> None:
        with pytest.raises(BridgeError, match="no topic filter"):
            Pattern(pattern, "evcc")


class TestChanges:
    def test_value_unit_and_age(self, monkeypatch: pytest.MonkeyPatch) -> None:
        changes, now = Changes("EUR"), time.time()
        monkeypatch.setattr(time, "time", lambda: now)
        power = "loadpoints/1/chargePower"
        assert changes.note(Inbound(power, b"10", retain=True)) == f"         {power} = 10 W"
        assert changes.note(Inbound(power, b"10")) is None
        assert changes.note(Inbound(power, b"20")) == f"{words.clock(now)} {power} = 20 W  (was 10 W)"
        before, now = now, now + 12
        assert (
            changes.note(Inbound(power, b"")) == f"{words.clock(before + 12)} {power} = (erased)  (was 20 W for 12 s)"
        )
        assert changes.note(Inbound(power, b"1")) == f"{words.clock(now)} {power} = 1 W"
        assert str(changes.note(Inbound("site/tariffGrid", b"0.2"))).endswith(" = 0.2 EUR/kWh")
        changes.note(Inbound("site/currency", b"CHF"))
        assert str(changes.note(Inbound("site/tariffGrid", b"0.3"))).endswith(
            " = 0.3 CHF/kWh  (was 0.2 CHF/kWh for 0.0 s)"
        )

    def test_it_is_one_printable_line(self) -> None:
        line = str(Changes().note(Inbound("site/x\x1b", b"\x1b[31m\n" + b"y" * 1000)))
        assert line.isprintable()
        assert len(line) < 200


def test_a_command_of_the_journal() -> None:
    entry = {"time": time.time(), "topic": MODE, "payload": "x\n", "status": "refused", "error": "no", "ms": 1.5}
    assert command({**entry, "origin": "page"}).endswith(f" refused {MODE} = x\\n  no  1.5 ms  from page")


def test_moments_and_ages() -> None:
    now = time.time()
    assert words.value("loadpoints/1/effectivePlanTime", b"%d" % now) == words.clock(int(now))
    assert len(words.clock(now - 200_000)) == len("2026-11-28 12:00:00")
    assert [words.age(seconds) for seconds in (0.44, 12, 119, 180, 7300, 200_000)] == [
        "0.4 s",
        "12 s",
        "119 s",
        "3 min",
        "2 h",
        "2 d",
    ]
