from bridge.mqtt import troubles
from bridge.mqtt.publisher import Report
from bridge.state.tree import Tree


def test_nothing_is_wrong() -> None:
    nothing = {
        **troubles.of_report("evcc", Report()),
        **troubles.of_tree("evcc", Tree()),
        **troubles.of_rivals("evcc", evcc=False, bridge=False),
        "foreign": troubles.foreign("evcc", {}),
    }

    assert set(nothing.values()) == {None}


def test_refused_topics_are_named_with_the_brokers_reason() -> None:
    text = troubles.of_report("home/evcc", Report(refused={"site/a": "Not authorized"}))["refused"]

    assert text
    assert "home/evcc/site/a" in text
    assert "Not authorized" in text


def test_what_is_too_large_is_named_and_much_is_counted() -> None:
    text = troubles.of_report("evcc", Report(too_large={f"site/{number}" for number in range(30)}))["too large"]

    assert text
    assert "evcc/site/0" in text
    assert "25 more" in text


def test_what_the_tree_cannot_take_is_named() -> None:
    tree = Tree(limit=1)
    tree.replace("x", {"a": b"1"})
    tree.replace("y", {"a": b"2", "b": b"1"})
    found = troubles.of_tree("evcc", tree)

    assert found["contested"]
    assert "evcc/a" in found["contested"]
    assert found["limit"]


def test_a_foreign_write_is_explained_with_the_topic_to_publish_to() -> None:
    text = troubles.foreign("evcc", ["loadpoints/1/mode"])

    assert text
    assert "evcc/loadpoints/1/mode:" in text
    assert "evcc/loadpoints/1/mode/set" in text


def test_hundreds_of_foreign_writes_are_one_short_text() -> None:
    text = troubles.foreign("evcc", [f"site/{number}" for number in range(300)])

    assert text
    assert "300" in text
    assert len(text) < 200


def test_rivals_are_told_apart() -> None:
    evcc = troubles.of_rivals("evcc", evcc=True, bridge=False)
    bridge = troubles.of_rivals("evcc", evcc=False, bridge=True)

    assert [key for key, text in evcc.items() if text] == ["evcc's own MQTT"]
    assert [key for key, text in bridge.items() if text] == ["second bridge"]
