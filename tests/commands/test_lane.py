from bridge.commands.call import Target, call_for
from bridge.commands.find import Found
from bridge.commands.lane import Command, Lane
from bridge.commands.value import plain
from bridge.settable.setting import Scope
from bridge.settable.table import SETTINGS

ROWS = {row.leaf: row for row in SETTINGS if row.scope is Scope.LOADPOINT}


def command(leaf: str, value: str = "1", deadline: float = 10) -> Command:
    found = Found(ROWS[leaf], Target(Scope.LOADPOINT, "1"))
    return Command(found, plain(value), call_for(*found, plain(value)), 0, deadline)


def leaves(lane: Lane) -> list[str]:
    return list(lane.waiting)


def test_commands_wait_in_their_order() -> None:
    lane = Lane()
    assert [lane.add(command(leaf)) for leaf in ("mode", "limitSoc", "priority")] == [None] * 3
    assert [lane.take().found.setting.leaf for _ in range(3)] == ["mode", "limitSoc", "priority"]


def test_a_newer_command_takes_its_own_place_and_gives_back_the_older() -> None:
    lane = Lane()
    older = command("mode", "pv")
    lane.add(older)
    lane.add(command("limitSoc"))
    assert lane.add(command("mode", "now")) is older
    assert leaves(lane) == ["limitSoc", "mode"]


def test_what_is_put_back_comes_first_again() -> None:
    lane = Lane()
    lane.add(command("mode"))
    taken = lane.take()
    lane.add(command("limitSoc"))
    assert lane.put_back(taken)
    assert leaves(lane) == ["mode", "limitSoc"]


def test_what_has_a_newer_one_is_not_put_back() -> None:
    lane = Lane()
    lane.add(command("mode", "pv"))
    taken = lane.take()
    newer = command("mode", "now")
    lane.add(newer)
    assert not lane.put_back(taken)
    assert lane.take() is newer


def test_what_is_late_is_taken_out() -> None:
    lane = Lane()
    early, late = command("mode", deadline=5), command("limitSoc", deadline=8)
    lane.add(early)
    lane.add(late)
    assert lane.expire(5) == [early]
    assert leaves(lane) == ["limitSoc"]


def test_draining_gives_everything_the_current_one_first() -> None:
    lane = Lane()
    lane.add(command("mode"))
    lane.add(command("limitSoc"))
    current = lane.take()
    assert lane.drain()[0] is current
    assert lane.drain() == []
