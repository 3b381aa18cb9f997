"""Whatever happens to the connection, and whoever else writes, the broker comes to hold what is desired."""

from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.mqtt import publisher as module
from bridge.mqtt.message import Acknowledged, Message
from bridge.mqtt.publisher import Publisher
from tests.mqtt.fakes import Clock, FakeLink, Timed, everything

_TOPICS = st.sampled_from("abcd")
_PAYLOADS = st.sampled_from([b"", b"1", b"2", b"3"])
_WINDOW = 3  # messages that may have arrived without an acknowledgement


class _Wire(FakeLink):
    """A link whose broker takes messages one by one, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.unacknowledged: dict[int, str] = {}

    def send(self, message: Message, **_: bool) -> int | None:
        assert message.topic not in self.unacknowledged.values(), "two payloads of one topic in flight"
        token = super().send(message)
        assert token is not None
        self.unacknowledged[token] = message.topic
        assert len(self.unacknowledged) <= module.WINDOW
        return token


class Convergence(RuleBasedStateMachine):
    """A publisher, a broker that takes its time, and others who write on the same topics."""

    @initialize(store=st.dictionaries(_TOPICS, st.sampled_from([b"1", b"9"])))
    def begin(self, store: dict[str, bytes]) -> None:
        self.desired: dict[str, bytes] = {}
        self.store = dict(store)
        self.clock = Clock()
        self.publisher = Timed(Publisher("evcc", self.desired, qos=1), self.clock)
        self.wire: _Wire | None = None
        self.to_us: deque[tuple[str, tuple[Any, ...]]] = deque()

    @rule(topics=st.dictionaries(_TOPICS, _PAYLOADS, min_size=1))
    def want(self, topics: dict[str, bytes]) -> None:
        for topic, payload in topics.items():
            if payload:
                self.desired[topic] = payload
            else:
                self.desired.pop(topic, None)
        self.publisher.changed(topics)

    @precondition(lambda self: not self.wire)
    @rule()
    def connect(self) -> None:
        self.wire = _Wire()
        self.publisher.begin()
        for topic, payload in self.store.items():
            self.publisher.note_stored(topic, payload)
        self.publisher.attach(self.wire.link, everything)

    @precondition(lambda self: self.wire)
    @rule(taken=st.integers(0, _WINDOW))
    def drop(self, taken: int) -> None:
        """The connection ends; what was on its way may have arrived, its acknowledgement has not."""
        for _ in range(taken):
            self.take()
        self.to_us.clear()
        self.wire = None
        self.publisher.detach()

    @precondition(lambda self: self.wire)
    @rule()
    def take(self) -> None:
        """The broker takes the next message."""
        if self.wire and self.wire.waiting:
            token, message = self.wire.waiting.pop(0)
            self._keep(message.topic.removeprefix("evcc/"), message.payload)
            self.to_us.append(("acknowledged", (token,)))

    @rule(topic=_TOPICS, payload=_PAYLOADS)
    def foreign(self, topic: str, payload: bytes) -> None:
        self._keep(topic, payload)
        if self.wire:
            self.to_us.append(("foreign", (topic, payload)))

    @rule()
    def receive(self) -> None:
        """The next that the broker has for us arrives."""
        match self.to_us.popleft() if self.to_us else ("", ()):
            case "acknowledged", (token,) if self.wire:
                del self.wire.unacknowledged[token]
                self.publisher.acknowledged(Acknowledged(token))
            case "foreign", (topic, payload):
                self.publisher.observe(topic, payload, ours=True, erasable=True)

    @rule(seconds=st.sampled_from([1.0, 5.0, 700.0]))
    def tick(self, seconds: float) -> None:
        self.clock.now += seconds
        self.publisher.tick()

    @rule()
    def repeat(self) -> None:
        self.publisher.republish(tuple(self.desired))

    @invariant()
    def nothing_held_is_empty(self) -> None:
        assert all(self.store.values())

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        if not self.wire:
            self.connect()
        for _ in range(30):
            self._let_all_through()
            self.tick(700.0)
        self._let_all_through()
        assert self.store == self.desired
        assert self.publisher.holds_everything

    def _let_all_through(self) -> None:
        while self.to_us or (self.wire and self.wire.waiting):
            self.take()
            self.receive()

    def _keep(self, topic: str, payload: bytes) -> None:
        if payload:
            self.store[topic] = payload
        else:
            self.store.pop(topic, None)


TestConvergence = Convergence.TestCase
TestConvergence.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
