"""What a payload was read as, and what reading depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import Enum
from typing import Any, Final


class Clear(Enum):
    """A setting that is to be cleared."""

    CLEAR = "clear"


CLEAR: Final = Clear.CLEAR


@dataclass(frozen=True, slots=True)
class Value:
    """A value that was read: `shown` in answers as JSON, `fields` for the call's path, `body` as its JSON body."""

    shown: Any
    fields: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class Context:
    """What values mean depends on: the moment (aware), the zone of times that name none, evcc's state.

    `part` is what the state says about the target alone, `asked` what was asked of the setting just before.
    """

    now: datetime
    zone: tzinfo
    state: Mapping[str, Any] = field(default_factory=dict)
    part: Mapping[str, Any] = field(default_factory=dict)
    asked: Value | Clear | None = None


def plain(text: str) -> Value:
    """A value that stands in the path as it is shown."""
    return Value(text, {"value": text})
