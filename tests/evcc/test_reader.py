"""The reader: polls and push frames become updates, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest

from bridge.errors import EvccError, Invalid, NotReady, Unreachable
from bridge.evcc.reader import Reader, Update
from bridge.settings import Evcc
from bridge.util.diagnostics import Diagnostics
from tests.virtual import in_virtual_time

_LOADPOINT = {f"value{number}": number for number in range(12)}
_STATE: dict[str, Any] = {"version": "1", "interval": 10, "pvPower": 1, "loadpoints": [_LOADPOINT], "vehicles": {}}


def _body(**more: Any) -> bytes:
    return orjson.dumps({**_STATE, **more})


class _Client:
    """Answers with `body` until it is another one; what is asked for is counted."""

    def __init__(self) -> None:
        self.body: bytes | EvccError = _body()
        self.asked: list[float] = []
        self.held: asyncio.Event | None = None
        self.explaining = 0.0  # seconds

    async def state(self) -> bytes:
        self.asked.append(asyncio.get_running_loop().time())
        body = self.body
        if self.held:
            await self.held.wait()
        if isinstance(body, EvccError):
            raise body
        return body

    async def explained(self, error: EvccError) -> EvccError:
        if isinstance(error, Unreachable):
            await asyncio.sleep(self.explaining)
            self.body = Unreachable(f"{error}, explained")  # known from now on
            return self.body
        return error


class _World:
    """A running reader without push, whose frames are the test's, and the updates that came."""

    def __init__(self, **options: Any) -> None:
        self.client = _Client()
        self.diagnostics = Diagnostics()
        settings = Evcc(interval=10, push_interval=30, timeout=5, push="off", **options)
        self.reader = Reader(self.client, settings, self.diagnostics)  # type: ignore[arg-type]
        self.updates: list[Update] = []

    async def follow(self) -> None:
        async for update in self.reader.updates():
            self.updates.append(update)

    def frame(self, frame: dict[str, Any]) -> None:
        """A push frame, as it comes from `/ws`."""
        self.reader._take_frame(frame)

    async def poll(self, body: bytes | EvccError) -> None:
        """A poll at once that is answered with `body`; only its updates are there afterwards."""
        self.updates.clear()
        self.client.body = body
        self.reader.refresh()
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)

    @property
    def changed(self) -> dict[str, Any]:
        return {
            "/".join(filter(None, (change.target.topic, change.key))): change.new
            for update in self.updates
            for change in update.changes
        }

    @property
    def restarts(self) -> int:
        return sum(update.restarted for update in self.updates)


def _run(test: Callable[[_World], Awaitable[None]], *, known: bool = True, **options: Any) -> None:
    async def main() -> None:
        world = _World(**options)
        tasks = [asyncio.create_task(world.reader.run()), asyncio.create_task(world.follow())]
        if known:
            await asyncio.sleep(0.001)
            world.updates.clear()
        await test(world)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    in_virtual_time(main())


def test_the_first_poll_brings_everything() -> None:
    async def test(world: _World) -> None:
        assert not world.reader.state
        await asyncio.sleep(0.001)
        [update] = world.updates
        assert update.state is world.reader.state
        assert update.state.document() == _STATE
        assert {"site/pvPower", "loadpoints", "loadpoints/1/value0", "vehicles"} <= world.changed.keys()
        assert (update.complete, update.restarted) == (True, False)
        assert (world.reader.health.word, world.reader.health.fresh) == ("online", True)

    _run(test, known=False)


def test_it_polls_every_interval_and_gives_nothing_where_nothing_changed() -> None:
    async def test(world: _World) -> None:
        await asyncio.sleep(60)
        assert world.client.asked == pytest.approx([0, 10, 20, 30, 40, 50, 60], abs=0.1)
        assert world.reader.polls == 7
        assert world.reader.health.seen == pytest.approx(60, abs=0.1)
        settled = world.updates.pop()
        assert (settled.changes, world.reader.settled) == ((), True)
        assert world.updates == []

    _run(test)


def test_a_poll_with_the_same_bytes_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(world: _World) -> None:
        monkeypatch.setattr("bridge.evcc.reader.parse", None)
        await asyncio.sleep(20)
        assert world.reader.polls == 3

    _run(test)


def test_a_poll_brings_what_has_changed() -> None:
    async def test(world: _World) -> None:
        await world.poll(_body(pvPower=2))
        assert world.changed == {"site/pvPower": 2}

    _run(test)


def test_a_poll_overrides_earlier_frames() -> None:
    async def test(world: _World) -> None:
        world.frame({"pvPower": 2})
        await world.poll(_body())
        assert world.reader.state.site.get("pvPower") == 1

    _run(test)


def test_several_changes_become_one_update_while_its_consumer_is_busy() -> None:
    async def test(world: _World) -> None:
        world.frame({"pvPower": 2})
        world.frame({"pvPower": 3, "loadpoints.0.value1": 5})
        world.frame({"loadpoints.0.value1": 1})
        await asyncio.sleep(0.001)
        [update] = world.updates
        [change] = update.changes
        assert (change.key, change.old, change.new) == ("pvPower", 1, 3)

    _run(test)


@pytest.mark.parametrize(
    ("body", "word"),
    [(b"", "invalid"), (b"<html>", "invalid"), (b"[]", "invalid"), (b'{"version":"1","fatal":"x"}', "fatal")],
)
def test_a_body_that_is_no_state_leaves_what_is_known(body: bytes, word: str) -> None:
    async def test(world: _World) -> None:
        await world.poll(body)
        await asyncio.sleep(2)
        assert world.reader.state.document() == _STATE
        assert world.reader.health.word == word
        assert not world.reader.complete
        await world.poll(_body())
        await asyncio.sleep(5)
        assert (world.reader.health.word, world.reader.complete) == ("online", True)
        assert world.changed == {}

    _run(test)


def test_a_broken_configuration_from_the_start() -> None:
    async def test(world: _World) -> None:
        world.client.body = b'{"version":"1","fatal":[{"class":"meter","error":"no"}]}'
        await asyncio.sleep(0.001)
        assert (world.reader.health.word, world.reader.health.reason) == ("fatal", "meter no")
        assert not world.reader.state
        assert len(world.updates) == 1

    _run(test, known=False)


def test_one_failed_poll_is_a_sign_of_a_restart_and_the_second_makes_evcc_unreachable() -> None:
    async def test(world: _World) -> None:
        await world.poll(Unreachable("x"))
        assert (world.reader.complete, world.reader.health.fresh, world.restarts) == (False, True, 1)
        await asyncio.sleep(2)
        assert (world.reader.health.word, world.reader.health.fresh) == ("unreachable", False)
        world.client.body = NotReady("x")
        await asyncio.sleep(4)
        assert world.reader.health.word == "starting"
        assert world.restarts == 1
        assert world.reader.state.document() == _STATE

    _run(test)


def test_a_failure_counts_before_it_is_explained() -> None:
    async def test(world: _World) -> None:
        world.client.explaining = 5
        await world.poll(Unreachable("x"))
        await asyncio.sleep(2)
        assert (world.reader.health.fresh, world.reader.health.reason) == (False, "x")
        await asyncio.sleep(5)
        assert world.reader.health.reason == "x, explained"

    _run(test)


def test_failures_are_tried_again_soon_but_not_at_once_however_often_one_asks() -> None:
    async def test(world: _World) -> None:
        world.client.asked.clear()
        await world.poll(Unreachable("x"))
        for _ in range(20):
            world.reader.refresh()
            await asyncio.sleep(0.01)
        assert len(world.client.asked) == 1
        await asyncio.sleep(30)
        assert 10 < len(world.client.asked) < 25

    _run(test)


def test_while_evcc_starts_values_stay_until_the_grace_period_is_over() -> None:
    less = orjson.dumps({key: value for key, value in _STATE.items() if key != "pvPower"})

    async def test(world: _World) -> None:
        await world.poll(Unreachable("x"))
        world.client.body = less
        await asyncio.sleep(29)
        assert (world.reader.health.word, world.reader.health.fresh, world.reader.complete) == ("starting", True, False)
        assert not world.reader.settled
        assert world.changed == {}
        await asyncio.sleep(2.5)  # though the same bytes come again and again
        assert list(world.changed) == ["site/pvPower"]
        assert (world.reader.health.word, world.reader.complete) == ("online", True)
        assert world.client.asked[-1] == pytest.approx(0.8 + 30, abs=0.3)

    _run(test)


def test_a_restart_between_two_polls_is_noted_once() -> None:
    async def test(world: _World) -> None:
        await world.poll(_body(loadpoints=[{}]))
        assert (world.restarts, world.reader.complete) == (1, False)
        await world.poll(_body(loadpoints=[{}]))
        await world.poll(_body())
        assert (world.restarts, world.reader.complete) == (0, True)
        await world.poll(_body(version="2"))
        assert world.restarts == 1

    _run(test)


# push


def test_frames_before_the_first_answer_wait_for_it() -> None:
    async def test(world: _World) -> None:
        world.frame({"pvPower": 2, "loadpoints.0.mode": "pv"})
        assert not world.reader.state
        assert not world.reader.push_alive

    _run(test, known=False)


def test_a_frame_brings_its_own_values() -> None:
    async def test(world: _World) -> None:
        world.frame({"pvPower": 2})
        await asyncio.sleep(0.001)
        assert world.changed == {"site/pvPower": 2}

    _run(test)


def test_a_frame_that_repeats_keeps_the_data_fresh() -> None:
    async def test(world: _World) -> None:
        world.client.held = asyncio.Event()
        for _ in range(30):
            await asyncio.sleep(10)
            world.frame({"pvPower": 1})
        assert world.reader.health.word == "online"
        assert world.reader.health.seen == pytest.approx(300, abs=10.1)
        assert world.changed == {}

    _run(test)


def test_frames_make_polls_rare_and_a_lost_connection_makes_them_frequent() -> None:
    async def test(world: _World) -> None:
        world.reader._connect_push()
        assert world.reader.interval == 10
        world.frame({})
        assert world.reader.interval == 30
        world.reader._lose_push(Unreachable("x"))
        assert world.reader.interval == 10

    _run(test)


def test_what_only_a_poll_has_seen_shows_that_push_is_dead() -> None:
    async def test(world: _World) -> None:
        world.frame({"pvPower": 2})
        await world.poll(_body(pvPower=2))
        assert world.reader.push_alive
        await world.poll(_body(pvPower=3))
        assert not world.reader.push_alive

    _run(test)


def test_a_connection_is_followed_by_a_poll_and_so_is_its_loss() -> None:
    async def test(world: _World) -> None:
        world.reader._connect_push()
        await asyncio.sleep(0.001)
        assert len(world.client.asked) == 2
        world.client.held = asyncio.Event()
        world.reader._lose_push(Unreachable("x"))
        await asyncio.sleep(0.001)
        assert len(world.client.asked) == 3
        assert not world.reader.complete
        assert world.restarts == 1

    _run(test)


def test_a_push_that_never_was_is_no_sign_of_a_restart() -> None:
    async def test(world: _World) -> None:
        world.reader._lose_push(NotReady("404"))
        world.reader._lose_push(Unreachable("x"))
        await asyncio.sleep(0.001)
        assert (world.reader.complete, world.restarts, len(world.client.asked)) == (True, 0, 1)

    _run(test)


def test_push_is_tried_again_when_evcc_is_back() -> None:
    async def test(world: _World) -> None:
        world.reader._lose_push(NotReady("404"))
        await world.poll(Unreachable("x"))
        assert not world.reader._push._retry.is_set()
        world.client.body = _body()
        await asyncio.sleep(2)
        assert world.reader._push._retry.is_set()

    _run(test)


@pytest.mark.parametrize(("push", "text"), [("on", "no push here"), ("auto", "")])
def test_push_that_is_wanted_and_missing_is_a_problem_while_evcc_answers(push: str, text: str) -> None:
    async def main() -> None:
        diagnostics = Diagnostics()
        client = _Client()
        reader = Reader(client, Evcc(push=push), diagnostics)  # type: ignore[arg-type]
        reader._lose_push(NotReady("no push here"))
        assert diagnostics.text == ""
        await reader._poll_once()
        assert diagnostics.text == text
        reader._connect_push()
        await reader._poll_once()
        assert diagnostics.text == ""

    in_virtual_time(main())


def test_after_a_command_the_new_value_is_read_where_no_push_brings_it() -> None:
    async def test(world: _World) -> None:
        world.reader.after_command()
        await asyncio.sleep(0.001)
        assert len(world.client.asked) == 2
        world.frame({})
        world.reader.after_command()
        await asyncio.sleep(0.001)
        assert len(world.client.asked) == 2

    _run(test)


def test_data_is_stale_when_what_should_have_come_has_not() -> None:
    async def test(world: _World) -> None:
        world.client.held = asyncio.Event()
        await asyncio.sleep(28)
        assert world.reader.health.word == "online"
        await asyncio.sleep(4)
        assert world.reader.health.word == "stale"
        assert world.updates

    _run(test)


def test_an_evcc_that_hangs_is_stale_and_is_asked_at_once_when_it_hangs_no_more() -> None:
    async def test(world: _World) -> None:
        world.reader.hung(True)
        await asyncio.sleep(0.001)
        assert (world.reader.health.word, world.reader.health.fresh, world.reader.complete) == ("stale", False, True)
        assert len(world.client.asked) == 1
        await world.poll(_body())
        assert world.reader.health.word == "stale"
        world.reader.hung(False)
        await asyncio.sleep(0.001)
        assert (world.reader.health.word, len(world.client.asked)) == ("online", 3)
        world.reader.hung(False)
        await asyncio.sleep(0.001)
        assert len(world.client.asked) == 3

    _run(test)


def test_the_reason_is_that_of_the_last_failure() -> None:
    async def test(world: _World) -> None:
        await world.poll(Invalid("one"))
        world.client.body = Invalid("two")
        await asyncio.sleep(2)
        assert world.reader.health.reason == "two"

    _run(test)


# frames that come while a poll is under way


async def _overtaken(world: _World, frame: dict[str, Any], body: bytes) -> None:
    world.client.held, world.client.body = asyncio.Event(), body
    world.reader.refresh()
    await asyncio.sleep(0.001)
    world.frame(frame)
    world.updates.clear()
    world.client.held.set()
    await asyncio.sleep(0.001)
    world.client.held = None


def test_a_frame_that_overtakes_an_answer_is_newer() -> None:
    async def test(world: _World) -> None:
        await _overtaken(world, {"pvPower": 2, "loadpoints.0.value1": 7, "new": 1}, _body())
        assert world.reader.state.site.get("pvPower") == 2
        assert world.reader.state.loadpoints[0].get("value1") == 7
        assert world.reader.state.site.get("new") == 1
        await asyncio.sleep(31)  # the next poll decides
        assert world.reader.state.document() == _STATE

    _run(test)


def test_a_frame_that_overtakes_an_answer_brings_nothing_back_that_went() -> None:
    async def test(world: _World) -> None:
        await world.poll(_body(gridPower=1))
        await _overtaken(world, {"gridPower": 2}, _body())
        assert "gridPower" not in world.reader.state.site

    _run(test)


def test_what_overtook_an_answer_is_looked_at_again_in_the_next_though_its_bytes_are_the_same() -> None:
    async def test(world: _World) -> None:
        await _overtaken(world, {"pvPower": 2}, _body())
        assert world.reader.state.site.get("pvPower") == 2
        await asyncio.sleep(31)
        assert world.reader.state.site.get("pvPower") == 1
        assert world.reader.push_alive

    _run(test)


# bounds


def test_what_is_left_out_is_named_once_and_until_it_is_over() -> None:
    async def test(world: _World) -> None:
        await world.poll(_body(loadpoints=[{"mode": "pv"}] * 20_000))
        assert "20000" in world.diagnostics.text
        assert len(world.reader.state.loadpoints) == 500
        world.frame({f"k{number}": 1 for number in range(20_000)})
        assert "keys of site" in world.diagnostics.text
        await world.poll(_body())
        assert world.diagnostics.text == ""

    _run(test)
