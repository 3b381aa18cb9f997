"""When Home Assistant gets new configurations, and which values are published again after them."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
import pytest

from bridge.discovery.announcer import Announcer
from bridge.evcc.reader import Update
from bridge.settings import Discovery, Settings
from bridge.state.state import State, changes
from tests.entities.houses import document, state_of, tree
from tests.virtual import in_virtual_time

MODE = "homeassistant/select/evcc/loadpoint_1_mode/config"
CURRENT = "homeassistant/number/evcc/loadpoint_1_maxcurrent/config"


class FakeReader:
    """What the announcer takes from the reader."""

    def __init__(self) -> None:
        self.view = State()
        self.complete = True


class FakeMirror:
    """A mirror whose broker acknowledges at once; it is its own discovery topics too.

    `log` has what was announced, `settled`, and the topics that were published again, in this order.
    """

    def __init__(self, held: Mapping[str, bytes]) -> None:
        self.topics: dict[str, bytes] = {}
        self.shape = 0
        self.complete = asyncio.Event()
        self.discovery = self.tree = self.desired = self
        self.brokers = dict(held)
        self.log: list[Any] = []

    @property
    def held(self) -> list[str]:
        return list(self.brokers)

    def show(self, topics: Mapping[str, bytes]) -> None:
        self.shape += topics.keys() != self.topics.keys()
        self.topics = dict(topics)

    def set(self, topics: Mapping[str, bytes], kept: Collection[str] = ()) -> None:
        self.brokers = {topic: self.brokers[topic] for topic in kept} | dict(topics)
        self.log.append(dict(topics))

    def holds(self, topic: str, payload: bytes) -> bool:
        return self.brokers.get(topic) == payload

    async def settled(self) -> None:
        self.log.append("settled")

    def republish(self, topics: Iterable[str]) -> None:
        self.log.append(set(topics))


class House:
    """An evcc whose `document` changes, and the announcer at work."""

    def __init__(self, *, enabled: bool = True, held: Mapping[str, bytes] | None = None) -> None:
        self.document = document("0.313.2")
        self.extra_topics: dict[str, bytes] = {}
        self.reader = FakeReader()
        self.mirror = FakeMirror(held or {})
        settings = Settings(discovery=Discovery(homeassistant=enabled))
        self.announcer = Announcer(settings, cast("Any", self.reader), cast("Any", self.mirror))

    @property
    def announced(self) -> list[dict[str, bytes]]:
        return [entry for entry in self.mirror.log if isinstance(entry, dict)]

    def change(self) -> None:
        """Bring the document to the bridge."""
        old, new = self.reader.view, state_of(self.document)
        self.reader.view = new
        self.mirror.show({t: payload for t, payload in tree(new).items() if payload} | self.extra_topics)
        self.announcer.update(Update(new, changes(old, new), complete=self.reader.complete, restarted=False))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The announcer at work with a broker, a minute after the first announcement."""
        self.change()
        task = asyncio.create_task(self.announcer.run())
        self.mirror.complete.set()
        await asyncio.sleep(60)
        try:
            yield
        finally:
            task.cancel()


def test_it_announces_once_while_only_values_change() -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            for power in range(1000, 1100):
                house.document["loadpoints"][0] |= {"chargePower": power, "limitSoc": power % 100}
                house.document["pv"][0]["power"] = power
                house.change()
                await asyncio.sleep(1)
            assert len(house.announced) == 1

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("loadpoints", 0), "title", "Stellplatz"),
        (("vehicles", "bike"), "title", "Lastenrad"),
        (("loadpoints", 2), "chargerFeatureHeating", False),
        (("loadpoints", 0), "maxCurrent", 163),
        (("loadpoints", 0), "mode", "turbo"),
        (("pv", 0), "title", "Ostdach"),
        (("circuits", "main"), "title", "Keller"),
        ((), "currency", "CHF"),
        (("loadpoints", 0), "chargerPhases1p3p", False),
        ((), "optimizerChargingStrategies", ["none", "new"]),
        ((), "newReading", 12),
    ],
)
def test_it_announces_again_when_a_configuration_changes(path: tuple[Any, ...], key: str, value: Any) -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            part: Any = house.document
            for level in path:
                part = part[level]
            part[key] = value
            house.change()
            await asyncio.sleep(60)
            before, after = house.announced
            assert before != after

    in_virtual_time(main())


def test_steps_of_a_slider_beyond_its_range_are_announced_together() -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            for current in range(126, 156):
                house.document["loadpoints"][0]["maxCurrent"] = current
                house.change()
                await asyncio.sleep(1)
            await asyncio.sleep(60)
            assert len(house.announced) <= 5
            assert orjson.loads(house.announced[-1][CURRENT])["max"] == 155

    in_virtual_time(main())


def test_topics_that_are_not_of_the_state_are_announced() -> None:
    async def main() -> None:
        house = House()
        async with house.running():
            house.mirror.show(house.mirror.topics | {"jq/time": b"12", "vehicles/bike/soc": b"50"})
            await asyncio.sleep(60)
            assert "homeassistant/sensor/evcc/site_jq_time/config" in house.announced[-1]
            assert "homeassistant/sensor/evcc/vehicle_bike_soc/config" in house.announced[-1]

    in_virtual_time(main())


def test_a_value_outside_its_options_is_published_again_after_its_configuration() -> None:
    """Home Assistant ignores a word that is no option, and does not read the topic again."""

    async def main() -> None:
        house = House()
        async with house.running():
            del house.mirror.log[:]
            house.document["loadpoints"][0]["mode"] = "turbo"
            house.change()
            await asyncio.sleep(60)
            configs, settled, again = house.mirror.log
            assert "turbo" in orjson.loads(configs[MODE])["options"]
            assert settled == "settled"
            assert again == {"loadpoints/1/mode"}

    in_virtual_time(main())


def test_no_value_is_published_again_when_the_broker_holds_all_configurations() -> None:
    async def main() -> None:
        first = House()
        async with first.running():
            pass
        second = House(held=first.mirror.brokers)
        async with second.running():
            assert second.mirror.log == [first.mirror.brokers]

    in_virtual_time(main())


def test_a_reading_that_a_device_lacks_after_a_restart_is_kept_for_a_week() -> None:
    """Home Assistant would forget its entity; it is unknown as long as its topic has no value."""
    currents = "homeassistant/sensor/evcc/loadpoint_1_chargecurrents_l1/config"

    async def main() -> None:
        first = House()
        async with first.running():
            assert currents in first.mirror.brokers
        second = House(held=first.mirror.brokers)
        del second.document["loadpoints"][0]["chargeCurrents"]
        async with second.running():
            assert currents not in second.announced[-1]
            assert currents in second.mirror.brokers
            await asyncio.sleep(8 * 86400)
            second.document["loadpoints"][0]["title"] = "Stellplatz"
            second.change()
            await asyncio.sleep(60)
            assert currents not in second.mirror.brokers

    in_virtual_time(main())


def test_what_belongs_to_a_removed_device_or_is_announced_in_another_form_is_not_kept() -> None:
    async def main() -> None:
        first = House()
        async with first.running():
            pass
        mode = "homeassistant/sensor/evcc/loadpoint_1_mode/config"
        second = House(held={**first.mirror.brokers, mode: b"{}"})
        del second.document["vehicles"]["bike"]
        async with second.running():
            assert second.mirror.brokers == second.announced[-1]
            assert not [topic for topic in second.mirror.brokers if "bike" in topic]

    in_virtual_time(main())


def test_nothing_is_announced_while_evcc_is_starting() -> None:
    async def main() -> None:
        house = House()
        house.reader.complete = False
        async with house.running():
            assert house.announced == []
            house.reader.complete = True
            house.change()
            await asyncio.sleep(1)
            assert len(house.announced) == 1

    in_virtual_time(main())


def test_nothing_is_announced_before_the_broker_has_the_values() -> None:
    async def main() -> None:
        house = House()
        house.change()
        task = asyncio.create_task(house.announcer.run())
        await asyncio.sleep(60)
        assert house.mirror.log == []
        house.mirror.complete.set()
        await asyncio.sleep(1)
        assert house.announced
        task.cancel()

    in_virtual_time(main())


def test_switched_off_it_takes_everything_back() -> None:
    async def main() -> None:
        house = House(enabled=False)
        async with house.running():
            house.document["loadpoints"][0]["title"] = "Stellplatz"
            house.change()
            await asyncio.sleep(60)
            assert house.mirror.log == [{}]

    in_virtual_time(main())
