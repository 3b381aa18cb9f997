from collections.abc import Iterator

import pytest

from bridge.mqtt.conflicts import Conflicts
from bridge.mqtt.desired import Desired
from bridge.mqtt.publisher import Outcome
from bridge.util.diagnostics import Diagnostics
from tests.mqtt.fakes import Clock


class _World:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.diagnostics = Diagnostics()
        self.conflicts = Conflicts("evcc", self.diagnostics)

    def publish(self, topics: int = 10, *, copy: bool = False, updated: bool = True) -> None:
        """What another publisher of the same topics does."""
        if updated:
            self.conflicts.note("updated", copy=copy)
        for number in range(topics):
            self.conflicts.note(f"site/value{number}", copy=copy)

    def text(self, outcome: Outcome | None = None, desired: Desired | None = None) -> str:
        evcc = self.conflicts.is_evcc_publishing()
        self.conflicts.tick(desired or Desired(), outcome or Outcome(), evcc=evcc)
        return self.diagnostics.text


@pytest.fixture
def world() -> Iterator[_World]:
    with Clock().running() as clock:
        yield _World(clock)


def test_without_others_there_is_no_problem(world: _World) -> None:
    assert world.text() == ""


def test_many_topics_and_updated_are_evccs_own_mqtt_until_a_while_after_the_last(world: _World) -> None:
    for _ in range(20):
        world.publish()
        assert "evcc's own MQTT" in world.text()
        world.clock.now += 30
    world.clock.now += 119
    assert world.conflicts.is_evcc_publishing()
    world.clock.now += 1
    assert world.text() == ""


@pytest.mark.parametrize(("topics", "updated", "copy"), [(3, True, False), (100, False, False), (10, True, True)])
def test_a_few_topics_or_none_of_evccs_or_copies_of_our_own_are_not(
    world: _World, topics: int, *, updated: bool, copy: bool
) -> None:
    for _ in range(100):
        world.publish(topics, updated=updated, copy=copy)
        assert not world.conflicts.is_evcc_publishing()
        world.clock.now += 1


def test_many_topics_over_a_long_time_are_not(world: _World) -> None:
    for number in range(100):
        world.conflicts.note("updated", copy=False)
        world.conflicts.note(f"site/value{number}", copy=False)
        assert not world.conflicts.is_evcc_publishing()
        world.clock.now += 30


@pytest.mark.parametrize("topic", ["bridge/info", "bridge/health", "bridge/evcc"])
def test_a_bridge_that_does_not_answer_is_named_and_no_evcc(world: _World, topic: str) -> None:
    world.publish()
    world.conflicts.note(topic, copy=False)
    assert world.text() == "another bridge publishes below evcc"
    world.clock.now += 150
    assert world.text() == ""


def test_a_foreign_write_is_explained_for_a_minute_with_the_topic_to_publish_to(world: _World) -> None:
    world.conflicts.note_corrected("loadpoints/1/mode")
    assert "evcc/loadpoints/1/mode:" in world.text()
    assert "evcc/loadpoints/1/mode/set" in world.text()
    world.clock.now += 60
    assert world.text() == ""


def test_hundreds_of_foreign_writes_are_one_short_text(world: _World) -> None:
    for number in range(3000):
        world.conflicts.note_corrected(f"site/{number}")
    assert "1000" in world.text()
    assert len(world.text()) < 200


def test_what_could_not_be_published_is_named(world: _World) -> None:
    desired = Desired(limit=1)
    desired.replace("x", {"a": b"1"})
    desired.replace("y", {"a": b"2", "b": b"1"})
    outcome = Outcome(refused={"site/a": "Not authorized"}, too_large={f"site/{number}" for number in range(30)})
    text = world.text(outcome, desired)
    for part in ("evcc/site/a: Not authorized", "25 more", "first is published: evcc/a", "evcc/b"):
        assert part in text
