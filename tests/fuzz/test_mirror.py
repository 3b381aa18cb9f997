"""State, desired topics and publisher against a model of the broker: whatever happens, it comes to hold evcc's state.

`FUZZ=100` in the environment makes a hundred times as many examples, and new ones each time, here and in every test
with Hypothesis.
"""

from collections import deque
from copy import deepcopy
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bridge.evcc.startup import Startup
from bridge.mqtt.desired import Desired
from bridge.mqtt.message import Acknowledged, Message
from bridge.mqtt.publisher import Publisher
from bridge.state.document import from_document, parse
from bridge.state.flatten import Layout
from bridge.state.merge import filled_frame
from bridge.state.names import Selection
from bridge.state.state import State, changes
from tests.mqtt.fakes import Clock, FakeLink, Timed, everything

_GRACE = 10.0
_WINDOW = 4
_COUNTS = {"loadpoints", "vehicles"}  # while evcc starts, of what it has and of what it is still missing
# a key keeps the kind of its values: other kinds are not believed
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "homePower": st.none() | st.integers(-3, 3) | st.floats(-2, 2).map(lambda value: round(value, 4)),
    "gridPower": st.integers(0, 3),
    "grid": st.fixed_dictionaries({"power": st.integers(0, 3)}, optional={"energy": st.integers(0, 3)}),
    "siteTitle": st.sampled_from(["", "home", "a/b", "2026-11-25T12:00:00Z"]),
    "circuits": st.dictionaries(st.sampled_from("xy"), st.fixed_dictionaries({"power": st.integers(0, 3)}), max_size=2),
    "chargeCurrents": st.lists(st.integers(0, 3), min_size=3, max_size=3),
    "greenShare": st.lists(st.integers(0, 3), max_size=3),
    "forecast": st.dictionaries(
        st.sampled_from(["grid", "solar"]), st.lists(st.fixed_dictionaries({"start": st.just(1), "end": st.just(2)}))
    ),
}
_LOADPOINT: dict[str, st.SearchStrategy[Any]] = {
    "mode": st.sampled_from(["off", "pv"]),
    "chargePower": st.integers(0, 3),
    "phases": st.integers(0, 3),
    "plan": st.none() | st.lists(st.fixed_dictionaries({"start": st.just(1), "end": st.integers(1, 2)}), min_size=1),
}
_VEHICLE = st.fixed_dictionaries({"title": st.sampled_from(["", "car"])}, optional={"minSoc": st.integers(0, 3)})
_NAMES = st.sampled_from(["bike", "db:5", "a/b"])


def _one(values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.one_of(*(st.tuples(st.just(key), strategy) for key, strategy in values.items()))


class Mirror(RuleBasedStateMachine):
    """evcc by poll and push, the bridge's pure parts, and a broker whose connection comes and goes."""

    @initialize(loadpoints=st.integers(0, 2))
    def begin(self, loadpoints: int) -> None:
        self.evcc: dict[str, Any] = {"version": "1", "loadpoints": [{"mode": "pv"} for _ in range(loadpoints)]}
        self.clock = Clock()
        self.startup = Timed(Startup(_GRACE), self.clock)
        self.state = State()
        self.layout = Layout(Selection(), aliases=True)
        self.desired = Desired()
        self.publisher = Timed(Publisher("evcc", self.desired.topics, qos=1), self.clock)
        self.store: dict[str, bytes] = {}
        self.wire: FakeLink | None = None
        self.to_us: deque[int] = deque()
        self.had: set[tuple[str, bytes]] = set()
        self._note()

    # evcc

    @rule(pair=_one(_VALUES), pushed=st.booleans())
    def a_value(self, pair: tuple[str, Any], *, pushed: bool) -> None:
        key, value = pair
        self.evcc[key] = value
        self._note()
        if pushed and key == "forecast":
            self._push({f"forecast.{name}": child for name, child in value.items()})
        elif pushed:
            self._push({key: value})

    @precondition(lambda self: self.evcc["loadpoints"])
    @rule(data=st.data(), pair=_one(_LOADPOINT), pushed=st.booleans())
    def a_loadpoints_value(self, data: st.DataObject, pair: tuple[str, Any], *, pushed: bool) -> None:
        index = data.draw(st.integers(0, len(self.evcc["loadpoints"]) - 1))
        self.evcc["loadpoints"][index][pair[0]] = pair[1]
        self._note()
        if pushed:
            self._push({f"loadpoints.{index}.{pair[0]}": pair[1]})

    @rule(name=_NAMES, vehicle=_VEHICLE, pushed=st.booleans())
    def a_vehicle(self, name: str, vehicle: dict[str, Any], *, pushed: bool) -> None:
        self.evcc.setdefault("vehicles", {})[name] = vehicle
        self._note()
        if pushed:
            self._push({"vehicles": self.evcc["vehicles"]})

    @rule(data=st.data())
    def something_goes(self, data: st.DataObject) -> None:
        """No frame shows it."""
        places = [self.evcc, *self.evcc["loadpoints"], self.evcc.get("vehicles", {})]
        place = data.draw(st.sampled_from([one for one in places if one]))
        keys = [key for key in place if key not in {"version", "loadpoints"}]
        if keys:
            del place[data.draw(st.sampled_from(sorted(keys)))]
            self._note()

    @rule(more=st.booleans())
    def a_loadpoint_comes_or_goes(self, *, more: bool) -> None:
        if more:
            self.evcc["loadpoints"].append({"mode": "off"})
        elif self.evcc["loadpoints"]:
            self.evcc["loadpoints"].pop()
        self._note()

    @rule()
    def polled(self) -> None:
        self._move_to(self.startup.accept(self.state, parse(orjson.dumps(self.evcc))))

    @rule()
    def restarted(self) -> None:
        self.startup.note_sign()

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.clock.now += seconds
        self.publisher.tick()

    # the broker

    @precondition(lambda self: not self.wire)
    @rule()
    def connects(self) -> None:
        self.wire = FakeLink()
        self.publisher.begin()
        for topic, payload in self.store.items():
            self.publisher.note_stored(topic, payload)
        self.publisher.attach(self.wire.link, everything)

    @precondition(lambda self: self.wire)
    @rule(taken=st.integers(0, _WINDOW))
    def is_lost(self, taken: int) -> None:
        """What was on its way may have arrived; its acknowledgement has not."""
        for _ in range(taken):
            self.takes_one()
        self.to_us.clear()
        self.wire = None
        self.publisher.detach()

    @precondition(lambda self: not self.wire)
    @rule()
    def loses_its_store(self) -> None:
        self.store.clear()

    @precondition(lambda self: self.wire)
    @rule()
    def takes_one(self) -> None:
        if self.wire and self.wire.waiting:
            token, message = self.wire.waiting.pop(0)
            self._keep(message)
            self.to_us.append(token)

    @rule()
    def acknowledges_one(self) -> None:
        if self.to_us:
            self.publisher.acknowledged(Acknowledged(self.to_us.popleft()))

    # what must hold

    def teardown(self) -> None:
        if not hasattr(self, "evcc"):
            return
        if not self.wire:
            self.connects()
        self.polled()
        self.clock.now += 2 * _GRACE
        self.polled()
        self._let_all_through()
        assert self.store == _whole(self.evcc)

    def _push(self, frame: dict[str, Any]) -> None:
        if self.state:  # the first full document comes by REST
            frame = deepcopy(frame)
            self._move_to(self.state.merged(filled_frame(self.state, frame) if self.startup.starting else frame))

    def _move_to(self, state: State) -> None:
        touched: set[str] = set()
        for change in changes(self.state, state):
            touched |= self.desired.replace(change.source, *self.layout.topics(change))
        self.state = state
        self.publisher.changed(sorted(touched))

    def _keep(self, message: Message) -> None:
        topic = message.topic.removeprefix("evcc/")
        if message.payload:
            assert topic in _COUNTS or (topic, message.payload) in self.had, "no value that evcc ever had"
            self.store[topic] = message.payload
        else:
            self.store.pop(topic, None)

    def _let_all_through(self) -> None:
        while self.to_us or (self.wire and self.wire.waiting):
            self.takes_one()
            self.acknowledges_one()

    def _note(self) -> None:
        self.had |= _whole(self.evcc).items()


def _whole(document: dict[str, Any]) -> dict[str, bytes]:
    """The topics that a state has from scratch."""
    desired, state = Desired(), from_document(deepcopy(document))
    for source, topics in Layout(Selection(), aliases=True).everything(state).items():
        desired.replace(source, *topics)
    return dict(desired.topics)


TestMirror = Mirror.TestCase
TestMirror.settings = settings(stateful_step_count=40)
