"""Document, tree and publisher against a model of the broker: whatever happens, it comes to hold evcc's state.

`FUZZ=100` in the environment makes a hundred times as many examples, and new ones each time, here and in every test
with Hypothesis.
"""

from collections import deque
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bridge.evcc.document import Document, parse
from bridge.mqtt.link import Done
from bridge.mqtt.message import Message
from bridge.mqtt.publisher import Publisher
from bridge.state.names import Selection
from bridge.state.tree import Tree
from bridge.state.units import Topics, changed, topics, units
from tests.mqtt.fakes import Clock, FakeLink, everything

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self.document = Document(_GRACE)
        self.tree = Tree()
        self.publisher = Publisher("evcc", self.tree.topics, qos=1, window=_WINDOW, now=self.clock)
        self.store: dict[str, bytes] = {}
        self.wire: FakeLink | None = None
        self.to_us: deque[Callable[[], Any]] = deque()
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
        """No frame tells."""
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
        old = self.document.state
        self.document.replace(parse(orjson.dumps(self.evcc)), self.clock())
        self._want(changed(old, self.document.state))

    @rule()
    def restarted(self) -> None:
        self.document.suspect()

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.clock.now += seconds
        self.publisher.tick()

    # the broker

    @precondition(lambda self: not self.wire)
    @rule()
    def connects(self) -> None:
        self.wire = FakeLink()
        self.publisher.attach(self.wire.link, self.store, everything)

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
            message, done = self.wire.waiting.pop(0)
            self._keep(message, done)

    @rule()
    def acknowledges_one(self) -> None:
        if self.to_us:
            self.to_us.popleft()()

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
        if self.document.state:  # the first full document comes by REST
            self._want(self.document.apply(deepcopy(frame)))

    def _want(self, changes: Any) -> None:
        touched: set[str] = set()
        for unit, value in changes:
            new = Topics({}, {}) if value is None else topics(unit, value, Selection())
            touched |= self.tree.replace(unit, *new)
        self.publisher.changed(sorted(touched))

    def _keep(self, message: Message, done: Done) -> None:
        topic = message.topic.removeprefix("evcc/")
        if message.payload:
            assert topic in _COUNTS or (topic, message.payload) in self.had, "no value that evcc ever had"
            self.store[topic] = message.payload
        else:
            self.store.pop(topic, None)
        self.to_us.append(lambda: done(None))

    def _let_all_through(self) -> None:
        while self.to_us or (self.wire and self.wire.waiting):
            self.takes_one()
            self.acknowledges_one()

    def _note(self) -> None:
        self.had |= _whole(self.evcc).items()


def _whole(state: dict[str, Any]) -> dict[str, bytes]:
    """The tree that a state makes from scratch."""
    tree = Tree()
    for unit, value in units(state):
        tree.replace(unit, *topics(unit, value, Selection()))
    return dict(tree.topics)


TestMirror = Mirror.TestCase
TestMirror.settings = settings(stateful_step_count=40)
