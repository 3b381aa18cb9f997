"""One setting of evcc, as a row of the table in bridge/settable/table.py."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.settable.kinds import Kind


class Scope(StrEnum):
    """What a setting belongs to; the value is the first level of its topics."""

    SITE = "site"
    LOADPOINT = "loadpoints"
    VEHICLE = "vehicles"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `leaf` is the topic's level below its scope. `path` and `clear` are the call's path below
    `/api`, `/api/loadpoints/<n>` or `/api/vehicles/<name>`: `{value}` (for plans the goal's
    key and `{time}`) is where the value goes, and without a field the value is the JSON body.
    `clear` is called with DELETE; empty: the setting cannot be cleared.
    `aliases` are accepted on /set as well, as is REST's own word: the path up to the value.
    `current` are the keys, in the scope's part of the state, where the value in force stands:
    the first that is there; none: the leaf itself. `needs` are keys of which evcc has one if it has this setting;
    none: every release has it. `once`: sent a single time, as a repetition would do harm.
    """

    scope: Scope
    leaf: str
    title: str
    kind: Kind
    path: str
    meaning: str
    current: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    clear: str = ""
    method: str = "POST"
    needs: tuple[str, ...] = ()
    once: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the state where the value in force stands, in the order to look."""
        return self.current or (self.leaf,)
