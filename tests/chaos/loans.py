"""Borrowed settings among faults: what evcc had of each, by its own record, and whether that is as it should be.

All values are numbers from one counter, so that a value shows whose it is. One that comes a second time was given back,
or a command that evcc did not answer was sent again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.broken import DEADLINE, Broken, patient
from tests.chaos.commander import BORROWED, FIRST, Command
from tests.chaos.verdict import Answer

_SLACK = 2.5  # seconds by which a call may be late


@dataclass(slots=True)
class Loans:
    """What is known of the borrowed settings of a run, from burst to burst."""

    borrowed: dict[int, Command] = field(default_factory=dict)
    plain: dict[int, Command] = field(default_factory=dict)
    carried_out: set[int] = field(default_factory=set)
    """The plain ones that were answered `ok`: the bridge knows of them."""
    _history: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    _judged: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, commands: Iterable[Command], answered: Mapping[int, Iterable[Answer]]) -> None:
        """Take the commands of a burst, with their answers."""
        for command in commands:
            if command.topic in BORROWED and command.value:
                (self.borrowed if command.seconds else self.plain)[command.value] = command
                if any(answer.status == "ok" for answer in answered.get(command.number, ())):
                    self.carried_out.add(command.value)

    def record(self, topic: str, history: Iterable[tuple[float, bytes]]) -> None:
        """Take what evcc has had since the last time, oldest first; 0 is any value that is none of the run's."""
        known = self._history[topic]
        last = known[-1][0] if known else float("-inf")
        known += [(at, number(payload)) for at, payload in history if at > last]

    def left(self, document: Mapping[str, Any]) -> dict[str, int]:
        """The topics that have a borrowed value in a state of evcc."""
        values = {topic: value_in(document, topic) for topic in BORROWED}
        return {topic: value for topic, value in values.items() if value in self.borrowed}

    def judge(self, known: Collection[float]) -> tuple[int, int]:
        """Invariant 6: after a loan the value is the one from before, or one that somebody set since.

        `known` are moments at which the bridge knew all that evcc had. Returns how many loans evcc took, and how many
        values came back.
        """
        lent = returned = 0
        for topic, history in self._history.items():
            new, self._judged[topic] = history[self._judged[topic] :], len(history)
            lent += sum(value in self.borrowed for _, value in new)
            returned += self._judge(topic, history, len(new), known)
        return lent, returned

    def forget(self) -> None:
        """Begin anew: what follows is not compared with what was before."""
        self._history.clear()
        self._judged.clear()

    def _judge(self, topic: str, history: list[tuple[float, int]], new: int, known: Collection[float]) -> int:
        """How many of the new values of a topic came back."""
        returned = 0
        for index in range(len(history) - new, len(history)):
            at, value = history[index]
            before = [entry for entry in range(index) if history[entry][1] not in self.borrowed]
            if value < FIRST or value not in {history[entry][1] for entry in before}:
                continue
            last = before[-1]
            if history[last][1] == value:
                returned += 1
            elif not self._is_late(value, at):
                self._check(topic, value, history[last], history[last + 1][0], known)
        return returned

    def _is_late(self, value: int, at: float) -> bool:
        """Whether it is a plain command that was sent so lately that it may be sent again."""
        command = self.plain.get(value)
        return command is not None and at - command.sent <= DEADLINE + patient(_SLACK)

    def _check(self, topic: str, value: int, other: tuple[float, int], end: float, known: Collection[float]) -> None:
        """Broken where `value` comes back after another one that the bridge knew, and that was there until `end`."""
        begin, newer = other
        if newer in self.carried_out or any(begin <= moment <= end for moment in known):
            raise Broken(6, f"{topic} went back to {value}, though {newer} had been set since, at {begin:.2f}")


def number(payload: bytes) -> int:
    """A value of the run, or 0."""
    return int(payload) if payload.isdigit() and int(payload) >= FIRST else 0


def value_in(document: Mapping[str, Any], topic: str) -> int:
    """The same of a topic in a state of evcc."""
    _, index, key = topic.split("/")
    loadpoints = document.get("loadpoints") or []
    found = loadpoints[int(index) - 1].get(key) if len(loadpoints) >= int(index) else None
    return number(str(found).encode())
