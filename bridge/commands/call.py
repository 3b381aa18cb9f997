"""The REST call that a command makes."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bridge.commands.value import Clear, Value
from bridge.settable.setting import Scope, Setting


@dataclass(frozen=True, slots=True)
class Target:
    """What a setting is set on: the site, a loadpoint by its number from 1, or a vehicle by its name."""

    scope: Scope
    name: str = ""

    @property
    def path(self) -> str:
        """The first segments of its calls."""
        return "/api" if self.scope is Scope.SITE else f"/api/{self.scope}/{segment(self.name)}"


@dataclass(frozen=True, slots=True)
class Call:
    """A request to evcc, its path percent-encoded."""

    method: str
    path: str
    json: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def call_for(setting: Setting, target: Target, value: Value | Clear) -> Call:
    """The call that sets a value, or clears it."""
    if isinstance(value, Clear):
        return Call("DELETE", f"{target.path}/{setting.clear}")
    fields = {name: segment(text) for name, text in value.fields.items()}
    return Call(setting.method, f"{target.path}/{setting.path.format_map(fields)}", value.body)


def segment(text: str) -> str:
    """Text as one segment of a path; only `.` and `..` cannot be one, and no name or value is these."""
    return quote(text, safe=":")
