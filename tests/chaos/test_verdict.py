"""The judge finds what he is there to find."""

from collections.abc import Iterable, Sequence

import orjson
import pytest

from tests.broker.client import Record
from tests.chaos import verdict
from tests.chaos.broken import DEADLINE, Broken
from tests.chaos.commander import ANSWERS, Command
from tests.chaos.links import Call, Continuity
from tests.chaos.truth import Truth

_LATER = 100 * DEADLINE


def _command(number: int, at: float, *, topic: str = "site/residualPower", retain: bool = False) -> Command:
    return Command(number, topic, b"1", retain, f"/api/{number}", at, at + 0.01)


def _answer(at: float, status: str = "ok") -> verdict.Answer:
    return verdict.Answer(at, status)


def _record(topic: str, payload: bytes, *, at: float = 10.0, correlation: bytes | None = None) -> Record:
    return Record(topic, payload, topic != ANSWERS, 0, stored=False, time=at, correlation=correlation)


def _truth(*values: tuple[float, float | None]) -> Truth:
    truth = Truth()
    truth.read(
        {"at": at, "state": {"loadpoints": []} | ({} if value is None else {"homePower": value})}
        for at, value in values
    )
    return truth


@pytest.mark.parametrize(
    ("payload", "truth"),
    [(b"1", [(0, 1)]), (b"1", [(0, 1), (9, 2)]), (b"", [(0, 1), (9, None)]), (b"", [(9, 1)])],
)
def test_a_value_that_evcc_had_is_well(payload: bytes, truth: Sequence[tuple[float, float | None]]) -> None:
    verdict.values([_record("evcc/site/homePower", payload)], _truth(*truth), since=8.0)


@pytest.mark.parametrize(
    ("payload", "truth"),
    [(b"3", [(0, 1), (9, 2)]), (b"", [(0, 1), (9, 2)]), (b"1", [(0, 1), (5, 2)]), (b"1", [(0, None)])],
)
def test_a_value_that_evcc_did_not_have_is_not(payload: bytes, truth: Sequence[tuple[float, float | None]]) -> None:
    with pytest.raises(Broken, match="invariant 2: site/homePower"):
        verdict.values([_record("evcc/site/homePower", payload)], _truth(*truth), since=8.0)


def test_answers_are_found_by_correlation_or_by_value() -> None:
    command = _command(7, 1.0)
    body = orjson.dumps({"status": "ok", "value": 7})
    records = [_record(ANSWERS, body, correlation=b"7"), _record("evcc/site/residualPower/result", body)]
    for v5 in (True, False):
        found = verdict.answers(records, [command], v5=v5)
        assert [answer.status for answer in found[7]] == ["ok"]


def _judged(commands: Iterable[Command], *answers: verdict.Answer, reached: bool = True, now: float = _LATER) -> int:
    judged = verdict.one_answer(commands, {1: answers}, reached=lambda *_: reached, now=now, v5=True)
    return len(judged.waiting)


def test_exactly_one_answer_where_nothing_was_lost() -> None:
    command = _command(1, 1.0)
    assert _judged([command], _answer(2.0)) == 0
    assert _judged([command], now=2.0) == 1
    assert _judged([command], reached=False) == 0
    assert _judged([command], _answer(2.0), _answer(3.0), reached=False) == 0
    with pytest.raises(Broken, match="no answer"):
        _judged([command])
    with pytest.raises(Broken, match="2 answers"):
        _judged([command], _answer(2.0), _answer(3.0))


def _called(*calls: tuple[float, int], answers: dict[int, list[verdict.Answer]] | None = None) -> None:
    commands = [_command(1, 1.0), _command(2, 2.0), _command(3, 2.0, topic="loadpoints/1/enableDelay")]
    made = [Call(at, "POST", f"/api/{number}") for at, number in calls]
    verdict.calls(made, commands, answers or {}, late=lambda *_: False)


def test_calls_in_order_and_in_time_are_well() -> None:
    _called((1.1, 1), (1.2, 1), (2.1, 3), (2.2, 2), answers={1: [_answer(1.3)]})


@pytest.mark.parametrize(
    ("calls", "answers", "words"),
    [
        ([(2.1, 2), (2.2, 1)], {}, "which came later"),
        ([(1.1, 1), (1.3, 1)], {1: [_answer(1.2, "superseded")]}, "was answered superseded"),
        ([(1.1, 1)], {1: [_answer(1.2, "stale")]}, "was stale"),
        ([(1.0 + _LATER, 1)], {}, "after command 1"),
    ],
)
def test_other_calls_are_not(
    calls: list[tuple[float, int]], answers: dict[int, list[verdict.Answer]], words: str
) -> None:
    with pytest.raises(Broken, match=words):
        _called(*calls, answers=answers)


def test_what_held_is_known_from_what_broke() -> None:
    continuity = Continuity()
    assert not continuity.held(0.0, 1.0)
    continuity.proved(1.0)
    continuity.broke(5.0)
    assert continuity.held(2.0, 4.0)
    assert not continuity.held(2.0, 6.0)
    assert not continuity.held(6.0, 7.0)


def _status(*told: tuple[float, bytes]) -> list[Record]:
    return [_record("evcc/status", payload, at=at) for at, payload in told]


def test_offline_in_time_is_well_and_its_delay_is_known() -> None:
    records = _status((1.0, b"offline"), (2.0, b"online"), (12.5, b"offline"), (13.0, b"offline"))
    assert verdict.went_offline(records, 10.0) == 12.5
    assert verdict.offline(records, "a fault", 10.0, limit=3.0) == 2.5


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], "never offline"),
        ([(9.0, b"offline")], "never offline"),
        ([(11.0, b"online")], "never offline"),
        ([(13.5, b"offline")], "only after 3.50 s offline"),
        ([(11.0, b"offline"), (12.0, b"online")], "online again 1.00 s later"),
    ],
)
def test_offline_too_late_or_not_for_long_is_not(told: list[tuple[float, bytes]], words: str) -> None:
    with pytest.raises(Broken, match=words):
        verdict.offline(_status(*told), "a fault", 10.0, limit=3.0)


def test_what_could_not_be_found_broken_does_not_count_as_judged() -> None:
    commands = [_command(1, 1.0), _command(2, 2.0)]
    answered = {1: [_answer(1.1)], 2: [_answer(2.1)]}
    judged = verdict.one_answer(commands, answered, reached=lambda begin, _: begin > 1.5, now=_LATER, v5=True)
    assert judged == verdict.Judged(1, [])
    calls = [Call(1.05, "POST", "/api/1"), Call(2.05, "POST", "/api/2"), Call(2.06, "POST", "/api/nobody's")]
    assert verdict.calls(calls, commands, answered, late=lambda begin, _: begin < 1.5) == {"order": 2, "deadline": 1}
    records = [_record("evcc/site/homePower", b"1"), _record("evcc/bridge/evcc", b"online")]
    assert verdict.values(records, _truth((0, 1)), since=8.0) == 1
