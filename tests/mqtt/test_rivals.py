from bridge.mqtt.rivals import Rivals


def _publish(rivals: Rivals, now: float, topics: int = 10, *, echo: bool = False, updated: bool = True) -> None:
    """What a publisher of the same tree says."""
    if updated:
        rivals.note("updated", now, echo=echo)
    for number in range(topics):
        rivals.note(f"site/value{number}", now, echo=echo)


def test_who_publishes_many_topics_and_updated_is_evcc() -> None:
    rivals = Rivals()
    _publish(rivals, 1000.0)

    assert rivals.evcc(1000.0)
    assert not rivals.bridge(1000.0)


def test_a_few_topics_are_a_client_that_forgets_set() -> None:
    rivals = Rivals()
    for now in range(1000, 2000):
        _publish(rivals, now, topics=3)

    assert not rivals.evcc(2000.0)


def test_many_topics_without_updated_are_no_evcc() -> None:
    rivals = Rivals()
    _publish(rivals, 1000.0, topics=100, updated=False)

    assert not rivals.evcc(1000.0)


def test_many_topics_over_a_long_time_are_no_evcc() -> None:
    rivals = Rivals()
    for number in range(100):
        rivals.note("updated", number * 30.0, echo=False)
        rivals.note(f"site/value{number}", number * 30.0, echo=False)

    assert not rivals.evcc(3000.0)


def test_copies_of_our_own_messages_are_no_rival() -> None:
    rivals = Rivals()
    _publish(rivals, 1000.0, echo=True)
    rivals.note("bridge/info", 1000.0, echo=True)

    assert not rivals.evcc(1000.0)
    assert not rivals.bridge(1000.0)


def test_evcc_is_a_rival_as_long_as_it_goes_on_and_a_while_longer() -> None:
    rivals = Rivals()
    for now in range(1000, 1600, 30):
        _publish(rivals, now)
        assert rivals.evcc(now + 29)

    assert rivals.evcc(1570.0 + 149)
    assert not rivals.evcc(1570.0 + 150)


def test_who_speaks_of_a_bridge_is_a_second_bridge() -> None:
    rivals = Rivals()
    _publish(rivals, 1000.0)
    for topic in ("bridge/info", "bridge/health", "bridge/evcc", "bridge/marker/0123"):
        rivals.note(topic, 1000.0, echo=False)
        assert rivals.bridge(1149.0)
        assert not rivals.evcc(1000.0)
    assert not rivals.bridge(1150.0)


def test_questions_to_the_bridge_are_no_bridge() -> None:
    rivals = Rivals()
    for topic in ("bridge/request/state", "bridge/response/x", "bridge/mine"):
        rivals.note(topic, 1000.0, echo=False)

    assert not rivals.bridge(1000.0)
