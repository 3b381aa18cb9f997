"""Which settings may be set, by the options `commands.*`."""

import re
from dataclasses import dataclass
from fnmatch import translate

from bridge.errors import Refused
from bridge.settable.lookup import Found, spellings
from bridge.settings import Commands


@dataclass(frozen=True, slots=True)
class Permission:
    """What `commands.enabled`, `allow` and `deny` permit; globs over topics, with or without `/set`.

    A glob means the setting, whichever of its names it is written with.
    """

    enabled: bool = True
    allowed: re.Pattern[str] | None = None
    denied: re.Pattern[str] | None = None

    @classmethod
    def of(cls, options: Commands) -> "Permission":
        """Read the globs, in any case of letters."""
        return cls(options.enabled, _any_of(options.allow), _any_of(options.deny))

    def allows(self, found: Found) -> bool:
        """Whether a setting may be set."""
        try:
            self.check(found)
        except Refused:
            return False
        return True

    def check(self, found: Found, written: str = "") -> None:
        """Refused when a setting may not be set.

        `written` is the topic as a client wrote it, possibly below `by-title/`, without `/set`.
        """
        if not self.enabled:
            raise Refused("commands are switched off (commands.enabled)")
        if self.allowed is self.denied is None:  # nearly always, and the names take time
            return
        topics = [*spellings(found), written or found.topic]
        if self.denied is not None and any(map(self.denied.match, topics)):
            raise Refused(f"{found.topic} may not be set (commands.deny)")
        if self.allowed is not None and not any(map(self.allowed.match, topics)):
            raise Refused(f"{found.topic} may not be set (commands.allow)")


FREE = Permission()
"""Everything may be set."""


def _any_of(globs: tuple[str, ...]) -> re.Pattern[str] | None:
    if not globs:
        return None
    return re.compile("|".join(translate(glob.removesuffix("/set")) for glob in globs), re.IGNORECASE)
