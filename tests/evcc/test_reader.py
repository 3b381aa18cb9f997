from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from bridge.errors import EvccError, Invalid, NotReady, Unreachable
from bridge.evcc.client import Client
from bridge.evcc.document import State
from bridge.evcc.reader import Reader
from bridge.settings import Evcc

_LOADPOINT = {f"value{number}": number for number in range(12)}
_STATE: dict[str, Any] = {"version": "1", "interval": 10, "pvPower": 1, "loadpoints": [_LOADPOINT], "vehicles": {}}


@dataclass
class _Sink:
    """Notes what it is told."""

    changes: dict[str, Any] = field(default_factory=dict)
    documents: list[tuple[State, State]] = field(default_factory=list)
    restarts: int = 0
    healths: int = 0

    def units(self, changes: Iterable[tuple[str, Any]]) -> None:
        self.changes = dict(changes)

    def document(self, old: State, new: State) -> None:
        self.documents.append((old, new))

    def health(self) -> None:
        self.healths += 1

    def evcc_restarted(self) -> None:
        self.restarts += 1


class _World:
    """A reader whose polls and frames are the test's, with a clock that stands still."""

    def __init__(self, **options: Any) -> None:
        self.time = 1000.0
        self.sink = _Sink()
        self.settings = Evcc(interval=10, push_interval=30, timeout=5, **options)
        self.reader = Reader(Client(self.settings), self.settings, self.sink, lambda: self.time)

    def poll(self, *, after: float = 0.0, **more: Any) -> None:
        self.body(orjson.dumps({**_STATE, **more}), after=after)

    def body(self, body: bytes, *, after: float = 0.0) -> None:
        """A poll, as the poller tells it."""
        self.time += after
        self.sink.changes = {}
        try:
            self.reader.polled(body)
        except EvccError as error:
            self.reader.poll_failed(error)

    def fail(self, error: EvccError) -> None:
        self.reader.poll_failed(error)

    @property
    def asked_for_a_poll(self) -> bool:
        wake = self.reader._poller._wake
        asked = wake.is_set()
        wake.clear()
        return asked


@pytest.fixture
def world() -> _World:
    return _World()


@pytest.fixture
def known(world: _World) -> _World:
    """A world that knows the state."""
    world.poll()
    return world


def test_the_first_poll_brings_everything(world: _World) -> None:
    world.poll()

    assert world.sink.documents == [({}, _STATE)]
    assert {"site/pvPower", "loadpoints", "loadpoints/1/value0", "vehicles"} <= world.sink.changes.keys()
    assert (world.reader.health.word, world.reader.health.fresh) == ("online", True)
    assert world.reader.first_document == 1000.0


def test_a_poll_with_the_same_bytes_is_not_even_read(known: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.evcc.reader.parse", None)
    known.poll(after=10)

    assert known.sink.changes == {}
    assert known.reader.health.seen == 1010.0
    assert known.reader.polls == 2


def test_a_poll_brings_what_has_changed(known: _World) -> None:
    known.poll(pvPower=2)

    assert known.sink.changes == {"site/pvPower": {"pvPower": 2}}


def test_a_poll_has_the_last_word_over_frames(known: _World) -> None:
    known.reader.frame({"pvPower": 2})
    known.poll()

    assert known.sink.changes == {"site/pvPower": {"pvPower": 1}}


@pytest.mark.parametrize(
    ("body", "word"),
    [(b"", "invalid"), (b"<html>", "invalid"), (b"[]", "invalid"), (b'{"version":"1","fatal":"x"}', "fatal")],
)
def test_a_body_that_is_no_state_leaves_what_is_known(known: _World, body: bytes, word: str) -> None:
    for _ in range(2):
        known.body(body)

    assert known.reader.state == _STATE
    assert known.reader.health.word == word
    assert known.reader.starting
    known.poll()
    assert known.reader.health.word == "online"
    assert known.sink.changes == {}


def test_a_broken_configuration_from_the_start(world: _World) -> None:
    world.body(b'{"version":"1","fatal":[{"class":"meter","error":"no"}]}')

    assert (world.reader.health.word, world.reader.health.reason) == ("fatal", "meter no")
    assert world.reader.state == {}


def test_one_failed_poll_is_a_sign_of_a_restart_and_the_second_makes_evcc_unreachable(known: _World) -> None:
    known.fail(Unreachable("x"))
    assert known.reader.starting
    assert known.reader.health.fresh
    known.fail(Unreachable("x"))
    assert known.reader.health.word == "unreachable"
    assert known.sink.restarts == 1
    known.fail(NotReady("x"))
    assert known.reader.health.word == "starting"
    assert not known.reader.health.fresh
    assert known.sink.restarts == 1


def test_after_a_restart_the_same_bytes_complete_it(known: _World) -> None:
    known.fail(Unreachable("x"))
    known.poll()

    assert not known.reader.starting
    assert known.reader.health.word == "online"


def test_while_evcc_starts_it_is_starting_and_values_stay(known: _World) -> None:
    known.fail(Unreachable("x"))
    known.body(b'{"version":"1","loadpoints":[{}]}')

    assert known.reader.health.word == "starting"
    assert known.reader.health.fresh
    assert known.reader.state == _STATE


def test_the_grace_period_ends_though_evcc_sends_the_same_bytes(known: _World) -> None:
    known.fail(Unreachable("x"))
    less = orjson.dumps({key: value for key, value in _STATE.items() if key != "pvPower"})
    for _ in range(4):
        known.body(less, after=9)
        assert known.sink.changes == {}
    known.body(less, after=9)
    assert known.sink.changes == {"site/pvPower": None}
    assert known.reader.health.word == "online"


def test_a_poll_comes_when_the_grace_period_ends(known: _World) -> None:
    known.reader.frame({"pvPower": 2})
    assert known.reader._until_next_poll() == 30
    known.fail(Unreachable("x"))
    assert known.reader._until_next_poll() == 30
    known.body(orjson.dumps({key: value for key, value in _STATE.items() if key != "pvPower"}))
    grace = known.reader.grace
    assert known.reader.starting
    for passed in (grace - 10, grace):
        known.time = 1000 + passed
        assert known.reader._until_next_poll() == pytest.approx(grace - passed, abs=0.02)
    known.body(orjson.dumps(_STATE))
    assert known.reader._until_next_poll() == known.reader.interval


def test_frames_before_the_first_document_wait_for_it(world: _World) -> None:
    world.reader.frame({"pvPower": 2, "loadpoints.0.mode": "pv"})

    assert world.reader.state == {}
    assert world.sink.changes == {}
    assert not world.reader.push_alive


def test_a_frame_touches_its_own_units(known: _World) -> None:
    known.reader.frame({"pvPower": 2})

    assert known.sink.changes == {"site/pvPower": {"pvPower": 2}}
    assert known.sink.documents[-1] == (_STATE, {**_STATE, "pvPower": 2})


def test_a_frame_that_repeats_keeps_the_data_fresh(known: _World) -> None:
    seen = len(known.sink.documents)
    known.time += 60
    known.reader.frame({"pvPower": 1})

    assert len(known.sink.documents) == seen
    assert known.reader.health.seen == known.time


def test_frames_make_polls_rare_and_a_lost_connection_makes_them_frequent(known: _World) -> None:
    assert known.reader.interval == 10
    known.reader.push_up()
    assert known.reader.interval == 10
    known.reader.frame({})
    assert known.reader.interval == 30
    known.reader.push_down(Unreachable("x"))
    assert known.reader.interval == 10


def test_what_only_a_poll_has_seen_shows_that_push_is_dead(known: _World) -> None:
    known.reader.push_up()
    known.reader.frame({"pvPower": 2})
    known.reader.polling()
    known.poll(pvPower=2)
    assert known.reader.push_alive
    known.poll(pvPower=3)

    assert not known.reader.push_alive


def test_a_connection_is_followed_by_a_poll_and_so_is_its_loss(known: _World) -> None:
    known.reader.push_up()
    assert known.asked_for_a_poll
    known.reader.push_down(Unreachable("x"))
    assert known.asked_for_a_poll
    assert known.reader.starting
    assert known.sink.restarts == 1


def test_a_push_that_never_was_is_no_sign_of_a_restart(known: _World) -> None:
    known.reader.push_down(NotReady("404"))
    known.reader.push_down(Unreachable("x"))

    assert not known.reader.starting
    assert known.sink.restarts == 0
    assert not known.asked_for_a_poll


def test_push_is_tried_again_when_evcc_is_back(known: _World) -> None:
    known.reader.push_down(NotReady("404"))
    known.fail(Unreachable("x"))
    assert not known.reader._push._retry.is_set()
    known.poll()

    assert known.reader._push._retry.is_set()


def test_after_a_command_the_new_value_is_read_where_no_push_brings_it(known: _World) -> None:
    known.reader.after_command()
    assert known.asked_for_a_poll
    known.reader.frame({})
    known.reader.after_command()
    assert not known.asked_for_a_poll


def test_a_refresh_reads_the_same_bytes_again(known: _World) -> None:
    known.reader.refresh()
    assert known.asked_for_a_poll
    seen = known.reader._last_body
    assert seen == b""


@pytest.mark.parametrize(("push", "limit"), [(False, 30.0), (True, 70.0)])
def test_data_is_stale_when_what_should_have_come_has_not(known: _World, *, push: bool, limit: float) -> None:
    if push:
        known.reader.frame({})
    known.time += limit
    known.reader.tick()
    assert known.reader.health.word == "online"
    known.time += 0.1
    known.reader.tick()
    assert known.reader.health.word == "stale"


def test_a_restart_between_two_polls_is_told(known: _World) -> None:
    known.poll(loadpoints=[{}], after=10)
    assert known.reader.starting
    assert known.sink.restarts == 1
    known.poll(loadpoints=[{}], after=1)
    known.poll(after=1)
    assert known.sink.restarts == 1

    known.poll(version="2", after=10)
    assert known.sink.restarts == 2


def test_when_evcc_is_well_again_it_is_asked_at_once(known: _World) -> None:
    known.reader.well(False)
    assert not known.asked_for_a_poll
    known.reader.well(True)
    assert known.asked_for_a_poll
    known.reader.well(True)
    assert not known.asked_for_a_poll


def test_values_of_a_wrong_type_are_named(known: _World) -> None:
    known.poll(pvPower="much")

    assert known.reader.disbelieved == ["pvPower"]
    assert known.reader.state["pvPower"] == 1


def test_invalid_is_told_by_its_reason(known: _World) -> None:
    known.fail(Invalid("one"))
    known.fail(Invalid("two"))

    assert known.reader.health.reason == "two"


def test_a_frame_that_overtakes_a_poll_is_newer() -> None:
    world = _World()
    world.poll()
    world.reader.polling()
    world.reader.frame({"pvPower": 2, "loadpoints.0.value1": 7})
    world.poll()
    assert world.reader.state["pvPower"] == 2
    assert world.reader.state["loadpoints"][0]["value1"] == 7
    assert not world.sink.changes


def test_what_overtook_a_poll_is_looked_at_again_in_the_next() -> None:
    world = _World()
    world.poll()
    world.reader.polling()
    world.reader.frame({"pvPower": 2})
    for _ in range(2):
        world.poll()
        world.reader.polling()
    assert world.reader.state["pvPower"] == 1
    assert world.reader.push_alive


def test_a_poll_that_was_asked_for_after_a_frame_is_newer() -> None:
    world = _World()
    world.poll()
    world.reader.frame({"pvPower": 2})
    world.reader.polling()
    world.poll()
    assert world.reader.state["pvPower"] == 1


def test_a_frame_that_overtakes_a_poll_brings_nothing_back_that_went() -> None:
    world = _World()
    world.poll(gridPower=1)
    world.reader.polling()
    world.reader.frame({"gridPower": 2})
    world.poll()
    assert "gridPower" not in world.reader.state
