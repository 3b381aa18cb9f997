from bridge.mqtt.message import Message
from bridge.mqtt.standstill import Standstill
from tests.mqtt.fakes import Clock, FakeLink


class World:
    """A standstill, with a clock that stands and a broker that gives nothing back by itself."""

    def __init__(self) -> None:
        self.clock, self.link = Clock(), FakeLink()
        self.standstill = Standstill("marker", self.clock)

    def stand_still(self) -> None:
        self.clock.now += 3.0
        self.standstill.alive(self.link.link)

    def give_back(self, number: int) -> bool:
        return self.standstill.came_back(self.link.sent[number])

    @property
    def doubtful(self) -> bool:
        return self.standstill.doubtful


async def listening() -> World:
    world = World()
    await world.standstill.listen(world.link.link)
    return world


async def test_signs_of_life_every_second_ask_nothing() -> None:
    world = await listening()
    for _ in range(100):
        world.clock.now += 1.0
        world.standstill.alive(world.link.link)
        world.standstill.ask(world.link.link)
    assert not world.doubtful
    assert not world.link.sent


async def test_the_doubt_ends_when_the_marker_comes_back_and_not_when_it_is_acknowledged() -> None:
    world = await listening()
    world.stand_still()
    world.link.acknowledge()
    assert world.doubtful
    assert world.give_back(0)
    assert not world.doubtful


async def test_after_two_standstills_the_second_marker_counts() -> None:
    world = await listening()
    world.stand_still()
    world.stand_still()
    assert world.give_back(0)
    assert world.doubtful
    assert world.give_back(1)
    assert not world.doubtful


async def test_a_marker_that_the_broker_had_no_room_for_is_sent_again() -> None:
    world = await listening()
    world.stand_still()
    world.standstill.ask(world.link.link)
    assert len(world.link.sent) == 2
    assert world.give_back(1)
    assert not world.doubtful


async def test_somebody_elses_marker_is_none_of_ours() -> None:
    world = await listening()
    world.stand_still()
    assert not world.standstill.came_back(Message("marker", b"1"))
    assert not world.standstill.came_back(Message("other", world.link.sent[0].payload))
    assert world.doubtful


async def test_where_the_marker_may_not_be_subscribed_to_its_acknowledgement_counts() -> None:
    world = World()
    world.link.refuses = True
    await world.standstill.listen(world.link.link)
    world.stand_still()
    assert world.doubtful
    world.link.acknowledge()
    assert not world.doubtful


def test_a_new_connection_is_in_no_doubt() -> None:
    world = World()
    world.stand_still()
    world.standstill.begin()
    assert not world.doubtful


def test_without_a_connection_nothing_is_asked() -> None:
    world = World()
    world.clock.now += 3.0
    world.standstill.alive(None)
    assert not world.doubtful
