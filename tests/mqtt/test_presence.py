"""Which of two bridges is active."""

import asyncio
from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.message import Message
from bridge.mqtt.presence import Presence
from tests.mqtt.fakes import FakeLink
from tests.virtual import in_virtual_time


@dataclass
class _Link(FakeLink):
    """A link to a broker that delivers to every other bridge."""

    presence: Presence = field(default_factory=lambda: Presence("evcc"))
    others: list["_Link"] = field(default_factory=list)
    yields: bool = False

    def send(self, message: Message, **options: bool) -> int | None:
        for other in self.others:
            asyncio.get_running_loop().call_soon(other.receive, message.payload)
        return super().send(message, **options)

    def receive(self, payload: bytes) -> None:
        self.yields |= self.presence.take(payload, self.link)

    async def start(self, *, other_online: bool = False) -> None:
        self.presence.begin(self.link)
        await self.presence.decide(self.link, other_online=other_online)


def _pair() -> tuple[_Link, _Link]:
    first, second = _Link(), _Link()
    first.others.append(second)
    second.others.append(first)
    first.presence.host, second.presence.host = "one", "two"
    return first, second


def test_a_single_bridge_is_active_at_once() -> None:
    async def main() -> None:
        link = _Link()
        await link.start()
        assert not link.presence.silent
        assert asyncio.get_running_loop().time() == 0
        assert link.presence.text() is None

    in_virtual_time(main())


def test_the_second_is_silent_and_each_names_the_other() -> None:
    async def main() -> None:
        first, second = _pair()
        await first.start()
        await second.start(other_online=True)
        assert second.presence.silent
        assert not first.presence.silent
        assert "on one, publishes" in (second.presence.text() or "")
        assert "on two, is connected" in (first.presence.text() or "")
        assert not first.yields

    in_virtual_time(main())


def test_the_second_takes_over_when_the_first_does_not_answer_any_more() -> None:
    async def main() -> None:
        first, second = _pair()
        await first.start()
        await second.start(other_online=True)
        for _ in range(60):
            await asyncio.sleep(1)
            assert not second.presence.tick(second.link)
        first.others.clear()
        gone = 0
        while not second.presence.tick(second.link):
            await asyncio.sleep(1)
            gone += 1
        assert 8 <= gone <= 13

    in_virtual_time(main())


@pytest.mark.parametrize("there", [True, False])
def test_offline_is_a_reason_to_ask_at_once(*, there: bool) -> None:
    async def main() -> None:
        first, second = _pair()
        await first.start()
        await second.start(other_online=True)
        await asyncio.sleep(1)
        if not there:
            first.others.clear()
        second.presence.note_offline(second.link)
        await asyncio.sleep(2)
        assert second.presence.tick(second.link) is not there

    in_virtual_time(main())


def test_of_two_that_became_active_at_once_one_yields() -> None:
    async def main() -> None:
        first, second = _pair()
        others = first.others, second.others
        first.others, second.others = [], []
        await first.start()
        await second.start()
        first.others, second.others = others
        first.presence._present(first.link, active=True)
        for _ in range(5):
            await asyncio.sleep(0)
        assert [first.yields, second.yields].count(True) == 1

    in_virtual_time(main())


def test_one_that_lost_its_connection_meanwhile_is_the_second() -> None:
    async def main() -> None:
        first, second = _pair()
        await first.start()
        await asyncio.sleep(10)
        first.others.clear()
        await second.start()
        first.others.append(second)
        await first.start(other_online=True)
        assert first.presence.silent
        assert not second.yields

    in_virtual_time(main())


@given(st.binary() | st.recursive(st.none() | st.integers(-5, 5) | st.text(), st.lists).map(orjson.dumps))
def test_anything_may_be_published_there(payload: bytes) -> None:
    assert not Presence("evcc").take(payload, FakeLink().link)
