"""The judge of borrowed settings finds what it is there to find."""

import pytest

from tests.chaos.broken import DEADLINE, Broken
from tests.chaos.commander import BORROWED, FIRST, Command
from tests.chaos.loans import Loans, number, value_in
from tests.chaos.verdict import Answer

TOPIC = BORROWED[0]
LATER = 100 * DEADLINE
A, B, C, LENT = (FIRST + number for number in (1, 2, 3, 9))


def loans(*history: tuple[float, int], ok: bool = False) -> Loans:
    """A run in which `LENT` is borrowed, `A` and `C` are commands, and `B` is set by somebody else."""
    found = Loans()
    commands = [Command(value, TOPIC, b"", retain=False, sent=1.0, value=value) for value in (A, C)]
    commands.append(Command(LENT, TOPIC, b"", retain=False, sent=1.0, value=LENT, seconds=5))
    found.add(commands, {C: [Answer(2.0, "ok")]} if ok else {})
    found.record(TOPIC, [(at, b"%d" % value) for at, value in history])
    return found


def test_the_value_from_before_may_come_back() -> None:
    assert loans((0, A), (1, LENT), (LATER, A)).judge([]) == (1, 1)


def test_so_may_one_that_somebody_has_set_since() -> None:
    assert loans((0, A), (1, LENT), (LATER, B), (LATER + 1, LENT), (2 * LATER, B)).judge([LATER + 0.5]) == (2, 1)


def test_an_older_one_may_not_where_the_bridge_knew_the_newer_one() -> None:
    history = ((0, A), (1, LENT), (LATER, B), (LATER + 9, LENT), (2 * LATER, A))
    with pytest.raises(Broken, match=f"went back to {A}, though {B} had been set since"):
        loans(*history).judge([LATER + 5])
    loans(*history).judge([LATER - 5, LATER + 15])  # it did not know it


def test_an_older_one_may_not_where_the_bridge_has_set_the_newer_one() -> None:
    history = ((0.0, A), (1.0, LENT), (2.0, C), (LATER, A))
    with pytest.raises(Broken, match="went back"):
        loans(*history, ok=True).judge([])
    loans(*history).judge([])


def test_a_command_that_is_sent_again_sets_its_value_twice() -> None:
    loans((0.9, A), (1.5, B), (2.0, A)).judge([1.7])


def test_what_is_judged_is_not_judged_again() -> None:
    found = loans((0, A), (1, LENT), (LATER, A))
    assert found.judge([]) == (1, 1)
    found.record(TOPIC, [(0, b""), (LATER + 1, b"%d" % B)])
    assert found.judge([]) == (0, 0)
    found.forget()
    found.record(TOPIC, [(2 * LATER, b"%d" % A)])
    assert found.judge([LATER + 2]) == (0, 0)


def test_a_borrowed_value_that_is_left_is_found() -> None:
    document = {"loadpoints": [{"priority": LENT, "smartCostLimit": None}, {"priority": A}]}
    assert loans().left(document) == {TOPIC: LENT}
    assert value_in({}, TOPIC) == 0
    assert [number(payload) for payload in (b"", b"7", b"1.5", b"%d" % A)] == [0, 0, 0, A]
