"""Judges what was recorded: pure, so that the judge itself can be tried."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from tests.broker.client import Record
from tests.chaos.broken import DEADLINE, Broken, patient
from tests.chaos.commander import ANSWERS, Command
from tests.chaos.links import Call
from tests.chaos.truth import Truth
from tests.site.running import state_topics

_NUMBER = re.compile(r"\d+")
_SLACK = 2.0  # seconds in which an answer finds its way, on a machine that does much else
# seconds by which a call may be late: so long the bridge may stand still without noticing, and be busy besides
_LATE = 2.5


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one command."""

    at: float
    status: str


def values(records: Iterable[Record], truth: Truth, since: float) -> None:
    """Invariant 2: what a client saw live was evcc's value at some moment since, and it was erased only if gone."""
    for record in records:
        topic = record.topic.removeprefix("evcc/")
        if record.stored or not record.retain or not state_topics({record.topic: b""}) or topic.endswith("/set"):
            continue
        if not topic.startswith(("site", "loadpoints", "vehicles")):
            continue
        allowed = truth.values(topic, since)
        if record.payload not in allowed:
            shown = ", ".join(repr(one[:60]) for one in sorted(allowed)[:5])
            what = "was erased" if not record.payload else f"became {record.payload[:60]!r}"
            raise Broken(2, f"{topic} {what} at {record.time:.2f}, but evcc had {shown}")


def answers(records: Iterable[Record], commands: Iterable[Command], *, v5: bool) -> dict[int, list[Answer]]:
    """The answers by command: by correlation data, which a bridge on 3.1.1 does not see, else by topic and value."""
    found: dict[int, list[Answer]] = defaultdict(list)
    by_value = {
        (command.topic, command.path.rpartition("/")[2]): command.number for command in commands if command.path
    }
    for record in records:
        if v5 and record.topic == ANSWERS:
            if record.correlation is not None:
                found[int(record.correlation)].append(_answer(record))
        elif not v5 and record.topic.endswith("/result"):
            topic = record.topic.removeprefix("evcc/").removesuffix("/result")
            shown = _NUMBER.search(str(orjson.loads(record.payload)["value"]))
            if shown and (number := by_value.get((topic, shown[0]))) is not None:
                found[number].append(_answer(record))
    return found


def one_answer(
    commands: Iterable[Command],
    answered: Mapping[int, Sequence[Answer]],
    *,
    reached: Callable[[float, float], bool],
    now: float,
    v5: bool,
) -> list[Command]:
    """Invariant 3: exactly one answer to each command that surely reached the bridge; returns those still due one.

    `reached` tells whether bridge, broker and recorder were connected all the time between two moments.
    """
    waiting = []
    for command in commands:
        if command.acknowledged is None or not (v5 or command.path):
            continue
        got = answered.get(command.number, ())
        until = command.acknowledged + DEADLINE + patient(_SLACK)
        if len(got) > 1 and reached(command.sent, got[-1].at):
            raise Broken(3, f"{len(got)} answers to {_shown(command)}: {[answer.status for answer in got]}")
        if not got and command.evccs and reached(command.sent, min(until, now)):
            if now > until:
                raise Broken(3, f"no answer to {_shown(command)}, sent {now - command.sent:.1f} s ago")
            waiting.append(command)
    return waiting


def calls(
    made: Iterable[Call],
    commands: Iterable[Command],
    answered: Mapping[int, Sequence[Answer]],
    *,
    late: Callable[[float, float], bool],
) -> None:
    """Invariant 3: no call too late, none after its answer, none for a stale command, none out of order.

    `late` tells whether messages may have been under way for long between two moments.
    """
    by_path = {command.path: command for command in commands if command.path}
    latest: dict[str, Command] = {}
    for call in made:
        if (command := by_path.get(call.path)) is None:
            continue
        got = answered.get(command.number, ())
        due = call.at if command.acknowledged is None else command.acknowledged + DEADLINE + patient(_LATE)
        if call.at > due and not late(command.sent, call.at):
            raise Broken(3, f"called {call.at - command.sent:.2f} s after {_shown(command)} was sent")
        for answer in got:
            if call.at > answer.at:
                raise Broken(3, f"called after {_shown(command)} was answered {answer.status}")
            if answer.status == "stale" and not command.retain:
                raise Broken(3, f"called though {_shown(command)} was stale")
        before = latest.setdefault(command.target, command)
        if _surely_before(command, before):
            raise Broken(3, f"{_shown(command)} was called after {_shown(before)}, which came later")
        latest[command.target] = command


def statuses(answered: Mapping[int, Sequence[Answer]]) -> Counter[str]:
    """How many answers there were of each status."""
    return Counter(answer.status for got in answered.values() for answer in got)


def _surely_before(one: Command, other: Command) -> bool:
    """Whether `one` came to the broker before `other`, whatever happened on the way."""
    return one.acknowledged is not None and one.acknowledged < other.sent


def _answer(record: Record) -> Answer:
    return Answer(record.time, orjson.loads(record.payload)["status"])


def _shown(command: Command) -> str:
    return f"command {command.number} ({command.topic} = {command.payload[:40]!r}{', retained' * command.retain})"
