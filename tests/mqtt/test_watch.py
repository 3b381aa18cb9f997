import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bridge.errors import BrokerError
from bridge.mqtt import watch as module
from bridge.mqtt.link import Link
from bridge.mqtt.message import Message
from bridge.mqtt.watch import Watch
from tests.virtual import in_virtual_time, monotonic


@dataclass
class _Broker:
    """A link whose broker replays `stored` at subscription to a wildcard, in order, and gives the marker back."""

    v5: bool = True
    stored: list[Message] = field(default_factory=list)
    gives_back: bool = True
    refuses: Callable[[str], bool] = lambda _: False
    subscriptions: list[tuple[str, int, bool, bool]] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    receive: Callable[[Message], None] = lambda _: None

    async def subscribe(self, topic: str, *, qos: int, retained: bool = True, own: bool = True) -> None:
        self.subscriptions.append((topic, qos, retained, own))
        if self.refuses(topic):
            raise BrokerError(f"the broker does not let us subscribe to {topic}: Not authorized")
        self.open.add(topic)
        if topic == "evcc/#" and retained:
            for message in self.stored:
                self.receive(message)

    async def unsubscribe(self, topic: str) -> None:
        self.open.discard(topic)

    def send(self, message: Message) -> None:
        if self.gives_back and message.topic in self.open:
            self.receive(message)

    async def unless_ended(self, waiting: Coroutine[Any, Any, Any]) -> Any:
        return await waiting

    @property
    def link(self) -> Link:
        return cast("Link", self)


@dataclass
class _World:
    """A watch and what it hands on."""

    broker: _Broker
    commands: list[tuple[Message, bool]] = field(default_factory=list)
    publications: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = Watch(
            "evcc",
            ("homeassistant/#",),
            command=lambda message, stale: self.commands.append((message, stale)),
            publication=self.publications.append,
        )
        self.broker.receive = self.watch.receive

    async def read(self) -> dict[str, bytes] | None:
        return await self.watch.read(self.broker.link)

    async def live(self) -> str | None:
        await self.read()
        return await self.watch.go_live(self.broker.link)


def _stored(topic: str, payload: bytes = b"1") -> Message:
    return Message(topic, payload, retain=True, qos=0)


async def test_what_comes_before_the_marker_is_what_the_broker_holds() -> None:
    world = _World(_Broker(stored=[_stored("evcc/site/a"), _stored("evcc/site/b", b"2"), _stored("evcc/site/b", b"3")]))

    assert await world.read() == {"evcc/site/a": b"1", "evcc/site/b": b"3"}
    assert world.publications == []


async def test_a_message_that_is_not_retained_is_not_held() -> None:
    world = _World(_Broker(stored=[Message("evcc/site/a", b"1")]))

    assert await world.read() == {}


async def test_reading_is_with_quality_0_and_ends_the_markers_subscription() -> None:
    world = _World(_Broker())
    await world.read()

    (marker, *_), *filters = world.broker.subscriptions
    assert marker.startswith("evcc/bridge/marker/")
    assert [(topic, qos, own) for topic, qos, _, own in filters] == [
        ("evcc/#", 0, False),
        ("homeassistant/#", 0, False),
    ]
    assert marker not in world.broker.open


async def test_each_watch_has_a_marker_of_its_own() -> None:
    one, other = _World(_Broker()), _World(_Broker())
    await one.read()
    await other.read()

    assert one.broker.subscriptions[0] != other.broker.subscriptions[0]


async def test_somebody_elses_marker_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    world = _World(_Broker(stored=[Message("evcc/bridge/marker/0123", b"0123")], gives_back=False))

    assert await world.read() is None


async def test_without_the_marker_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    world = _World(_Broker(stored=[_stored("evcc/site/a")], gives_back=False))

    assert await world.read() is None


def test_a_broker_is_waited_for_as_long_as_it_sends() -> None:
    async def main() -> None:
        world = _World(_Broker(gives_back=False))
        reading = asyncio.create_task(world.read())
        for number in range(20):
            await asyncio.sleep(4)
            world.watch.receive(_stored(f"evcc/site/{number}"))
        world.watch.receive(Message(world.broker.subscriptions[0][0], b""))
        assert len(await reading or ()) == 20

    in_virtual_time(main())


def test_but_not_for_ever() -> None:
    async def main() -> None:
        world = _World(_Broker(gives_back=False))
        reading = asyncio.create_task(world.read())
        while not reading.done():
            await asyncio.sleep(4)
            world.watch.receive(_stored("evcc/site/a"))
        assert await reading is None
        assert 100 < monotonic() < 150

    in_virtual_time(main())


@pytest.mark.parametrize("v5", [True, False])
async def test_what_is_replayed_too_late_is_nobodys_publication(monkeypatch: pytest.MonkeyPatch, *, v5: bool) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    world = _World(_Broker(v5=v5, gives_back=False))
    await world.live()
    world.watch.receive(_stored("evcc/site/a"))
    assert world.publications == []
    world.watch.receive(Message(world.broker.subscriptions[0][0], b""))
    world.watch.receive(_stored("evcc/site/a"))
    assert world.publications == [_stored("evcc/site/a")]


async def test_a_broker_that_does_not_even_take_a_goodbye_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    world = _World(_Broker(gives_back=False))

    async def never(_: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(world.broker, "unsubscribe", never)
    async with asyncio.timeout(15):
        assert await world.read() is None


async def test_a_broker_that_does_not_let_us_read() -> None:
    world = _World(_Broker(refuses=lambda topic: topic.endswith("#")))

    assert await world.read() is None


@pytest.mark.parametrize("retain", [True, False])
@pytest.mark.parametrize("v5", [True, False])
@pytest.mark.parametrize("topic", ["evcc/loadpoints/1/mode/set", "evcc/bridge/request/state"])
async def test_a_command_before_the_marker_is_stale_retained_or_not(topic: str, *, retain: bool, v5: bool) -> None:
    message = Message(topic, b"pv", retain=retain)
    world = _World(_Broker(v5=v5, stored=[message]))

    assert await world.read() == {}
    assert world.commands == [(message, True)]


@pytest.mark.parametrize("retain", [True, False])
async def test_a_live_command_is_not_stale_though_it_carries_the_retain_flag(*, retain: bool) -> None:
    world = _World(_Broker())
    await world.live()
    message = Message("evcc/site/x/set", b"1", retain=retain)
    world.watch.receive(message)

    assert world.commands == [(message, False)]


async def test_3_1_1_does_not_show_the_flag_of_a_live_command_so_it_is_taken_as_set() -> None:
    world = _World(_Broker(v5=False))
    await world.live()
    world.watch.receive(Message("evcc/site/x/set", b"1"))
    world.watch.receive(Message("evcc/site/x/set", b"2", retain=True))

    assert world.commands == [
        (Message("evcc/site/x/set", b"1", retain=True), False),
        (Message("evcc/site/x/set", b"2", retain=True), True),
    ]


@pytest.mark.parametrize("retain", [True, False])
async def test_what_others_publish_is_seen_live(*, retain: bool) -> None:
    world = _World(_Broker(stored=[_stored("evcc/site/a")]))
    await world.live()
    message = Message("evcc/site/a", b"2", retain=retain)
    world.watch.receive(message)

    assert world.publications == [message]


async def test_live_mqtt_5_watches_the_whole_root_without_our_own() -> None:
    world = _World(_Broker())
    await world.live()

    assert world.broker.subscriptions[-2:] == [("evcc/#", 1, False, False), ("homeassistant/#", 1, False, False)]


async def test_live_3_1_1_takes_commands_and_the_status_and_no_echo_of_all_we_publish() -> None:
    world = _World(_Broker(v5=False))
    await world.live()

    assert world.broker.open == {
        *("evcc/" + "+/" * depth + "set" for depth in range(1, 6)),
        "evcc/bridge/request/+",
        "evcc/status",
    }


async def test_what_the_broker_refuses_is_told_and_the_rest_is_taken() -> None:
    world = _World(_Broker(refuses=lambda topic: topic.endswith(("#", "status"))))

    assert await world.live() == "the broker does not let us subscribe to evcc/status: Not authorized"
    assert "evcc/+/+/+/set" in world.broker.open


async def test_a_broker_that_takes_all_refuses_nothing() -> None:
    assert await _World(_Broker()).live() is None
    assert await _World(_Broker(v5=False)).live() is None


@pytest.mark.parametrize("topic", ["other/site/x/set", "evccx/set", "evcc/site/set/x", "evcc/site/xset"])
async def test_other_topics_are_no_commands(topic: str) -> None:
    world = _World(_Broker())
    await world.live()
    world.watch.receive(Message(topic, b"1"))

    assert world.commands == []
    assert [message.topic for message in world.publications] == [topic]


async def test_the_end_of_the_connection_ends_the_reading() -> None:
    class Ended(_Broker):
        async def unless_ended(self, waiting: Coroutine[Any, Any, Any]) -> Any:
            waiting.close()
            raise ConnectionError

    world = _World(Ended(gives_back=False))
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(15):
            await world.read()
