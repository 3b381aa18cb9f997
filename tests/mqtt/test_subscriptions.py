"""What is stale, what is live, and when all that is stored has been read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bridge.mqtt.message import Acknowledged, Inbound, Message
from bridge.mqtt.publisher import Publisher
from bridge.mqtt.subscriptions import Kind, Subscriptions
from tests.mqtt.fakes import FakeLink
from tests.virtual import in_virtual_time

_SET = "evcc/loadpoints/1/mode/set"


@dataclass
class _Broker(FakeLink):
    """A broker that delivers `stored` at subscription, then the marker; or the marker first, with `overtakes`."""

    stored: list[Message] = field(default_factory=list)
    overtakes: float = 0.0
    """Seconds by which stored messages come after the marker."""
    returns: bool = True
    kinds: list[tuple[Kind, Inbound]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.subscriptions = Subscriptions(self.link, "evcc", ("homeassistant/status",))
        self.publisher = Publisher("evcc", {}, qos=1)

    async def subscribe(self, filters: tuple[str, ...]) -> dict[str, str]:
        refused = await super().subscribe(filters)
        if "evcc/#" in filters and "evcc/#" not in refused:
            loop = asyncio.get_running_loop()
            loop.call_later(self.overtakes, self._replay) if self.overtakes else self._replay()
        return refused

    def send(self, message: Message, **_: bool) -> int | None:
        token = super().send(message)
        if self.returns:
            asyncio.get_running_loop().call_soon(self.deliver, message)
        return token

    def deliver(self, message: Message) -> tuple[Kind, Inbound]:
        now = asyncio.get_running_loop().time()
        self.kinds.append(self.subscriptions.kind(Inbound(message.topic, message.payload, message.retain, arrived=now)))
        return self.kinds[-1]

    def live(self, *, retain: bool = False) -> bool:
        """Whether a command that arrives now is live."""
        kind, message = self.deliver(Message(_SET, b"1", retain))
        assert kind is Kind.COMMAND
        return not message.stale

    def _replay(self) -> None:
        for message in self.stored:
            self.deliver(message)


def _stored(topic: str, *, retain: bool = True) -> Message:
    return Message(topic, b"1", retain)


@pytest.mark.parametrize("retain", [True, False])
def test_what_comes_before_the_marker_is_stored_with_or_without_the_flag(*, retain: bool) -> None:
    async def main() -> None:
        broker = _Broker(stored=[_stored("evcc/site/a", retain=retain), _stored(_SET, retain=retain)])
        assert await broker.subscriptions.read(broker.publisher)
        assert [(kind, message.stale) for kind, message in broker.kinds if kind is not Kind.OWN] == [
            (Kind.STORED, False),
            (Kind.COMMAND, True),
        ]
        assert broker.live()
        assert not broker.live(retain=True)

    in_virtual_time(main())


def test_nothing_is_live_before_the_marker_has_come_back() -> None:
    async def main() -> None:
        broker = _Broker()
        assert not broker.live()
        assert broker.deliver(Message("evcc/site/a", b"1"))[0] is Kind.STORED
        await broker.subscriptions.read(broker.publisher)
        assert broker.live()
        assert broker.deliver(Message("evcc/site/a", b"1"))[0] is Kind.LIVE

    in_virtual_time(main())


def test_stored_messages_behind_the_marker_are_waited_for() -> None:
    async def main() -> None:
        broker = _Broker(stored=[_stored("evcc/site/a"), _stored(_SET)], overtakes=0.2)
        assert await broker.subscriptions.read(broker.publisher)
        assert {kind for kind, _ in broker.kinds} == {Kind.OWN, Kind.STORED, Kind.COMMAND}
        assert broker.kinds[-1][1].stale

    in_virtual_time(main())


def test_there_is_one_subscription_for_each_part() -> None:
    async def main() -> None:
        broker = _Broker()
        await broker.subscriptions.read(broker.publisher)
        assert broker.filters == ["evcc/#", "homeassistant/status"]

    in_virtual_time(main())


def test_a_broker_that_refuses_the_whole_is_asked_for_its_parts() -> None:
    async def main() -> None:
        broker = _Broker(refused={"evcc/#": "Not authorized"})
        assert not await broker.subscriptions.read(broker.publisher)
        assert {"evcc/+/+/+/set", "evcc/bridge/request/+", "evcc/status"} <= set(broker.filters)
        assert broker.subscriptions.refused == {"evcc/#": "Not authorized"}
        assert broker.live()

    in_virtual_time(main())


def test_a_marker_that_does_not_come_back_is_waited_for_only_while_something_comes() -> None:
    async def main() -> None:
        broker = _Broker(returns=False)
        loop = asyncio.get_running_loop()
        for second in range(20):
            loop.call_later(float(second), broker.deliver, _stored("evcc/site/a"))
        for second in range(30):
            loop.call_later(float(second), broker.subscriptions.check_stall)
        assert not await broker.subscriptions.read(broker.publisher)
        assert 19 < loop.time() < 30
        assert broker.live()

    in_virtual_time(main())


def test_another_marker_ends_nothing() -> None:
    async def main() -> None:
        broker = _Broker(returns=False)
        reading = asyncio.ensure_future(broker.subscriptions.read(broker.publisher))
        await asyncio.sleep(0.1)
        broker.deliver(Message("evcc/bridge/marker/0123", b"0"))
        assert not broker.live()
        reading.cancel()

    in_virtual_time(main())


def _stall(seconds: float) -> Callable[[], None]:
    """What lets the clock go on without anything else that runs."""
    loop = asyncio.get_running_loop()
    return lambda: loop._advance(seconds)  # type: ignore[attr-defined]


def test_after_a_stall_nothing_is_live_until_the_newest_marker_has_come_back() -> None:
    async def main() -> None:
        broker = _Broker()
        await broker.subscriptions.read(broker.publisher)
        broker.returns = False
        _stall(4.0)()
        assert not broker.live()
        first = broker.sent[-1]
        _stall(4.0)()
        assert not broker.live()
        broker.deliver(first)
        assert not broker.live()
        broker.deliver(broker.sent[-1])
        assert broker.live()

    in_virtual_time(main())


def test_a_marker_that_was_lost_is_sent_again() -> None:
    async def main() -> None:
        broker = _Broker()
        await broker.subscriptions.read(broker.publisher)
        broker.returns = False
        _stall(4.0)()
        broker.subscriptions.check_stall()
        sent = len(broker.sent)
        broker.subscriptions.confirm()
        assert len(broker.sent) == sent + 1
        broker.deliver(broker.sent[-1])
        broker.subscriptions.confirm()
        assert len(broker.sent) == sent + 1

    in_virtual_time(main())


@pytest.mark.parametrize("returns", [True, False])
def test_an_acknowledgement_ends_a_stall_only_where_markers_do_not_come_back(*, returns: bool) -> None:
    async def main() -> None:
        broker = _Broker(returns=returns)
        await broker.subscriptions.read(broker.publisher)
        broker.returns = False
        _stall(4.0)()
        assert not broker.live()
        broker.subscriptions.acknowledged(Acknowledged(broker.waiting[-1][0]))
        assert broker.live() is not returns

    in_virtual_time(main())


@dataclass
class _Denying(_Broker):
    """A broker that acknowledges the marker, perhaps with a reason to refuse it, and passes nothing on."""

    returns: bool = False
    reason: str = ""

    def send(self, message: Message, **_: bool) -> int | None:
        token = super().send(message)
        assert token is not None
        acknowledged = Acknowledged(token, 0x87 if self.reason else 0, self.reason)
        asyncio.get_running_loop().call_later(0.01, self.subscriptions.acknowledged, acknowledged)
        return token


@pytest.mark.parametrize(("reason", "limit"), [("Not authorized", 0.5), ("", 2)])
def test_a_login_that_may_not_write_is_known_in_two_seconds(reason: str, limit: float) -> None:
    async def main() -> None:
        broker = _Denying(reason=reason)
        began = asyncio.get_running_loop().time()
        assert not await broker.subscriptions.read(broker.publisher)
        assert asyncio.get_running_loop().time() - began < limit
        assert broker.subscriptions.unwritable == reason
        assert broker.subscriptions.denied or reason

    in_virtual_time(main())
