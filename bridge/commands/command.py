"""A command, and what became of it."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.commands.leases import Lease
from bridge.evcc.client import Call
from bridge.mqtt.message import Inbound
from bridge.settable.lookup import Found
from bridge.settable.value import Clear, Value
from bridge.state.state import State


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


STORED = Outcome(Status.STALE, "stored by the broker while nobody listened, and not carried out")
LATE = Outcome(Status.STALE, "read after its deadline, behind too many others, and not carried out")
SUPERSEDED = Outcome(Status.SUPERSEDED, "a newer command for the same setting came first")
STOPPING = Outcome(Status.FAILED, "bridge is stopping")
TOO_MANY = Outcome(Status.REFUSED, "too many commands")
DRY_RUN = Outcome(Status.REFUSED, "dry run: evcc was not called (commands.dry_run)")


@dataclass(frozen=True, slots=True)
class Recent:
    """What evcc has just been set to, the newest last: its state may still show what `state` does.

    `found` is the setting, `until` the time of the event loop at which a state must have been read to show all of it.
    """

    found: Found
    values: tuple[Value | Clear | None, ...]
    state: State
    until: float


@dataclass(slots=True, eq=False)
class Command:
    """A command: as it came, as it was read, and what became of it. Times are those of the event loop.

    `message` is None for one of the bridge's own, without an answer. `found`, `value` and `call` are
    None as long as it has not been read. `lease` is what it borrows, or what the bridge `repeats` or gives back.
    `tried`: evcc was asked, and its answer does not show whether it did it.
    `outcome` is None as long as it has no answer. `origin` is where it came from, where that is known; `answered` gets
    the answer of one that did not come by MQTT.
    """

    message: Inbound | None
    arrived: float
    deadline: float
    found: Found | None = None
    value: Value | Clear | None = None
    call: Call | None = None
    lease: Lease | None = None
    repeats: bool = False
    tried: bool = False
    outcome: Outcome | None = None
    origin: str = ""
    answered: asyncio.Future[dict[str, Any]] | None = None
