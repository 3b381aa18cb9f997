"""Answers to commands: what evcc's reply means, and the JSON that the client gets."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from bridge.commands.call import Call
from bridge.commands.value import Clear, Value
from bridge.evcc.client import Reply

# a longer value is not worth repeating to the one who sent it
_LONGEST_VALUE = 1000


class Status(StrEnum):
    """What became of a command."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A status with its reason, and the HTTP status where evcc answered."""

    status: Status
    error: str | None = None
    http: int | None = None


STALE = Outcome(Status.STALE, "kept by the broker while nobody listened, and not executed")
SUPERSEDED = Outcome(Status.SUPERSEDED, "a newer command for the same setting came first")
STOPPING = Outcome(Status.FAILED, "bridge is stopping")


def judge(reply: Reply) -> Outcome:
    """What a reply means for the command; 5xx is for the caller to try again."""
    if reply.ok:
        return Outcome(Status.OK, http=reply.status)
    if 300 <= reply.status < 400:
        return Outcome(Status.FAILED, f"evcc's address redirects ({reply.status}), which is not followed", reply.status)
    if 400 <= reply.status < 500 and "html" not in reply.content_type.lower():
        return Outcome(Status.REFUSED, reply.error(), reply.status)
    kind = reply.content_type.partition(";")[0] or "no content type"
    return Outcome(Status.FAILED, f"no answer of evcc: HTTP {reply.status} with {kind}", reply.status)


def fields_of(outcome: Outcome, value: Value | Clear | str | None, call: Call | None, ms: float) -> dict[str, Any]:
    """The fields of an answer; `value` is text where it could not be read, `ms` counts from the arrival."""
    return {
        "status": outcome.status.value,
        "value": _shown(value),
        "call": None if call is None else str(call),
        "http": outcome.http,
        "error": outcome.error,
        "ms": round(ms, 1),
    }


def _shown(value: Value | Clear | str | None) -> Any:
    if isinstance(value, Value):
        short = not isinstance(value.shown, dict | list) or len(orjson.dumps(value.shown)) <= _LONGEST_VALUE
        return value.shown if short else None
    return value if isinstance(value, str) else None
