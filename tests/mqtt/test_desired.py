import time
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.desired import Desired, Layer
from bridge.mqtt.message import ERASED

_TOPICS = st.dictionaries(st.sampled_from("abcde"), st.sampled_from([b"", b"1", b"2"]), max_size=4)
_STEPS = st.lists(st.tuples(st.sampled_from("xyz"), _TOPICS, st.one_of(st.none(), _TOPICS)), max_size=12)


def test_a_source_is_replaced_as_a_whole() -> None:
    desired = Desired()

    assert desired.replace("x", {"a": b"1", "b": b"2"}) == {"a", "b"}
    assert desired.replace("x", {"b": b"2", "c": b"3"}) == {"a", "c"}
    assert desired.topics == {"b": b"2", "c": b"3"}
    assert desired.replace("x", {"b": b"2", "c": b"3"}) == set()
    assert desired.replace("x", {}) == {"b", "c"}
    assert not desired.topics
    assert not desired.sources


def test_an_empty_payload_is_an_erased_topic() -> None:
    desired = Desired()

    assert desired.replace("x", {"a": b"1", "b": b""}) == {"a"}
    assert desired.replace("x", {"a": b"", "b": b""}) == {"a"}
    assert not desired.topics
    assert desired.get("a") == ERASED


def test_the_first_of_two_sources_has_the_topic_and_the_second_waits() -> None:
    desired = Desired()
    desired.replace("x", {"a": b"1"})

    assert desired.replace("y", {"a": b"2"}) == set()
    assert desired.contested == {"a"}
    assert desired.replace("y", {"a": b"3"}) == set()
    assert desired.contested == {"a"}
    assert desired.replace("x", {}) == {"a"}
    assert desired.get("a") == b"3"
    assert not desired.contested


def test_a_source_may_contest_a_topic_with_itself() -> None:
    desired = Desired()
    desired.replace("x", {"a": b"1"}, contested=frozenset({"a"}))
    assert desired.contested == {"a"}
    desired.replace("x", {"a": b"1"})
    assert not desired.contested


def test_topics_about_the_bridge_are_never_left_out() -> None:
    desired = Desired(limit=1)
    desired.replace("x", {"site/a": b"1", "site/b": b"2"})
    for topic in ("status", "updated", "bridge/problem"):
        assert desired.replace(topic, {topic: b"1"}) == {topic}
    assert len(desired.left_out) == 1


def test_a_second_source_that_has_gone_does_not_get_the_topic() -> None:
    desired = Desired()
    for source in "xyz":
        desired.replace(source, {"a": source.encode()})
    desired.replace("y", {})

    assert desired.contested == {"a"}
    assert desired.replace("x", {}) == {"a"}
    assert desired.get("a") == b"z"


def test_a_topic_is_contested_only_as_long_as_two_sources_have_it() -> None:
    desired = Desired()
    desired.replace("x", {"a": b"1"})
    desired.replace("y", {"a": b"2"})
    desired.replace("y", {})

    assert not desired.contested


def test_the_same_payload_from_the_next_source_is_no_change() -> None:
    desired = Desired()
    desired.replace("x", {"a": b"1"})
    desired.replace("y", {"a": b"1"})

    assert desired.replace("x", {}) == set()
    assert desired.topics == {"a": b"1"}


def test_an_alias_is_published_where_no_source_has_the_name() -> None:
    desired = Desired()
    desired.replace("x", {"a": b"1"}, {"b": b"1", "c": b"1"})

    assert desired.replace("y", {"b": b"2"}) == {"b"}
    assert desired.topics == {"a": b"1", "b": b"2", "c": b"1"}
    assert desired.replace("y", {}) == {"b"}
    assert desired.get("b") == b"1"
    assert desired.replace("x", {"a": b"1"}) == {"b", "c"}


def test_no_more_topics_than_allowed_and_the_rest_when_there_is_room() -> None:
    desired = Desired(limit=2)
    desired.replace("x", {"a": b"1", "b": b"1"})
    desired.replace("y", {"c": b"1"})

    assert desired.topics == {"a": b"1", "b": b"1"}
    assert desired.left_out
    assert desired.replace("x", {"b": b"2"}) == {"a", "b", "c"}
    assert desired.topics == {"b": b"2", "c": b"1"}
    assert not desired.left_out


def test_one_source_without_bounds_leaves_room_for_the_others() -> None:
    desired = Desired(limit=4, most_of_one=2)
    desired.replace("large", dict.fromkeys("abcdefgh", b"1"))
    desired.replace("x", {"x": b"1", "y": b"1"})
    assert set(desired.topics) == set("abxy")
    assert desired.left_out == set("cdefgh")

    desired.replace("large", {"h": b"2"})
    assert set(desired.topics) == set("hxy")
    assert not desired.left_out


def test_status_has_room_at_the_smallest_limit() -> None:
    desired = Desired(1, 1)
    desired.replace("x", {"a": b"1", "b": b"1"})
    desired.replace("status", {"status": b"online"})
    assert set(desired.topics) == {"a", "status"}


def test_what_was_left_out_and_is_no_longer_desired_is_no_problem() -> None:
    desired = Desired(limit=1)
    desired.replace("x", {"a": b"1"})
    desired.replace("y", {"b": b"1"})
    assert desired.replace("y", {}) == set()

    assert not desired.left_out


@given(_STEPS)
def test_no_sequence_leaves_more_or_less_than_is_desired(
    steps: list[tuple[str, dict[str, bytes], dict[str, bytes] | None]],
) -> None:
    desired = Desired()
    for source, own, alias in steps:
        before = dict(desired.topics)
        touched = desired.replace(source, own, alias)
        after = dict(desired.topics)
        assert touched == {topic for topic in before.keys() | after.keys() if before.get(topic) != after.get(topic)}
        assert all(after.values())
    assert desired.topics.keys() <= {topic for _, own, alias in steps for topic in (*own, *(alias or ()))}
    for source in "xyz":
        desired.replace(source, {})
    assert not desired.topics
    assert not desired.contested


@given(st.lists(st.tuples(st.sampled_from("xyz"), _TOPICS), max_size=12))
def test_a_topic_belongs_to_the_first_source_that_still_has_it(steps: list[tuple[str, dict[str, bytes]]]) -> None:
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
        assert {topic: layer.get(topic) for topic in "abcde"} == {
            topic: newest[queue[0]][topic] if queue else None for topic, queue in queues.items()
        }
        names = {id(held): name for name, held in layer.sources.items()}
        waiting = {topic: [names[id(held)] for held in others] for topic, others in layer.contested.items()}
        assert waiting == {topic: queue[1:] for topic, queue in queues.items() if queue[1:]}
        assert layer.sources == {name: topics for name, topics in newest.items() if topics}


def test_room_costs_what_comes_into_it_however_many_topics_wait() -> None:
    desired = Desired(limit=1000)
    for number in range(1000):
        desired.replace(f"s{number}", {f"{number}/{index}": b"1" for index in range(40)})
    assert (len(desired.topics), len(desired.left_out)) == (1000, 39_000)
    began = time.process_time()
    for number in range(1000):
        desired.replace(f"s{number}", {})
        assert len(desired.topics) == min(1000, 40 * (999 - number))
    assert time.process_time() - began < 5  # a tenth of a second; with a look at all that waits, it was minutes
    assert not desired.left_out
