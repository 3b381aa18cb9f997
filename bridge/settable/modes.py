"""Modes of before 0.316 and from then on, where client and evcc do not have the same: to set, and to borrow."""

from dataclasses import replace
from typing import Any

from bridge.errors import Refused
from bridge.settable.lookup import ROWS, Found
from bridge.settable.offered import exists
from bridge.settable.value import Clear, Context, Value
from bridge.state.rules import Release
from bridge.state.state import Part

SINCE: Release = (0, 316, 0)
"""The release that brought the mode `smart` and `alwaysCharge`."""
MODE = "mode"

_ALWAYS = "alwaysCharge"
_PLAIN, _ALWAYS_ON = "pv", "minpv"
_SOLAR = (_PLAIN, _ALWAYS_ON)
_SMART = "smart"


def for_evcc(found: Found, value: Value | Clear, context: Context) -> tuple[Found, Value | Clear]:
    """What reaches the evcc that is running: `smart` is `pv`, or still `minpv`; to charge always is `minpv`.

    `context.asked` is what was last asked of the mode. Refused where there is no such mode: an evcc from before
    cannot keep `alwaysCharge` while it is off or charges fast.
    """
    leaf, target = found.setting.leaf, found.target
    always = ROWS[target.scope].get(_ALWAYS.lower())
    if leaf not in {MODE, _ALWAYS} or always is None or not context.state:
        return found, value
    if exists(always, context.part, context.state.version) or isinstance(value, Clear):
        return found, value
    mode, asked = _mode(context), value.fields["value"]
    if leaf == MODE:
        solar = mode if mode in _SOLAR else _PLAIN
        return found, replace(value, fields={"value": solar}) if asked == _SMART else value
    if mode not in _SOLAR:
        raise Refused(f"alwaysCharge needs the mode smart; {always.instead}")
    word = _PLAIN if asked == "off" else _ALWAYS_ON
    return Found(ROWS[target.scope][MODE], target), replace(value, fields={"value": word})


def is_older(found: Found, word: Any, part: Part, version: str) -> bool:
    """Whether a word is `pv` or `minpv` at an evcc that makes `smart` and `alwaysCharge` of it."""
    always = ROWS[found.target.scope].get(_ALWAYS.lower())
    return found.setting.leaf == MODE and word in _SOLAR and always is not None and exists(always, part, version)


def in_older_words(mode: Any, part: Part) -> Any:
    """The mode of such an evcc in one word: `smart` is `minpv` while it always charges, else `pv`."""
    if mode != _SMART:
        return mode
    return _ALWAYS_ON if part.get(_ALWAYS) in {"on", "once"} else _PLAIN


def check_lendable(word: str, part: Part) -> None:
    """Refused where one of the older words cannot be borrowed: to set `mode` again would not undo it.

    From 0.316 on it also sets `alwaysCharge`, and only `pv` and `minpv` set that again, to `off` and `on`.
    """
    always, mode = part.get(_ALWAYS), part.get(MODE)
    if (mode == _SMART and always in {"off", "on"}) or (word == _PLAIN and always == "off"):
        return
    raise Refused(f"mode cannot be borrowed with {word} now, as alwaysCharge would not go back: borrow smart instead")


def _mode(context: Context) -> str:
    """The mode that evcc has, or is about to."""
    asked = context.asked
    return asked.fields["value"] if isinstance(asked, Value) else context.part.text(MODE)
