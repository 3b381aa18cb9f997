import asyncio
import math
from collections.abc import Iterator

import pytest

from bridge.mqtt import publisher as module
from bridge.mqtt.adapter import SESSION_TAKEN_OVER
from bridge.mqtt.publisher import Publisher
from tests.mqtt.fakes import Clock, FakeLink, everything, nothing

_CLOCK = Clock()
_TOO_LARGE = 0x95


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test's clock, but in a test that has an event loop of its own."""
    if "async" in request.keywords or asyncio.iscoroutinefunction(request.function):
        yield
        return
    with _CLOCK.running():
        yield


class _World:
    """A publisher on a link, with desired topics of the test's."""

    def __init__(self, qos: int = 1, link: FakeLink | None = None) -> None:
        self.desired: dict[str, bytes] = {}
        self.clock = _CLOCK
        self.publisher = Publisher("evcc", self.desired, qos=qos)
        self.link = link or FakeLink()

    def attach(self, held: dict[str, bytes] | None = None, *, erase: bool = True) -> None:
        self.publisher.begin()
        for topic, payload in (held or {}).items():
            self.publisher.note_stored(topic, payload)
        self.publisher.attach(self.link.link, everything if erase else nothing)

    def want(self, **topics: bytes) -> None:
        """Change the desired topics; b"" takes one out of them."""
        self.desired.update(topics)
        for topic in [topic for topic, payload in self.desired.items() if not payload]:
            del self.desired[topic]
        self.publisher.changed(topics)

    def foreign(self, topic: str, payload: bytes, *, ours: bool = False) -> bool:
        return self.publisher.observe(topic, payload, ours=ours, erasable=True)

    def acknowledge(self, count: int = 1, code: int = 0, reason: str = "") -> None:
        self.link.acknowledge(self.publisher, count, code, reason)

    def acknowledge_all(self) -> None:
        self.link.acknowledge_all(self.publisher)

    def pass_time(self, seconds: float) -> None:
        for _ in range(math.ceil(seconds)):
            self.clock.now += 1
            self.publisher.tick()
            self.acknowledge_all()

    @property
    def is_settled(self) -> bool:
        return self.publisher._settled.is_set()


def _settled(**topics: bytes) -> _World:
    """A world whose broker holds what is desired."""
    world = _World()
    world.desired.update(topics)
    world.attach(topics)
    assert not world.link.sent
    return world


# differences


def test_only_differences_are_published_on_a_new_connection() -> None:
    world = _World()
    world.desired.update(same=b"1", other=b"2", new=b"3")
    world.attach({"same": b"1", "other": b"0", "ghost": b"4"})

    assert world.link.take() == {"evcc/other": b"2", "evcc/new": b"3", "evcc/ghost": b""}


def test_somebody_elses_topics_are_not_erased() -> None:
    world = _World()
    world.attach({"mine": b"1"}, erase=False)

    assert world.link.take() == {}
    assert world.is_settled


def test_messages_are_retained_and_have_the_users_quality() -> None:
    world = _World(qos=0)
    world.desired["a"] = b"1"
    world.attach()

    assert [(message.retain, message.qos) for message in world.link.sent] == [(True, 0)]


def test_a_payload_that_is_there_is_not_published_again() -> None:
    world = _settled(a=b"1")
    world.want(a=b"1")

    assert world.link.take() == {}


def test_without_a_connection_nothing_is_sent_and_the_next_one_catches_up() -> None:
    world = _World()
    world.want(a=b"1")
    world.attach()
    assert world.link.take() == {"evcc/a": b"1"}
    world.publisher.detach()
    world.want(a=b"2")
    assert world.link.take() == {}
    world.attach({"a": b"1"})

    assert world.link.take() == {"evcc/a": b"2"}


# the window


def test_no_more_are_in_flight_than_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 3)
    world = _World()
    world.desired.update({str(number): b"x" for number in range(10)})
    world.attach()
    assert len(world.link.waiting) == 3
    for _ in range(7):
        world.acknowledge()
        assert len(world.link.waiting) == 3
    world.acknowledge_all()

    assert len(world.link.sent) == 10
    assert world.is_settled


def test_only_the_newest_payload_of_a_topic_that_waits_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 1)
    world = _World()
    world.desired["a"] = b"1"
    world.attach()
    for number in range(100):
        world.want(b=b"%d" % number)
    world.acknowledge_all()

    assert [message.payload for message in world.link.sent] == [b"1", b"99"]


def test_a_topic_is_never_in_flight_twice() -> None:
    world = _World()
    world.desired["a"] = b"1"
    world.attach()
    world.want(a=b"2")
    world.want(a=b"3")
    assert [message.payload for message in world.link.sent] == [b"1"]
    world.acknowledge()

    assert [message.payload for message in world.link.sent] == [b"1", b"3"]


def test_a_change_that_is_undone_while_it_waits_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 1)
    world = _World()
    world.desired.update(a=b"1", b=b"1")
    world.attach({"b": b"1"})
    world.want(b=b"2")
    world.want(b=b"1")
    world.acknowledge_all()

    assert world.link.take() == {"evcc/a": b"1"}


def test_a_change_that_is_undone_in_flight_is_published_back() -> None:
    world = _settled(a=b"1")
    world.want(a=b"2")
    world.want(a=b"1")
    world.acknowledge_all()

    assert [message.payload for message in world.link.sent] == [b"2", b"1"]


async def test_settled_waits_for_the_last_acknowledgement() -> None:
    world = _World()
    world.desired.update(a=b"1", b=b"2")
    world.attach()
    waiting = asyncio.ensure_future(world.publisher.settled())
    await asyncio.sleep(0)
    world.acknowledge()
    await asyncio.sleep(0)
    assert not waiting.done()
    world.acknowledge()
    await waiting


# acknowledgements


def test_a_refusal_is_reported_and_not_tried_again_before_something_changes() -> None:
    world = _World()
    world.desired.update(a=b"1", b=b"1")
    world.attach()
    world.acknowledge(code=0x87, reason="Not authorized")
    world.acknowledge()
    assert world.publisher.outcome.refused == {"a": "Not authorized"}
    assert len(world.link.sent) == 2
    assert world.is_settled
    world.want(a=b"2")
    world.acknowledge()

    assert world.publisher.outcome.refused == {}


def test_a_new_connection_may_be_refused_less() -> None:
    world = _World()
    world.desired["a"] = b"1"
    world.attach()
    world.acknowledge(code=0x87, reason="Not authorized")
    world.publisher.detach()
    world.attach()

    assert world.publisher.outcome.refused == {}
    assert [message.topic for message in world.link.sent] == ["evcc/a"] * 2


# sizes


def test_what_is_too_large_is_left_out_and_named_and_all_else_goes_on() -> None:
    world = _World(link=FakeLink(largest=20))
    world.desired.update(a=b"x" * 30, b=b"1")
    world.attach()
    world.acknowledge_all()
    assert world.link.take() == {"evcc/b": b"1"}
    assert world.publisher.outcome.too_large == {"a"}
    assert world.is_settled
    world.want(a=b"small")

    assert world.link.take() == {"evcc/a": b"small"}
    assert world.publisher.outcome.too_large == set()


def test_an_old_value_does_not_stay_where_the_new_one_is_too_large() -> None:
    world = _World(link=FakeLink(largest=20))
    world.desired["a"] = b"x" * 30
    world.attach({"a": b"old"})
    assert world.link.take() == {"evcc/a": b""}
    world.acknowledge_all()

    assert world.link.take() == {}
    assert world.publisher.outcome.too_large == {"a"}


def test_what_is_no_more_wanted_is_not_too_large() -> None:
    world = _World(link=FakeLink(largest=20))
    world.desired["a"] = b"x" * 30
    world.attach()
    world.want(a=b"")

    assert world.publisher.outcome.too_large == set()


@pytest.mark.parametrize("v5", [True, False])
def test_the_largest_payload_is_learnt_where_the_broker_disconnects(*, v5: bool) -> None:
    world = _World()
    world.desired.update({f"large{number}": b"x" * (1000 + number) for number in range(10)}, small=b"x", other=b"yy")
    for losses in range(3):
        world.link = FakeLink(v5=v5)
        world.attach()
        assert world.link.waiting, f"learnt after {losses} losses"
        while world.link.waiting and len(world.link.waiting[0][1].payload) < 1000:
            world.acknowledge()
        world.publisher.tick()
        assert world.publisher.detach()  # its size may explain it: nobody else is suspected
    world.link = FakeLink(v5=v5)
    world.attach({"small": b"x", "other": b"yy"})

    assert world.link.take() == {}
    assert world.publisher.outcome.too_large == {f"large{number}" for number in range(10)}
    assert world.is_settled


def test_nothing_is_learnt_of_sizes_where_another_client_took_the_client_id() -> None:
    world = _World()
    world.desired.update(large=b"x" * 1000, small=b"x")
    for _ in range(5):
        world.link = FakeLink()
        world.attach()
        assert not world.publisher.detach(SESSION_TAKEN_OVER)
    assert world.publisher.outcome.too_large == set()


def test_what_was_in_flight_beside_a_payload_that_is_too_large_and_was_stored_is_not_left_out() -> None:
    world = _World()
    world.desired.update(small=b"x", medium=b"y" * 500, large=b"x" * 1000)
    world.attach()
    world.acknowledge()  # of `small`; the broker stores `medium` and ends the connection at `large`
    assert world.publisher.detach()
    for _ in range(3):
        world.link = FakeLink()
        world.attach({"small": b"x", "medium": b"y" * 500})
        world.publisher.detach()
    world.link = FakeLink()
    world.attach({"small": b"x", "medium": b"y" * 500})
    world.desired["medium"] = b"z" * 500
    world.publisher.changed(["medium"])

    assert world.link.take() == {"evcc/medium": b"z" * 500}
    assert world.publisher.outcome.too_large == {"large"}


def test_one_refusal_shows_the_largest_payload() -> None:
    world = _World()
    world.desired.update(large=b"x" * 1000, larger=b"x" * 1001, small=b"x")
    world.attach({"larger": b"old"})
    world.acknowledge()
    world.acknowledge(code=_TOO_LARGE)
    assert world.publisher.detach()
    world.link = FakeLink()
    world.attach({"larger": b"old", "small": b"x"})

    assert world.link.take() == {"evcc/larger": b""}
    assert world.publisher.outcome.too_large == {"large", "larger"}


def test_a_payload_that_may_be_too_large_is_sent_alone() -> None:
    world = _World()
    world.desired.update(a=b"x", large=b"x" * 1000, larger=b"x" * 1001)
    world.attach()
    world.acknowledge()
    world.publisher.detach()
    world.link = FakeLink()
    world.attach()

    assert [message.topic for _, message in world.link.waiting] == ["evcc/a"]
    world.acknowledge()
    assert [message.topic for _, message in world.link.waiting] == ["evcc/large"]
    world.acknowledge()
    assert [message.topic for _, message in world.link.waiting] == ["evcc/larger"]


def test_what_was_acknowledged_once_is_not_too_large() -> None:
    world = _World()
    world.desired.update(a=b"x" * 1000)
    world.attach()
    world.acknowledge()
    for number in range(5):
        world.want(a=b"%d" % number + b"x" * 999)
        world.publisher.detach()
        world.link = FakeLink(v5=False)
        world.attach()

    assert "evcc/a" in world.link.take()


def test_a_limit_is_tried_again_after_a_day() -> None:
    world = _World()
    world.desired.update(large=b"x" * 1000)
    world.attach()
    world.acknowledge(code=_TOO_LARGE)
    world.publisher.detach()
    world.clock.now += 90_000
    world.publisher.tick()
    world.link = FakeLink()
    world.attach()

    assert "evcc/large" in world.link.take()


# what others write


def test_a_wrong_value_is_put_right_at_once() -> None:
    world = _settled(a=b"1")

    assert world.foreign("a", b"x")
    assert world.link.take() == {"evcc/a": b"1"}
    assert world.publisher.outcome.corrected == 1


def test_the_right_value_is_left_alone() -> None:
    world = _settled(a=b"1")

    assert not world.foreign("a", b"1")
    assert world.link.take() == {}


@pytest.mark.parametrize(("ours", "sent"), [(True, {"evcc/ghost": b""}), (False, {})])
def test_what_is_not_wanted_is_erased_if_it_is_ours(ours: bool, sent: dict[str, bytes]) -> None:
    world = _settled(a=b"1")

    assert world.foreign("ghost", b"x", ours=ours) is ours
    assert world.link.take() == sent


def test_a_value_that_somebody_erased_is_back_at_once() -> None:
    world = _settled(a=b"1")
    world.foreign("a", b"")

    assert world.link.take() == {"evcc/a": b"1"}


def test_corrections_of_one_topic_are_bounded_and_never_given_up() -> None:
    world = _settled(a=b"1", b=b"1")
    for _ in range(3600):
        world.foreign("a", b"x")
        world.pass_time(1)
    assert 10 < world.publisher.outcome.corrected < 25
    world.foreign("b", b"x")
    assert "evcc/b" in {message.topic for message in world.link.sent}
    world.foreign("a", b"x")
    world.pass_time(700)

    assert world.publisher.holds("a", b"1")


def test_every_wanted_topic_is_put_right_however_many_somebody_writes() -> None:
    topics = {f"t{number}": b"1" for number in range(1500)}
    world = _settled(**topics)
    for topic in topics:
        assert world.foreign(topic, b"x")
    world.acknowledge_all()

    assert world.publisher.holds_everything


def test_ghosts_without_end_do_not_fill_the_memory() -> None:
    world = _settled(a=b"1")
    put_right = [world.foreign(f"ghost{number}", b"x", ours=True) for number in range(1500)]

    assert sum(put_right) == 1000
    assert world.foreign("a", b"x")


def test_an_echo_faster_than_the_acknowledgement_is_bounded_too() -> None:
    world = _settled(a=b"1")
    world.foreign("a", b"x")
    for _ in range(1000):
        if world.link.waiting:
            world.foreign("a", b"x")
            world.acknowledge()
    assert len(world.link.sent) < 10
    world.pass_time(700)

    assert world.publisher.holds("a", b"1")


def test_corrections_are_forgotten_after_an_hour() -> None:
    world = _settled(a=b"1")
    for _ in range(10):
        world.foreign("a", b"x")
    world.pass_time(4000)
    world.link.sent.clear()
    world.foreign("a", b"x")

    assert world.link.take() == {"evcc/a": b"1"}


def test_a_correction_on_its_way_is_not_repeated_by_the_clock() -> None:
    world = _settled(a=b"1")
    world.foreign("a", b"x")
    for _ in range(10):
        world.clock.now += 1
        world.publisher.tick()
    world.acknowledge_all()

    assert len(world.link.sent) == 1


def test_who_came_last_is_unknown_while_a_message_is_in_flight() -> None:
    world = _settled(a=b"1")
    world.want(a=b"2")
    world.foreign("a", b"x")
    world.want(a=b"x")
    world.acknowledge_all()

    assert [message.payload for message in world.link.sent] == [b"2", b"x"]


# pausing, repeating


def test_paused_nothing_goes_out_but_what_is_about_the_bridge() -> None:
    world = _settled(a=b"1")
    world.publisher.pause(paused=True)
    world.want(**{"a": b"2", "bridge/problem": b"rival"})
    assert world.link.take() == {"evcc/bridge/problem": b"rival"}
    world.foreign("a", b"x")
    world.pass_time(5)
    assert world.link.take() == {}
    world.publisher.pause(paused=False)

    assert world.link.take() == {"evcc/a": b"2"}


def test_all_is_published_again_on_demand() -> None:
    world = _settled(a=b"1", b=b"2")
    world.publisher.republish(world.desired)
    world.publisher.republish(world.desired)
    world.acknowledge_all()

    assert {message.topic: message.payload for message in world.link.sent} == {"evcc/a": b"1", "evcc/b": b"2"}
    assert world.is_settled


def test_what_was_sent_lately_may_still_be_under_way() -> None:
    world = _settled(a=b"1")
    assert not world.publisher.sent_within("a", 30)
    world.want(a=b"2")
    world.clock.now += 30
    assert world.publisher.sent_within("a", 30)
    world.clock.now += 0.1
    assert not world.publisher.sent_within("a", 30)


# what is read


def test_what_is_stored_and_comes_late_is_compared_too() -> None:
    world = _World()
    world.desired["a"] = b"1"
    world.attach({"a": b"1"})
    assert world.publisher.note_stored("a", b"2")
    assert world.link.take() == {"evcc/a": b"1"}


def test_what_is_stored_and_comes_after_our_own_message_is_out_of_date() -> None:
    world = _World()
    world.desired["a"] = b"1"
    world.attach()
    world.acknowledge_all()
    assert not world.publisher.note_stored("a", b"2")
    assert world.publisher.holds("a", b"1")


def test_no_payload_and_no_number_of_topics_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_HELD", 10)
    world = _World()
    world.desired["a"] = b"1"
    world.attach({f"stranger{number}": b"x" * 1000 for number in range(20)} | {"a": b"2"}, erase=False)

    assert len(world.publisher.orphans) == 10
    assert all(isinstance(known, int) for known in world.publisher._held.values())
    assert world.link.take() == {"evcc/a": b"1"}


def test_silent_nothing_goes_out() -> None:
    world = _settled(a=b"1")
    world.publisher.silence(silent=True)
    world.want(**{"a": b"2", "bridge/problem": b"x"})

    assert world.link.take() == {}
