"""The process as a user starts it: what it logs, and what becomes of a new configuration."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from signal import SIGCONT, SIGHUP, SIGSTOP

import orjson
import pytest

from evcc_simulator import Evcc
from tests.broker.client import client, publish
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import Bridge

pytestmark = pytest.mark.broker


def events(bridge: Bridge) -> list[tuple[str, str]]:
    """Level and text of every line of the log so far."""
    lines = map(orjson.loads, bridge.text().splitlines())
    return [(line["level"], line["event"]) for line in lines]


async def test_a_line_is_logged_when_something_changes_and_not_at_each_poll(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log") as bridge:
        await recorder.value("evcc/status", "online")
        evcc.fault("html", "/api/state")
        await recorder.value("evcc/status", "offline")
        polls = len(evcc.requests.matching(path="/api/state"))
        while len(evcc.requests.matching(path="/api/state")) < polls + 3:
            await evcc.requests.find(path="/api/state", after=len(evcc.requests))
        evcc.fault(None)
        await recorder.value("evcc/status", "online")
        await recorder.fresh()
        broker.kill()
        await broker.start()
        await recorder.value("evcc/status", "online")
        await bridge.stop()

        log = events(bridge)
        assert sorted(log[:3]) == [("info", "broker found"), ("info", "evcc found"), ("info", "evcc is online")]
        assert log[3][0] == "warning"
        assert "in place of evcc's state (text/html; charset=utf-8)" in log[3][1]
        assert log[4:6] == [("info", "problem is over"), ("info", "evcc is online")]
        assert [level for level, _ in log[6:]] == ["warning", "info", "info", "info"]
        assert [event for _, event in log[7:]] == ["problem is over", "broker found", "stopped"]


async def test_debug_shows_every_poll_frame_publication_and_command(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log", LOG_LEVEL="debug") as bridge:
        await recorder.value("evcc/status", "online")
        evcc.set("homePower", 4711)
        await recorder.value("evcc/site/homePower", "4711")
        await publish(broker, "evcc/loadpoints/1/mode/set", "off")
        await recorder.value("evcc/loadpoints/1/mode", "off")
        await bridge.stop()
        lines = [orjson.loads(line) for line in bridge.text().splitlines()]
    assert {line["event"] for line in lines} >= {"poll", "frame", "publication", "command"}
    published = {line["topic"]: line["payload"] for line in lines if line["event"] == "publication"}
    assert published["evcc/site/homePower"] == "4711"
    assert any("homePower" in line["keys"] for line in lines if line["event"] == "frame")


async def test_a_new_login_that_does_not_work_leaves_no_old_online(
    start_broker: Callable[[Config], Awaitable[Mosquitto]], record: Callable[..., Awaitable[Recorder]], tmp_path: Path
) -> None:
    broker = await start_broker(Config(users={"bridge": "b"}, acl="user bridge\ntopic readwrite #\n"))
    recorder = await record(broker)
    config = tmp_path / "bridge.toml"
    config.write_text('[mqtt]\nuser = "bridge"\npassword = "b"\n')
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log", CONFIG=str(config)) as bridge:
        await recorder.value("evcc/status", "online")
        config.write_text('[mqtt]\nuser = "bridge"\npassword = "wrong"\n')
        bridge.signal(SIGHUP)
        await recorder.value("evcc/status", "offline")


async def test_a_new_root_is_taken_on_a_signal_and_the_old_one_left_with_a_last_word(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    config = tmp_path / "bridge.toml"
    config.write_text('[mqtt]\nroot = "old"\n')
    async with Evcc(still=True) as evcc, Bridge(evcc, broker, tmp_path / "log", CONFIG=str(config)) as bridge:
        await recorder.value("old/status", "online")
        config.write_text('[mqtt]\nroot = "new"\n')
        bridge.signal(SIGHUP)
        await recorder.value("new/status", "online")
        await recorder.value("old/status", "offline")
        assert await bridge.stop() == 0
        await recorder.value("new/status", "offline")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_what_waited_while_the_process_stood_still_is_stale_however_much_it_is(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path, version: str
) -> None:
    """The broker has 20 messages under way; the others wait in its queue, behind its acknowledgements."""
    topic = "evcc/loadpoints/1/limitSoc"
    async with (
        Evcc(still=True) as evcc,
        Bridge(evcc, broker, tmp_path / "log", MQTT_VERSION=version) as bridge,
        client(broker) as sender,
    ):
        await recorder.value("evcc/status", "online")
        bridge.signal(SIGSTOP)
        for soc in range(20, 100):
            await sender.publish(f"{topic}/set", str(soc), qos=1)
        await asyncio.sleep(2.5)  # so long is a standstill
        bridge.signal(SIGCONT)
        await recorder.until(lambda: len(recorder.payloads(f"{topic}/result")) == 80)
        assert {orjson.loads(answer)["status"] for answer in recorder.payloads(f"{topic}/result")} == {"stale"}
        assert not evcc.requests.matching("POST")
        await sender.publish(f"{topic}/set", "70", qos=1)
        await evcc.requests.find("POST", "/api/loadpoints/1/limitsoc/70")
