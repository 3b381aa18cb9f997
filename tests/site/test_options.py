"""What a user may set, from the address with all that a proxy asks for to the root, seen at a real broker."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import orjson
import pytest
from structlog.testing import capture_logs

from evcc_simulator import Evcc
from tests.broker.authority import Authority
from tests.broker.client import publish, retained
from tests.broker.mosquitto import HOST, Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.patience import PATIENCE
from tests.site.running import expected, running, settings, state_topics, until_equal

pytestmark = pytest.mark.broker
Record = Callable[..., Awaitable[Recorder]]


def server_context(authority: Authority) -> ssl.SSLContext:
    """A TLS server's context with a certificate of this authority."""
    certificate = authority.server()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert, certificate.key)
    return context


async def test_a_proxy_with_a_prefix_a_login_and_a_certificate_of_its_own(
    broker: Mosquitto, recorder: Recorder, authority: Authority
) -> None:
    """State, push and commands all go through it."""
    login = ("me", "p@ss/word")
    async with Evcc(still=True, prefix="/evcc", login=login, tls=server_context(authority)) as evcc:
        url = evcc.url.replace("https://", "https://me:p%40ss%2Fword@") + "/"
        options = settings(evcc, broker, evcc={"url": url, "ca_file": authority.ca_file, "push_interval": 60})
        async with running(options) as site:
            await until_equal(recorder, evcc)
            async with asyncio.timeout(PATIENCE):
                while not site.reader.push_alive:
                    evcc.set("homePower", evcc.get("homePower") + 1)
                    await asyncio.sleep(0.01)
            await publish(broker, "evcc/loadpoints/1/mode/set", "now")
            await recorder.value("evcc/loadpoints/1/mode", "now")
            assert b"word" not in b"".join(one.payload for one in recorder.records if b"ss/" in one.payload)


@pytest.mark.parametrize("unchecked", [(), ("evcc",), ("mqtt",), ("evcc", "mqtt")])
async def test_a_certificate_that_is_not_checked_is_warned_about_at_every_start(
    start_broker: Callable[[Config], Awaitable[Mosquitto]],
    record: Record,
    authority: Authority,
    unchecked: tuple[str, ...],
) -> None:
    broker = await start_broker(Config(store=False, authority=authority))
    recorder = await record(broker)
    sections = {
        name: {"verify": False} if name in unchecked else {"ca_file": authority.ca_file} for name in ("evcc", "mqtt")
    }
    async with Evcc(still=True, tls=server_context(authority)) as evcc:
        for _ in range(2):
            with capture_logs() as lines:
                async with running(settings(evcc, f"mqtts://{HOST}:{broker.tls_port}", **sections)):
                    await until_equal(recorder, evcc)
            warned = [line["option"] for line in lines if "certificate is not checked" in line["event"]]
            assert warned == [f"{name}.verify" for name in unchecked]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize(("root", "below"), [("/evcc", "/evcc"), ("home/evcc/", "home/evcc"), ("a b/é", "a b/é")])
async def test_the_root_is_taken_literally(
    broker: Mosquitto, recorder: Recorder, root: str, below: str, version: str
) -> None:
    await publish(broker, f"{below}/vehicles/gone/soc", "1", retain=True)
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, mqtt={"root": root, "version": version})):
        await recorder.value(f"{below}/status", "online")
        await recorder.value(f"{below}/vehicles/gone/soc", b"")
        await publish(broker, f"{below}/loadpoints/1/mode/set", "now")
        await recorder.value(f"{below}/loadpoints/1/mode", "now")
        await recorder.until(lambda: recorder.last(f"{below}/loadpoints/1/mode/result"))
        outside = {one.topic for one in recorder.records if not one.topic.startswith((f"{below}/", "homeassistant/"))}
        assert not outside
    await recorder.value(f"{below}/status", "offline")


async def test_everything_is_published_again_now_and_then(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, mqtt={"refresh": 1})):
        await until_equal(recorder, evcc)
        topics = set(state_topics(recorder.tree()))
        await recorder.fresh()
        await recorder.until(lambda: topics <= {one.topic for one in recorder.records if not one.stored})
        assert state_topics(recorder.tree()) == expected(evcc.state)
        assert all(one.payload for one in recorder.records)


async def test_the_limit_leaves_room_for_what_the_bridge_says_itself(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc(still=True) as evcc, running(settings(evcc, broker, topics={"limit": 50})):
        await recorder.value("evcc/status", "online")
        await recorder.value("evcc/bridge/evcc", "online")
        await recorder.until(lambda: b"topics.limit" in (recorder.last("evcc/bridge/problem") or b""))
        await recorder.until(lambda: recorder.last("evcc/bridge/commands"))
        assert len(state_topics(recorder.tree())) <= 50
    await recorder.value("evcc/status", "offline")


async def test_what_is_excluded_is_not_there_and_what_is_included_is(broker: Mosquitto, recorder: Recorder) -> None:
    chosen = {
        "exclude": ["vehicles*", "site/forecast/*", "tariffs/*", "sessions*"],
        "include": ["site/forecast/solar", "site/network/port", "sessions", "*Token*", "*authDisabled"],
    }
    async with Evcc(still=True) as evcc:
        evcc.set("accessToken", "secret")
        async with running(settings(evcc, broker, topics=chosen)):
            await recorder.value("evcc/site/network/port", str(evcc.get("network.port")))
            await recorder.until(
                lambda: recorder.last("evcc/sessions") and evcc.requests.matching(path="/api/tariff/grid")
            )
            scopes = ("evcc/vehicles", "evcc/site/forecast", "evcc/site/network", "evcc/tariffs", "evcc/sessions")
            found = {topic for topic in recorder.tree() if topic.startswith(scopes)}
            assert found <= {"evcc/site/forecast/solar", "evcc/site/network/port", "evcc/sessions"}
            assert not [one for one in recorder.records if b"secret" in one.payload]


async def test_names_that_a_topic_cannot_hold(broker: Mosquitto, recorder: Recorder) -> None:
    """The first of two that come to one topic has it, wherever they stand, and the second is named."""
    async with Evcc(still=True) as evcc:
        state = evcc.state
        state["vehicles"] = {"a/b+c#d\0e": {"title": "Odd", "minSoc": 20}, "a%2Fb%2Bc%23d%00e": {"title": "Second"}}
        state |= {"odd/key": 1, "odd%2Fkey": 2, "circuits": {"x/y": {"power": 1}, "x%2Fy": {"power": 2}}}
        evcc.replace(orjson.dumps(state))
        async with running(settings(evcc, broker, evcc={"push": "off"})):
            await recorder.value("evcc/vehicles/a%2Fb%2Bc%23d%00e/title", "Odd")
            await recorder.value("evcc/site/odd%2Fkey", "1")
            await recorder.value("evcc/site/circuits/x%2Fy/power", "1")
            for topic in (b"evcc/site/odd%2Fkey", b"evcc/site/circuits/x%2Fy/power", b"evcc/vehicles/a%2Fb"):
                await recorder.until(lambda topic=topic: topic in (recorder.last("evcc/bridge/problem") or b""))  # type: ignore[misc]
            del state["circuits"]["x%2Fy"], state["odd%2Fkey"], state["vehicles"]["a%2Fb%2Bc%23d%00e"]
            evcc.replace(orjson.dumps(state))
            await recorder.value("evcc/bridge/problem", b"")
            await recorder.value("evcc/site/circuits/x%2Fy/power", "1")


async def test_5000_topics(broker: Mosquitto) -> None:
    """Seen in the store: a client that watches so many come in, one by one, is too slow for the broker's patience."""
    async with Evcc(still=True, loadpoints=58) as evcc, running(settings(evcc, broker)):
        held = await retained(broker, "evcc/#")
        assert len(state_topics(held)) > 5000
        assert "evcc/bridge/problem" not in held
        assert state_topics(held) == expected(evcc.state)


async def test_a_pinned_release_is_published_while_evcc_pushes_what_its_own_release_has(
    broker: Mosquitto, recorder: Recorder
) -> None:
    """A change of `alwaysCharge`, of which such a client knows nothing, is a change of the mode."""
    async with Evcc(still=True) as evcc:
        for loadpoint in evcc.house.state["loadpoints"]:
            loadpoint |= {"mode": "smart", "alwaysCharge": "off"}
        async with running(settings(evcc, broker, evcc={"grace": 0}, topics={"contract": "0.131", "aliases": False})):
            await recorder.value("evcc/loadpoints/1/mode", "pv")
            await recorder.value("evcc/site/gridPower", "-1234.5")
            await recorder.value("evcc/loadpoints/1/chargeCurrent", "11")
            evcc.set("loadpoints.0.alwaysCharge", "on")
            await recorder.value("evcc/loadpoints/1/mode", "minpv")
            await recorder.until(lambda: recorder.last("evcc/bridge/shape"))
            found = await retained(broker)
    assert "evcc/site/grid/power" not in found
    assert "evcc/loadpoints/1/alwaysCharge" not in found
    assert orjson.loads(found["evcc/bridge/info"])["contract"] == "0.131"
    assert orjson.loads(found["evcc/bridge/shape"])["version"] == "0.313.2"
    [mode] = [one for one in orjson.loads(found["evcc/bridge/commands"]) if one["topic"] == "loadpoints/1/mode/set"]
    assert mode["options"] == ["off", "pv", "minpv", "now"]


async def test_a_new_version_of_evcc_between_two_runs_is_on_bridge_changes(
    broker: Mosquitto, recorder: Recorder
) -> None:
    async with Evcc("0.131.4", still=True) as old, running(settings(old, broker, evcc={"grace": 0})):
        await recorder.until(lambda: recorder.last("evcc/bridge/shape"))
    async with Evcc(still=True) as new, running(settings(new, broker, evcc={"grace": 0})):
        await recorder.until(lambda: recorder.last("evcc/bridge/changes"))
        found = orjson.loads(recorder.last("evcc/bridge/changes") or b"")
    assert (found["from"], found["to"]) == ("0.131.4", "0.313.2")
    assert "loadpoints/<n>/phasesEnabled" in found["gone"]
    assert "loadpoints/<n>/planStrategy/set" in found["settings_new"]
