"""Sites beside each other: what goes wrong with one is never seen at another."""

import asyncio
import gc
import random
import resource
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import structlog

from bridge.daemon import resources
from bridge.daemon import sites as module
from bridge.daemon.sites import Sites
from bridge.errors import ConfigError
from bridge.settings import Configuration, Settings
from bridge.site import Site
from bridge.util.gate import Gate
from evcc_simulator import Evcc
from evcc_simulator.faults import FAULTS
from tests.broker.mosquitto import Mosquitto
from tests.broker.proxy import Faults, Proxy
from tests.broker.recorder import Recorder
from tests.site.running import settings

ROUNDS = 12
SEED = 20261128
PUSH_FAULTS = ("missing", "silent", "closing", "garbage")


def configured(sites: Mapping[str, Settings], wrong: Mapping[str, str] | None = None) -> Configuration:
    return Configuration(Settings(), sites, wrong or {}, several=True)


@asynccontextmanager
async def running(configuration: Configuration) -> AsyncIterator[Sites]:
    async with TaskGroup() as group:
        sites = Sites(group)
        await sites.apply(configuration)
        yield sites
        await sites.stop()


def quiet(name: str, evcc: Evcc | str, broker: Mosquitto | str) -> Settings:
    return settings(evcc, broker, mqtt={"root": f"evcc/{name}"}, discovery={"homeassistant": False})


class TestFaults:
    @pytest.mark.broker
    async def test_those_of_one_site_are_not_seen_at_another(
        self, broker: Mosquitto, recorder: Recorder, start_proxy: Callable[[int], Awaitable[Proxy]]
    ) -> None:
        """Four evccs and their ways to the broker are disturbed by chance; the fifth site is watched all the time."""
        chance = random.Random(SEED)
        async with AsyncExitStack() as stack:
            evccs = [await stack.enter_async_context(Evcc(still=True)) for _ in range(5)]
            proxies = [await start_proxy(broker.port) for _ in range(4)]
            urls = [*(f"mqtt://127.0.0.1:{proxy.port}" for proxy in proxies), broker.url]
            named = {f"s{number}": quiet(f"s{number}", evccs[number], urls[number]) for number in range(5)}
            sites = await stack.enter_async_context(running(configured(named)))
            for name in named:
                await recorder.value(f"evcc/{name}/status", "online")
            await recorder.fresh()
            for turn in range(ROUNDS):
                self.disturb(chance, evccs[turn % 4], proxies[(turn + 1) % 4])
                evccs[4].set("homePower", 1_000 + turn)
                await recorder.value("evcc/s4/site/homePower", str(1_000 + turn), 5)
                await asyncio.sleep(0.2)
            assert not recorder.payloads("evcc/s4/status")
            assert not recorder.payloads("evcc/s4/bridge/problem")
            assert sites.running["s4"].mirror.reconnects == 0
            assert any(sites.running[f"s{number}"].diagnostics.text for number in range(4))
            assert "of 5 sites online; s" in sites.summary()
            assert sites.is_working()

    def disturb(self, chance: random.Random, evcc: Evcc, proxy: Proxy) -> None:
        evcc.fault(None)
        evcc.fault(chance.choice([*FAULTS]))
        evcc.push_fault(chance.choice(PUSH_FAULTS))
        proxy.faults = chance.choice([Faults(), Faults(mute=True), Faults(half_open=True), Faults(corrupt=0.5)])
        proxy.cut(reset=chance.random() < 0.5)


class Failing(Site):
    """A site with a defect that its first run brings out."""

    runs = 0

    async def run(self) -> None:
        type(self).runs += 1
        if self.runs == 1:
            raise ZeroDivisionError
        await asyncio.Event().wait()


class Wrong(Site):
    """A site whose options turn out to be wrong when it runs."""

    async def run(self) -> None:
        raise ConfigError("evcc.ca_file cannot be read")


NOBODY = {"evcc": {"url": "http://127.0.0.1:1"}, "mqtt": {"url": "mqtt://127.0.0.1:1"}}


class TestDefects:
    one = Settings.model_validate(NOBODY)

    async def test_a_site_that_fails_is_started_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "Site", Failing)
        monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)
        with structlog.testing.capture_logs() as lines:
            async with asyncio.timeout(10), running(configured({"a": self.one})):
                while Failing.runs < 2:  # noqa: ASYNC110 - a class has no event
                    await asyncio.sleep(0.01)
        (line,) = [line for line in lines if line["log_level"] == "error"]
        assert line["event"] == "site has failed, and is started again"

    async def test_the_only_site_that_fails_ends_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "Site", Wrong)
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(10), TaskGroup() as group:
                await Sites(group).apply(Configuration(self.one, {"evcc": self.one}, {}, several=False))
        assert caught.group_contains(ConfigError)

    async def test_options_that_turn_out_to_be_wrong_are_named_and_tried_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "Site", Wrong)
        configuration = configured({"a": self.one}, {"b": "mqtt.qos"})
        async with running(configuration) as sites:
            while "a" not in sites.wrong or sites.running:  # noqa: ASYNC110 - nor has a mapping
                await asyncio.sleep(0)
            assert sites.wrong == {"a": "evcc.ca_file cannot be read", "b": "mqtt.qos"}
            assert sites.summary().startswith("0 of 2 sites online; ")
            assert sites.differing(configuration) == ["a"]


class TestGate:
    async def test_few_are_in_it_at_once_and_a_slow_one_holds_nobody_up(self) -> None:
        gate, inside, most = Gate(2), 0, 0

        async def pass_through(seconds: float) -> None:
            nonlocal inside, most
            async with gate.place():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(seconds)
                inside -= 1

        async with asyncio.timeout(10), TaskGroup() as group:
            slow = [group.create_task(pass_through(60)) for _ in range(2)]
            await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await pass_through(0)
            for task in slow:
                task.cancel()
        inside = most = 0
        async with TaskGroup() as group:
            for _ in range(10):
                group.create_task(pass_through(0))
        assert most == 2


class TestDescriptors:
    """The limit of this process is given back: what is lowered for good cannot be raised again."""

    @pytest.fixture(autouse=True)
    def _limit(self) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
        yield
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        gc.set_threshold(700)

    def test_there_is_room_for_every_site(self) -> None:
        resources.prepare(200)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1400

    def test_a_limit_that_is_lower_is_named(self) -> None:
        with structlog.testing.capture_logs() as lines:
            resources.prepare(10**9)
        assert lines[0]["event"] == "too few file descriptors for all sites"
