from bridge.mqtt import message as module
from bridge.mqtt.message import Echoes


def _expecting() -> Echoes:
    echoes = Echoes()
    echoes.expect_below("evcc")
    return echoes


def test_a_message_comes_back_once() -> None:
    echoes = _expecting()
    echoes.sent("evcc/a", b"1")
    assert not echoes.came_back("evcc/a", b"2")
    assert echoes.came_back("evcc/a", b"1")
    assert not echoes.came_back("evcc/a", b"1")


def test_messages_on_one_topic_come_back_in_their_order_and_some_never() -> None:
    echoes = _expecting()
    for payload in (b"1", b"2", b"1", b"3"):
        echoes.sent("evcc/a", payload)
    assert echoes.came_back("evcc/a", b"2")
    assert echoes.came_back("evcc/a", b"1")
    assert not echoes.came_back("evcc/a", b"2")
    assert echoes.came_back("evcc/a", b"3")


def test_nothing_comes_back_from_elsewhere_or_before_it_is_subscribed_to() -> None:
    echoes = Echoes()
    echoes.sent("evcc/a", b"1")
    echoes.expect_below("evcc")
    echoes.sent("evcc2/a", b"1")
    assert not echoes.came_back("evcc/a", b"1")
    assert not echoes.came_back("evcc2/a", b"1")


def test_what_never_comes_back_does_not_fill_the_memory() -> None:
    echoes = _expecting()
    for number in range(module._MOST_TOPICS + 100):
        echoes.sent(f"evcc/{number}", b"x")
    for number in range(100):
        echoes.sent("evcc/a", b"%d" % number)
    assert len(echoes._sent) == module._MOST_TOPICS
    assert len(echoes._sent["evcc/a"]) == module._MOST_OF_ONE
