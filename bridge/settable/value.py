"""What a payload was read as, and what reading depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import Enum
from typing import Any, Final

from bridge.state.state import SITE, Part, State, Target
from bridge.util.redact import sanitize

_LONGEST_SHOWN = 60


class Clear(Enum):
    """A setting that is to be cleared."""

    CLEAR = "clear"


CLEAR: Final = Clear.CLEAR


@dataclass(frozen=True, slots=True)
class Value:
    """A value that was read: `shown` in answers as JSON, the other fields for the call.

    `fields` are the texts for the call's path, `params` those of its query, `body` is its JSON body.
    """

    shown: Any
    fields: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What values depend on: the moment (aware), the zone of times that name none, evcc's state.

    `target` is whose value it is; `asked` is what the newest command of the same setting asks for that
    evcc's state may not show yet; `entry` is the number of the list's entry that is set.
    """

    now: datetime
    zone: tzinfo
    state: State = field(default_factory=State)
    target: Target = SITE
    asked: Value | Clear | None = None
    entry: int = 0

    @property
    def part(self) -> Part:
        """The target's part of the state; empty where evcc does not list it."""
        return self.state.find(self.target) or Part(self.target)


def shown(text: str) -> str:
    """A client's text as an answer repeats it: on one line, printable, short."""
    return sanitize(text[: _LONGEST_SHOWN + 1], _LONGEST_SHOWN)
