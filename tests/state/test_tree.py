from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from bridge.state.tree import ERASED, Layer, Tree, differences

_TOPICS = st.dictionaries(st.sampled_from("abcde"), st.sampled_from([b"", b"1", b"2"]), max_size=4)
_STEPS = st.lists(st.tuples(st.sampled_from("xyz"), _TOPICS, st.one_of(st.none(), _TOPICS)), max_size=12)


def test_a_source_is_replaced_as_a_whole() -> None:
    tree = Tree()

    assert tree.replace("x", {"a": b"1", "b": b"2"}) == {"a", "b"}
    assert tree.replace("x", {"b": b"2", "c": b"3"}) == {"a", "c"}
    assert tree.topics == {"b": b"2", "c": b"3"}
    assert tree.replace("x", {"b": b"2", "c": b"3"}) == set()
    assert tree.replace("x", {}) == {"b", "c"}
    assert not tree.topics
    assert not tree.sources


def test_an_empty_payload_is_an_erased_topic() -> None:
    tree = Tree()

    assert tree.replace("x", {"a": b"1", "b": b""}) == {"a"}
    assert tree.replace("x", {"a": b"", "b": b""}) == {"a"}
    assert not tree.topics
    assert tree.get("a") == ERASED


def test_the_first_of_two_sources_has_the_topic_and_the_second_waits() -> None:
    tree = Tree()
    tree.replace("x", {"a": b"1"})

    assert tree.replace("y", {"a": b"2"}) == set()
    assert tree.contested == {"a"}
    assert tree.replace("y", {"a": b"3"}) == set()
    assert tree.contested == {"a"}
    assert tree.replace("x", {}) == {"a"}
    assert tree.get("a") == b"3"
    assert not tree.contested


def test_a_source_may_contest_a_topic_with_itself() -> None:
    tree = Tree()
    tree.replace("x", {"a": b"1"}, contested=frozenset({"a"}))
    assert tree.contested == {"a"}
    tree.replace("x", {"a": b"1"})
    assert not tree.contested


def test_what_the_bridge_says_itself_is_never_left_out() -> None:
    tree = Tree(limit=1)
    tree.replace("x", {"site/a": b"1", "site/b": b"2"})
    for topic in ("status", "updated", "bridge/problem"):
        assert tree.replace(topic, {topic: b"1"}) == {topic}
    assert len(tree.left_out) == 1


def test_a_source_that_waited_and_left_gets_nothing() -> None:
    tree = Tree()
    for source in "xyz":
        tree.replace(source, {"a": source.encode()})
    tree.replace("y", {})

    assert tree.contested == {"a"}
    assert tree.replace("x", {}) == {"a"}
    assert tree.get("a") == b"z"


def test_a_topic_is_contested_only_as_long_as_two_want_it() -> None:
    tree = Tree()
    tree.replace("x", {"a": b"1"})
    tree.replace("y", {"a": b"2"})
    tree.replace("y", {})

    assert not tree.contested


def test_the_same_payload_from_the_heir_touches_nothing() -> None:
    tree = Tree()
    tree.replace("x", {"a": b"1"})
    tree.replace("y", {"a": b"1"})

    assert tree.replace("x", {}) == set()
    assert tree.topics == {"a": b"1"}


def test_other_names_stand_where_nobody_has_the_name() -> None:
    tree = Tree()
    tree.replace("x", {"a": b"1"}, {"b": b"1", "c": b"1"})

    assert tree.replace("y", {"b": b"2"}) == {"b"}
    assert tree.topics == {"a": b"1", "b": b"2", "c": b"1"}
    assert tree.replace("y", {}) == {"b"}
    assert tree.get("b") == b"1"
    assert tree.replace("x", {"a": b"1"}) == {"b", "c"}


def test_no_more_topics_than_allowed_and_the_rest_when_there_is_room() -> None:
    tree = Tree(limit=2)
    tree.replace("x", {"a": b"1", "b": b"1"})
    tree.replace("y", {"c": b"1"})

    assert tree.topics == {"a": b"1", "b": b"1"}
    assert tree.left_out
    assert tree.replace("x", {"b": b"2"}) == {"a", "b", "c"}
    assert tree.topics == {"b": b"2", "c": b"1"}
    assert not tree.left_out


def test_one_source_that_runs_wild_does_not_crowd_out_the_others() -> None:
    tree = Tree(limit=4, most_of_one=2)
    tree.replace("wild", dict.fromkeys("abcdefgh", b"1"))
    tree.replace("x", {"x": b"1", "y": b"1"})
    assert set(tree.topics) == set("abxy")
    assert tree.left_out == set("cdefgh")

    tree.replace("wild", {"h": b"2"})
    assert set(tree.topics) == set("hxy")
    assert not tree.left_out


def test_the_smallest_tree_of_all_still_says_how_the_bridge_is() -> None:
    tree = Tree.of_state(1)
    tree.replace("x", {"a": b"1", "b": b"1"})
    tree.replace("status", {"status": b"online"})
    assert set(tree.topics) == {"a", "status"}


def test_what_was_left_out_and_is_no_more_wanted_is_no_trouble() -> None:
    tree = Tree(limit=1)
    tree.replace("x", {"a": b"1"})
    tree.replace("y", {"b": b"1"})
    assert tree.replace("y", {}) == set()

    assert not tree.left_out


@given(_STEPS)
def test_no_sequence_leaves_more_or_less_than_is_wanted(
    steps: list[tuple[str, dict[str, bytes], dict[str, bytes] | None]],
) -> None:
    tree = Tree()
    for source, own, alias in steps:
        before = dict(tree.topics)
        touched = tree.replace(source, own, alias)
        after = dict(tree.topics)
        assert touched == {topic for topic in before.keys() | after.keys() if before.get(topic) != after.get(topic)}
        assert all(after.values())
    assert tree.topics.keys() <= {topic for _, own, alias in steps for topic in (*own, *(alias or ()))}
    for source in "xyz":
        tree.replace(source, {})
    assert not tree.topics
    assert not tree.contested


@given(st.lists(st.tuples(st.sampled_from("xyz"), _TOPICS), max_size=12))
def test_a_topic_belongs_to_who_had_it_first_and_still_wants_it(steps: list[tuple[str, dict[str, bytes]]]) -> None:
    layer, queues, newest = Layer(), dict[str, list[str]](), dict[str, Mapping[str, bytes]]()
    for source, topics in steps:
        layer.replace(source, topics)
        newest[source] = topics
        for topic in "abcde":
            queue = queues.setdefault(topic, [])
            if topic in topics and source not in queue:
                queue.append(source)
            elif topic not in topics and source in queue:
                queue.remove(source)
        assert layer.owners == {topic: queue[0] for topic, queue in queues.items() if queue}
        assert layer.contested == {topic: queue[1:] for topic, queue in queues.items() if queue[1:]}
        assert layer.topics == {topic: newest[owner][topic] for topic, owner in layer.owners.items()}


@given(_TOPICS, _TOPICS)
def test_differences_make_one_tree_of_another(wanted: dict[str, bytes], held: dict[str, bytes]) -> None:
    changes = differences(_full(wanted), held)

    assert _full({**held, **changes}) == _full(wanted)
    assert all(held.get(topic, ERASED) != payload for topic, payload in changes.items())


def _full(tree: Mapping[str, bytes]) -> dict[str, bytes]:
    return {topic: payload for topic, payload in tree.items() if payload}
