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

_STATUS, _ONLINE, _OFFLINE = "evcc/status", b"online", b"offline"
_NUMBER = re.compile(r"\d+")
_SLACK = 2.0  # seconds in which an answer finds its way, on a machine that does much else
# seconds by which a call may be late: so long the bridge may stand still without noticing, and be busy besides
_LATE = 2.5


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one command."""

    at: float
    status: str


@dataclass(frozen=True, slots=True)
class Judged:
    """How much of invariant 3 was judged, that is: would have been found broken."""

    commands: int
    """To which both no answer and a second one would have been."""
    waiting: Sequence[Command] = ()
    """Those that are still due one."""


def went_offline(records: Iterable[Record], since: float) -> float | None:
    """When `status` was seen `offline` for the first time since a moment."""
    seen = (one.time for one in records if one.time >= since and (one.topic, one.payload) == (_STATUS, _OFFLINE))
    return next(seen, None)


def offline(records: Sequence[Record], what: str, since: float, limit: float) -> float:
    """Invariant 4: `status` went `offline` in time after `what` took somebody away, and stayed; after how long."""
    at = went_offline(records, since)
    if at is None or at - since > limit:
        when = "never" if at is None else f"only after {at - since:.2f} s"
        raise Broken(4, f"{what}: status was {when} offline, and should be within {limit:.2f} s")
    for one in records:
        if one.time > at and (one.topic, one.payload) == (_STATUS, _ONLINE):
            again = f"online again {one.time - at:.2f} s later"
            raise Broken(4, f"{what}: status was offline after {at - since:.2f} s, but {again}")
    return at - since


def values(records: Iterable[Record], truth: Truth, since: float) -> int:
    """Invariant 2: what a client saw live was evcc's value at some moment since, and it was erased only if gone.

    Returns how many values were judged.
    """
    judged = 0
    for record in records:
        topic = record.topic.removeprefix("evcc/")
        if record.stored or not record.retain or not state_topics({record.topic: b""}) or topic.endswith("/set"):
            continue
        if not topic.startswith(("site", "loadpoints", "vehicles")):
            continue
        judged += 1
        allowed = truth.values(topic, since)
        if record.payload not in allowed:
            shown = ", ".join(repr(one[:60]) for one in sorted(allowed)[:5])
            what = "was erased" if not record.payload else f"became {record.payload[:60]!r}"
            raise Broken(2, f"{topic} {what} at {record.time:.2f}, but evcc had {shown}")
    return judged


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
) -> Judged:
    """Invariant 3: exactly one answer to each command that surely reached the bridge.

    `reached` tells whether bridge, broker and recorder were connected all the time between two moments.
    """
    judged, waiting = 0, []
    for command in commands:
        if command.acknowledged is None or not (v5 or command.path):
            continue
        got = answered.get(command.number, ())
        until = command.acknowledged + DEADLINE + patient(_SLACK)
        if len(got) > 1 and reached(command.sent, got[-1].at):
            raise Broken(3, f"{len(got)} answers to {_shown(command)}: {[answer.status for answer in got]}")
        if not command.evccs or not reached(command.sent, min(until, now)):
            continue
        judged += 1
        if not got:
            if now > until:
                raise Broken(3, f"no answer to {_shown(command)}, sent {now - command.sent:.1f} s ago")
            waiting.append(command)
    return Judged(judged, waiting)


def calls(
    made: Iterable[Call],
    commands: Iterable[Command],
    answered: Mapping[int, Sequence[Answer]],
    *,
    late: Callable[[float, float], bool],
) -> Counter[str]:
    """Invariant 3: no call too late, none after its answer, none for a stale command, none out of order.

    Returns how many calls were judged for `order`, and how many of them for the `deadline`.

    `late` tells whether messages may have been under way for long between two moments.
    """
    by_path = {command.path: command for command in commands if command.path}
    latest: dict[str, Command] = {}
    judged: Counter[str] = Counter()
    for call in made:
        if (command := by_path.get(call.path)) is None:
            continue
        got = answered.get(command.number, ())
        judged["order"] += 1
        if command.acknowledged is not None and not late(command.sent, call.at):
            judged["deadline"] += 1
            if call.at > command.acknowledged + DEADLINE + patient(_LATE):
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
    return judged


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
