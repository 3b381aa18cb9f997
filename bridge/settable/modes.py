"""Modes as evcc has them from 0.316 on, set at an evcc from before: for clients whose contract is a newer release."""

from dataclasses import replace

from bridge.errors import Refused
from bridge.settable.lookup import ROWS, Found
from bridge.settable.offered import exists
from bridge.settable.value import Clear, Context, Value
from bridge.state.rules import Release

SINCE: Release = (0, 316, 0)
"""The release that brought the mode `smart` and `alwaysCharge`."""
MODE = "mode"

_ALWAYS = "alwaysCharge"
_PLAIN, _ALWAYS_ON = "pv", "minpv"
_SOLAR = (_PLAIN, _ALWAYS_ON)


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
        return found, replace(value, fields={"value": solar}) if asked == "smart" else value
    if mode not in _SOLAR:
        raise Refused(f"alwaysCharge needs the mode smart; {always.instead}")
    word = _PLAIN if asked == "off" else _ALWAYS_ON
    return Found(ROWS[target.scope][MODE], target), replace(value, fields={"value": word})


def _mode(context: Context) -> str:
    """The mode that evcc has, or is about to."""
    asked = context.asked
    return asked.fields["value"] if isinstance(asked, Value) else context.part.text(MODE)
