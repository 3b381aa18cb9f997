"""The answer that each command gets, and the journal of the last ones."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from bridge.commands.blocked import CONFLICT, Blocked
from bridge.commands.command import Command, Outcome, Status
from bridge.commands.lender import Lender
from bridge.mqtt.message import Inbound
from bridge.mqtt.mirror import Mirror
from bridge.settable.loan import written
from bridge.settable.lookup import Found, is_evccs
from bridge.settable.value import Value
from bridge.util.redact import sanitize

LAST = "bridge/command"
"""The topic that holds the last answer."""
LEASE = "lease"
"""The origin of a command that gives a borrowed setting back."""

# a longer value is not worth repeating to the one who sent it
_LONGEST_VALUE = 1000
_LONGEST_TEXT = 60
_LONGEST_TOPIC = 1024
_MOST_ENTRIES = 200
# log lines in so many seconds
_LINES, _PERIOD = 20, 10.0
# seconds until the next look at whether there is room for answers
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Entry:
    """A command in the journal: when it was answered (unix seconds), its topic below the root, its payload, its answer.

    `found` is None where the topic was no setting. `origin` is `page`, `lease` for what the bridge gives back, or the
    response topic of an MQTT 5 client.
    """

    time: float
    topic: str
    payload: str
    found: Found | None
    answer: dict[str, Any]
    origin: str = ""

    def fields(self) -> dict[str, Any]:
        """The entry as JSON, as `bridge/journal` has it."""
        origin = {"origin": self.origin} if self.origin else {}
        return {"time": round(self.time, 3), "topic": self.topic, "payload": self.payload, **origin, **self.answer}

    @property
    def ok(self) -> bool:
        """Whether evcc did what was asked."""
        return bool(self.answer["status"] == Status.OK)


class Journal:
    """The last 200 commands that were answered, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=_MOST_ENTRIES)
        self.total = 0
        self._added = asyncio.Event()

    def add(self, entry: Entry) -> None:
        """Add an entry, and resume all that follow."""
        self.entries.append(entry)
        self.total += 1
        self._added.set()
        self._added = asyncio.Event()

    async def follow(self) -> AsyncIterator[Entry]:
        """Each entry that is added from now on; a reader that falls behind by more than 200 misses some."""
        seen = self.total
        while True:
            if self.total == seen:
                await self._added.wait()
            fresh = list(self.entries)[-(self.total - seen) :]
            seen = self.total
            for entry in fresh:
                yield entry


class Answers:
    """Publishes answers, counts them, and enters them in the journal and the log."""

    def __init__(self, mirror: Mirror, lender: Lender) -> None:
        self.counts: Counter[Status] = Counter()
        self.journal = Journal()
        self.blocked = Blocked()
        self._mirror = mirror
        self._lender = lender
        self._throttle = _Throttle()
        self._log = structlog.get_logger()

    def give(self, command: Command, outcome: Outcome) -> None:
        """Give a command its answer."""
        command.outcome = outcome
        if command.lease is not None or self._lender.leases:
            self._lender.answered(command, outcome)
        if self.blocked.known or outcome.http == CONFLICT:
            self.blocked.note(command, outcome)
        message = command.message
        if message is None:
            self._enter_lease(command, outcome)
            return
        now = asyncio.get_running_loop().time()
        answer = _fields(command, outcome, now)
        self.counts[outcome.status] += 1
        self._publish(message, answer)
        topic = message.topic.removesuffix("/set")[:_LONGEST_TOPIC]
        self._mirror.tree.set(LAST, {LAST: orjson.dumps({"topic": topic, **answer})})
        origin = command.origin or sanitize(message.response_topic or "", _LONGEST_TOPIC)
        self.journal.add(Entry(time.time(), topic, _shown(message.payload), command.found, answer, origin))
        if command.answered is not None and not command.answered.done():
            command.answered.set_result(answer)
        if self._throttle.allows(now):
            self._write(topic, answer)
        else:
            self._log.debug("command", topic=topic, status=outcome.status.value)

    async def room(self) -> None:
        """Let all else run, and wait while the broker takes answers more slowly than commands come."""
        await asyncio.sleep(0)
        while self._mirror.congested:  # noqa: ASYNC110 - it ends with acknowledgements, of which there are thousands
            await asyncio.sleep(_PAUSE)

    def _enter_lease(self, command: Command, outcome: Outcome) -> None:
        """Enter in the journal that a borrowed setting is given back, or that evcc refuses to be given it back."""
        lease = command.lease
        if (
            lease is None
            or command.repeats
            or outcome.http == CONFLICT
            or outcome.status not in {Status.OK, Status.REFUSED}
        ):
            return
        answer = _fields(command, outcome, asyncio.get_running_loop().time())
        self.journal.add(Entry(time.time(), lease.topic, _shown(written(lease.before)), command.found, answer, LEASE))

    def _publish(self, message: Inbound, answer: dict[str, Any]) -> None:
        payload = orjson.dumps(answer)
        self._mirror.send(f"{message.topic.removesuffix('/set')}/result", payload)
        if message.response_topic is not None:
            self._mirror.respond(message.response_topic, payload, message.correlation)
        if message.retain and is_evccs(message.topic):
            self._mirror.erase(message.topic)

    def _write(self, topic: str, answer: dict[str, Any]) -> None:
        level = "info" if answer["status"] in {Status.OK, Status.SUPERSEDED} else "warning"
        known = {key: answer[key] for key in ("status", "value", "call", "error", "ms") if answer[key] is not None}
        omitted = self._throttle.take_omitted()
        getattr(self._log, level)("command", topic=topic, **known, **({"omitted": omitted} if omitted else {}))


class _Throttle:
    """At most 20 log lines in 10 s; the others are counted."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._lines = 0
        self._omitted = 0

    def allows(self, now: float) -> bool:
        """Whether a line may be written now."""
        if now - self._began >= _PERIOD:
            self._began, self._lines = now, 0
        self._lines += 1
        self._omitted += self._lines > _LINES
        return self._lines <= _LINES

    def take_omitted(self) -> int:
        """How many lines were omitted since this was last called."""
        omitted, self._omitted = self._omitted, 0
        return omitted


def _fields(command: Command, outcome: Outcome, now: float) -> dict[str, Any]:
    """The fields of an answer; `ms` counts from the arrival."""
    return {
        "status": outcome.status.value,
        "value": _value(command),
        "call": None if command.call is None else str(command.call),
        "http": outcome.http,
        "error": outcome.error,
        "ms": round((now - command.arrived) * 1000, 1),
    }


def _value(command: Command) -> Any:
    """The value as it was read; as it came, shortened, where it could not be."""
    if isinstance(command.value, Value):
        value = command.value.shown
        short = not isinstance(value, dict | list) or len(orjson.dumps(value)) <= _LONGEST_VALUE
        return value if short else None
    return None if command.value or command.message is None else _shown(command.message.payload)


def _shown(payload: bytes) -> str:
    return sanitize(payload[: 4 * _LONGEST_TEXT + 4].decode(errors="replace"), _LONGEST_TEXT)
