from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.copy import Copy
from bridge.mqtt.memory import TOPIC as PUBLISHED
from bridge.mqtt.memory import Memory, _names
from bridge.mqtt.message import Message, may_respond
from bridge.settings import Mqtt
from tests.mqtt.fakes import Clock, FakeLink

_STATE = {"version": "1", "loadpoints": [{}], "vehicles": {"zoe": {}}}


@dataclass
class _Desk:
    """Notes what it is told."""

    commands: list[tuple[Message, bool]] = field(default_factory=list)
    requests: list[tuple[Message, bool]] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def command(self, message: Message, *, stale: bool) -> None:
        self.commands.append((message, stale))

    def request(self, message: Message, *, stale: bool) -> None:
        self.requests.append((message, stale))

    def broker_found(self) -> None: ...

    def broker_lost(self, reason: str) -> None: ...

    def stopping(self) -> None: ...

    def problem(self, key: str, text: str | None) -> None:
        self.problems.pop(key, None)
        if text:
            self.problems[key] = text


class _World:
    """A copy on a link of the test's, below `home/evcc`."""

    def __init__(self, held: Mapping[str, bytes] | None = None, state: Mapping[str, Any] = _STATE) -> None:
        self.desk, self.clock, self.link = _Desk(), Clock(), FakeLink()
        self.state = state
        self.settled = False
        self.copy = Copy(
            Mqtt(root="home/evcc"),
            self.desk,
            limit=1000,
            state=lambda: self.state,
            settled=lambda _: self.settled,
            now=self.clock,
        )
        if held is not None:
            self.connect(held)

    def connect(self, held: Mapping[str, bytes]) -> None:
        self.copy._link = self.link.link
        self.copy._adopt(self.link.link, {f"home/evcc/{topic}": payload for topic, payload in held.items()})
        self.copy.connected = True

    def sent(self) -> dict[str, bytes]:
        """What was sent since the last time, below the root, without what is remembered."""
        self.link.acknowledge_all()
        sent = {message.topic.removeprefix("home/evcc/"): message.payload for message in self.link.sent}
        self.link.sent.clear()
        sent.pop(PUBLISHED, None)
        return sent

    def hear(self, topic: str, payload: bytes = b"x", *, retain: bool = True) -> None:
        """Somebody else publishes."""
        self.copy._on_publication(Message(topic, payload, retain=retain))

    def tick(self, seconds: float = 1.0) -> None:
        """Let time go by, second by second."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(self.clock.now + 1.0, end)
            self.copy.tick()


# what is wanted


def test_what_lay_on_the_wire_while_we_stood_still_is_stale() -> None:
    world = _World({})
    world.tick(10.0)

    def stale() -> bool:
        world.copy._on_command(Message("home/evcc/site/prioritySoc/set", b"1"), stale=False)
        return world.desk.commands[-1][1]

    assert not stale()
    world.clock.now += 5.0
    assert stale()
    world.copy.tick()
    assert stale()
    world.sent()  # acknowledged: what comes now was written after that
    assert not stale()


def test_what_a_source_has_is_published_and_what_it_has_no_more_is_erased() -> None:
    world = _World({})
    world.copy.want("x", {"site/a": b"1", "site/b": b"1"})
    assert world.sent() == {"site/a": b"1", "site/b": b"1"}
    world.copy.want("x", {"site/b": b"2"})
    assert world.sent() == {"site/a": b"", "site/b": b"2"}


def test_a_mapping_changed_afterwards_changes_nothing() -> None:
    world = _World({})
    topics = {"site/a": b"1"}
    world.copy.want("x", topics)
    topics.clear()
    world.copy.want("x", {})

    assert not world.copy.tree.topics.keys() & {"site/a"}


def test_what_was_published_is_remembered_in_the_broker_before_it_is() -> None:
    world = _World({})
    world.copy.want("x", {"site/a": b"1"})
    topics = [message.topic.removeprefix("home/evcc/") for message in world.link.sent]

    assert topics == [PUBLISHED, "site/a"]
    assert "site/a" in orjson.loads(world.link.sent[0].payload)


def test_what_an_earlier_run_published_is_erased_when_evcc_is_complete() -> None:
    world = _World({PUBLISHED: b'["site/own/name"]', "site/own/name": b"1", "site/mine": b"1"})
    assert world.sent() == {}
    world.settled = True
    world.copy.sweep()

    assert world.sent() == {"site/own/name": b""}


# ghosts


def test_what_evcc_does_not_list_is_erased_at_once_and_leaves_wait() -> None:
    world = _World(
        {
            "vehicles/bike/title": b"1",
            "loadpoints/2/charger/own": b"1",
            "loadpoints/1/vehicleSoC": b"1",
            "loadpoints/1/charger/power": b"1",
        }
    )
    assert world.sent() == {"vehicles/bike/title": b"", "loadpoints/2/charger/own": b""}
    assert world.copy.sweep() == 1
    world.settled = True
    assert world.copy.sweep() == 0
    assert world.sent() == {"loadpoints/1/vehicleSoC": b""}
    world.copy.sweep()
    assert world.sent() == {}


def test_nothing_is_erased_before_evcc_has_answered() -> None:
    world = _World({"vehicles/bike/title": b"1", "site/gridPower": b"1"}, state={})
    world.settled = True
    world.copy.sweep()

    assert world.sent() == {}


@pytest.mark.parametrize("topic", ["other/site/gridPower", "mine", "status", "updated", "charger/1/power", "bridge/x"])
def test_nothing_outside_the_bridges_scopes_is_erased(topic: str) -> None:
    world = _World({topic: b"1", PUBLISHED: orjson.dumps([topic])})
    world.settled = True
    world.copy.sweep()

    assert topic not in world.sent()


def test_an_earlier_problem_is_erased() -> None:
    assert _World({"bridge/problem": b"old"}, state={}).sent() == {"bridge/problem": b""}


# what others write


def test_a_foreign_write_is_put_right_and_explained_for_a_while() -> None:
    world = _World({})
    world.copy.want("x", {"site/gridPower": b"1"})
    world.sent()
    world.hear("home/evcc/site/gridPower", b"5")
    assert world.sent() == {"site/gridPower": b"1"}
    assert "home/evcc/site/gridPower/set" in world.desk.problems["foreign"]
    world.tick(59)
    assert "foreign" in world.desk.problems
    world.tick(2)
    assert "foreign" not in world.desk.problems


def test_the_status_is_defended_without_a_word() -> None:
    world = _World({})
    world.copy.want("status", {"status": b"online"})
    world.sent()
    world.hear("home/evcc/status", b"offline")

    assert world.sent() == {"status": b"online"}
    assert world.desk.problems == {}


@pytest.mark.parametrize("topic", ["home/evcc/mine/x", "home/evcc", "home/evcc2/site/a", "evcc/site/a", "home/evcc/x"])
def test_what_others_publish_elsewhere_is_theirs(topic: str) -> None:
    world = _World({})
    world.settled = True
    world.hear(topic)

    assert world.sent() == {}
    assert world.desk.problems == {}


def test_evccs_own_mqtt_on_the_same_root_makes_us_give_way_and_say_so() -> None:
    world = _World({})
    world.copy.want("x", {f"site/value{number}": b"1" for number in range(20)})
    world.sent()
    world.clock.now += 100

    def evcc_publishes() -> None:
        world.hear("home/evcc/updated", b"1795608000")
        for number in range(20):
            world.hear(f"home/evcc/site/value{number}", b"2")

    evcc_publishes()
    world.tick()
    world.sent()
    assert "home/evcc" in world.desk.problems["evcc's own MQTT"]
    world.copy.want("x", {"site/value0": b"3"})
    world.copy.want("bridge/problem", {"bridge/problem": b"so"})
    assert world.sent() == {"bridge/problem": b"so"}
    for _ in range(30):
        evcc_publishes()
        world.tick(10)
    assert world.sent() == {}
    world.tick(200)
    assert "evcc's own MQTT" not in world.desk.problems
    assert world.sent()["site/value0"] == b"3"


def test_hundreds_of_foreign_values_are_one_short_problem() -> None:
    world = _World({})
    world.copy.want("x", {f"site/value{number}": b"1" for number in range(300)})
    world.sent()
    world.clock.now += 100
    for number in range(300):
        world.hear(f"home/evcc/site/value{number}", b"2")
    world.tick()

    assert len(world.desk.problems["foreign"]) < 200
    assert "evcc's own MQTT" not in world.desk.problems


# commands and answers


@pytest.mark.parametrize("stale", [True, False])
@pytest.mark.parametrize("retain", [True, False])
def test_commands_are_handed_on_below_the_root(*, stale: bool, retain: bool) -> None:
    world = _World({})
    message = Message("home/evcc/site/x/set", b"1", retain, 1, "answers", b"c", 60)
    world.copy._on_command(message, stale)

    assert world.desk.commands == [(Message("site/x/set", b"1", retain, 1, "answers", b"c", 60), stale)]
    assert world.sent() == {}


def test_requests_are_handed_on_too() -> None:
    world = _World({})
    world.copy._on_command(Message("home/evcc/bridge/request/state", b"{}"), False)

    assert world.desk.requests == [(Message("bridge/request/state", b"{}"), False)]


def test_answers_go_below_the_root_or_where_the_client_says() -> None:
    world = _World({})
    world.copy.send(Message("site/x/result", b"{}"))
    world.copy.respond("answers/1", b"{}", b"c")

    assert world.link.sent == [
        Message("home/evcc/site/x/result", b"{}"),
        Message("answers/1", b"{}", correlation=b"c"),
    ]


def test_without_a_connection_answers_are_lost() -> None:
    world = _World()
    world.copy.send(Message("site/x/result", b"{}"))
    world.copy.respond("answers/1", b"{}", None)
    world.copy.erase("site/x/set")

    assert world.link.sent == []


@pytest.mark.parametrize(
    ("topic", "may"),
    [
        ("answers/1", True),
        ("ü", True),
        ("x" * 1024, True),
        ("", False),
        ("a/#", False),
        ("+", False),
        ("a\0", False),
        ("x" * 1025, False),
        ("a/" * 300, False),  # mosquitto ends the connection for more than 200 levels
        ("zigbee2mqtt/lamp/set", False),
    ],
)
def test_where_an_answer_may_go(topic: str, *, may: bool) -> None:
    assert may_respond(topic) is may


@pytest.mark.parametrize(("topic", "may"), [("site/x", False), ("site/y", True), ("bridge/response/7", True)])
def test_an_answer_does_not_take_the_place_of_a_value(topic: str, *, may: bool) -> None:
    world = _World({})
    world.copy.want("a", {"site/x": b"1"})
    world.sent()
    assert world.copy.respond(f"home/evcc/{topic}", b"{}", None) is may

    assert world.sent() == ({topic: b"{}"} if may else {})


def test_an_answer_that_the_broker_would_end_the_connection_for_is_not_sent() -> None:
    world = _World({})
    world.link.largest = 100
    world.copy.respond("answers", b"{}", b"c" * 99)
    world.copy.send(Message("x" * 99, b"{}"))
    world.copy.respond("answers", b"{}", b"c" * 9)

    assert [message.topic for message in world.link.sent] == ["answers"]


@pytest.mark.parametrize(
    ("payload", "names"),
    [(b"", []), (b"x", []), (b"{}", []), (b"5", []), (b'["a",5,null,"b"]', ["a", "b"]), (b"\xff", [])],
)
def test_what_is_remembered_may_be_anybodys(payload: bytes, names: list[str]) -> None:
    assert _names(payload) == names


@given(st.binary())
def test_whatever_is_remembered_is_read(payload: bytes) -> None:
    assert all(isinstance(name, str) for name in _names(payload))


def test_what_an_earlier_run_remembered_is_not_forgotten_before_evcc_is_known() -> None:
    """A large house: its topics are many more than the few about the bridge itself, which come first."""
    memory = Memory()
    earlier = [f"loadpoints/{number}/mode" for number in range(5000)]
    assert memory.learn(orjson.dumps(earlier))
    assert "loadpoints/4999/mode" in memory
    assert not memory.learn(orjson.dumps(earlier))


def test_names_of_long_ago_are_forgotten_when_they_are_many() -> None:
    memory = Memory()
    for number in range(2000):
        memory.add([f"site/circuits/{number}/power"], {f"site/circuits/{number}/power"})
    assert len(list(memory)) < 1000
    assert "site/circuits/1999/power" in memory
