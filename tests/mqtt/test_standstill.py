from bridge.mqtt.standstill import Standstill
from tests.mqtt.fakes import Clock, FakeLink


def test_signs_of_life_every_second_ask_nothing() -> None:
    clock, link = Clock(), FakeLink()
    standstill = Standstill("marker", clock)
    for _ in range(100):
        clock.now += 1.0
        standstill.alive(link.link)
    assert not standstill.doubtful
    assert not link.sent


def test_after_two_standstills_the_second_answer_counts() -> None:
    clock, link = Clock(), FakeLink()
    standstill = Standstill("marker", clock)
    for _ in range(2):
        clock.now += 3.0
        standstill.alive(link.link)
    link.acknowledge()
    assert standstill.doubtful
    link.acknowledge()
    assert not standstill.doubtful


def test_a_new_connection_is_in_no_doubt() -> None:
    clock, link = Clock(), FakeLink()
    standstill = Standstill("marker", clock)
    clock.now += 3.0
    standstill.alive(link.link)
    standstill.begin()
    assert not standstill.doubtful


def test_without_a_connection_nothing_is_asked() -> None:
    clock = Clock()
    standstill = Standstill("marker", clock)
    clock.now += 3.0
    standstill.alive(None)
    assert not standstill.doubtful
