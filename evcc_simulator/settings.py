"""The settings that evcc takes: how each is spelt in the path, what it is in the state, and what evcc refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evcc_simulator.call import Call, Handler, boolean, decimal, mode, whole
from evcc_simulator.messages import Answer, Refusal

Read = Callable[[str], Any]
Rule = Callable[[Call, Any], None]

_PHASES = (0, 1, 3)
_NANOSECONDS = 1_000_000_000


def _priority_soc(call: Call, value: float) -> None:
    if call.current("bufferSoc") and value > call.current("bufferSoc"):
        raise Refusal("priority soc must be smaller or equal than buffer soc")


def _buffer_soc(call: Call, value: float) -> None:
    if value and value < call.current("prioritySoc"):
        raise Refusal("buffer soc must not be smaller than priority soc")
    if call.current("bufferStartSoc") and value > call.current("bufferStartSoc"):
        raise Refusal("buffer soc must be smaller or equal than buffer start soc")


def _buffer_start_soc(call: Call, value: float) -> None:
    if value and value < call.current("bufferSoc"):
        raise Refusal("buffer start soc must be larger than buffer soc")


def _optimizer(call: Call, value: str) -> None:
    if value not in call.current("optimizerChargingStrategies"):
        raise Refusal(f"invalid optimizer charging strategy: {value}")


def _telemetry(call: Call, value: bool) -> None:  # noqa: FBT001 - a rule takes the value that was read
    sponsor = call.current("sponsor")
    if value and not sponsor.get("status", sponsor)["name"]:
        raise Refusal("telemetry requires sponsorship")


def _min_current(call: Call, value: float) -> None:
    if value > call.current("maxCurrent"):
        raise Refusal("min current must be smaller or equal than max current")


def _max_current(call: Call, value: float) -> None:
    if value < call.current("minCurrent"):
        raise Refusal("max current must be greater or equal than min current")


def _phases(call: Call, value: int) -> None:
    if value == 0 and not call.current("chargerPhases1p3p"):
        old = call.house.era.old
        raise Refusal("invalid number of phases: 0" if old else "charger does not support phase switching")
    if value not in _PHASES:
        raise Refusal(f"invalid number of phases: {value}")


def _boost(call: Call, value: bool) -> None:  # noqa: FBT001 - a rule takes the value that was read
    if value and call.current("mode") not in ("pv", "minpv"):
        raise Refusal("battery boost is only available in PV modes")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that one POST sets: `/api/…/<word>/<value>`, the value of the form `pattern`."""

    word: str
    pattern: str
    key: str
    read: Read
    rule: Rule | None = None
    clear: bool = False
    """Whether DELETE sets it to null."""
    new: bool = False
    """Whether only the newer era has it."""

    def write(self, call: Call) -> Any:
        value = self.read(call.params["value"])
        if self.rule:
            self.rule(call, value)
        call.change(self.key, value)
        return value

    def erase(self, call: Call) -> None:
        call.change(self.key, None)


POSITIVE, SIGNED, DIGITS, BOOLEAN, LETTERS = "[0-9.]+", "-?[0-9.]+", "[0-9]+", "[01truefalse]+", "[a-z]+"

SITE = (
    Setting("prioritysoc", POSITIVE, "prioritySoc", decimal, _priority_soc),
    Setting("buffersoc", POSITIVE, "bufferSoc", decimal, _buffer_soc),
    Setting("bufferstartsoc", POSITIVE, "bufferStartSoc", decimal, _buffer_start_soc),
    Setting("residualpower", SIGNED, "residualPower", decimal),
    Setting("batterydischargecontrol", BOOLEAN, "batteryDischargeControl", boolean),
    Setting("batterygriddischarge", BOOLEAN, "batteryGridDischarge", boolean, new=True),
    Setting("solaradjusted", BOOLEAN, "solarAdjusted", boolean, new=True),
    Setting("batterygridchargelimit", SIGNED, "batteryGridChargeLimit", decimal, clear=True),
    Setting("optimizerchargingstrategy", "[a-z_]+", "optimizerChargingStrategy", str, _optimizer, new=True),
    Setting("settings/telemetry", BOOLEAN, "telemetry", boolean, _telemetry),
)


def change_mode(call: Call) -> str:
    """Set the mode; another one ends the battery boost."""
    value = mode(call.params["value"])
    if value != call.current("mode"):
        call.change("batteryBoost", False)  # noqa: FBT003 - the value of the key
    call.change("mode", value)
    return value


def change_phases(call: Call) -> int:
    """Set the phases. The older era answers the phases in use, which a switching charger has yet to change."""
    value = whole(call.params["value"])
    _phases(call, value)
    enabled = call.loadpoint.get("phasesEnabled", value)
    call.change("phasesConfigured", value)
    return enabled if call.house.era.old and call.current("chargerPhases1p3p") else value


def delay(key: str) -> Handler:
    """Takes seconds, answers nanoseconds."""

    def change(call: Call) -> int:
        seconds = whole(call.params["value"])
        call.change(key, seconds)
        return seconds * _NANOSECONDS

    return change


LOADPOINT = (
    Setting("limitsoc", DIGITS, "limitSoc", whole),
    Setting("mintemp", DIGITS, "minSoc", whole, new=True),
    Setting("limitenergy", POSITIVE, "limitEnergy", decimal),
    Setting("mincurrent", POSITIVE, "minCurrent", decimal, _min_current),
    Setting("maxcurrent", POSITIVE, "maxCurrent", decimal, _max_current),
    Setting("enable/threshold", SIGNED, "enableThreshold", decimal),
    Setting("disable/threshold", SIGNED, "disableThreshold", decimal),
    Setting("priority", DIGITS, "priority", whole),
    Setting("batteryboostlimit", DIGITS, "batteryBoostLimit", whole, new=True),
    Setting("smartcostlimit", SIGNED, "smartCostLimit", decimal, clear=True),
    Setting("smartfeedinprioritylimit", SIGNED, "smartFeedInPriorityLimit", decimal, clear=True, new=True),
)
BOOST = Setting("batteryboost", BOOLEAN, "batteryBoost", boolean, _boost)
OLD_BOOST = Setting("batteryboost", "[01]", "batteryBoost", boolean, _boost)


def limit_everywhere(key: str) -> Handler:
    """Set a limit of all loadpoints at once, or clear it when the path has no value."""

    def change(call: Call) -> float | None:
        value = decimal(call.params["value"]) if "value" in call.params else None
        for index in range(len(call.house.loadpoints)):
            if call.house.change(("loadpoints", index, key), value):
                call.evcc.update(index)
        return value

    return change


def change_session(call: Call) -> Answer:
    """Change what a stored session has; the older era takes the vehicle only, and an empty one where none is given."""
    given = call.json()
    if call.house.era.old:
        changed = {"vehicle": given.get("vehicle", "")}
    else:
        changed = {key: given[key] for key in ("vehicle", "loadpoint", "odometer") if key in given}
    if not changed:
        raise Refusal("nothing to update")
    call.evcc.sessions.change(int(call.params["id"]), changed)
    return Answer(200, call.house.era.content_type, b"")


def delete_session(call: Call) -> None:
    call.evcc.sessions.delete(int(call.params["id"]))


BATTERY_MODES = ("unknown", "normal", "hold", "charge")
EXTERNAL_SECONDS = 60
"""So long an external battery mode holds unless it is sent again."""


def battery_mode(call: Call) -> int:
    """Set the external battery mode, or end it when the path has no value. evcc answers its number."""
    word = call.params.get("value", "unknown")
    if word not in BATTERY_MODES:
        raise Refusal(f"{word} does not belong to BatteryMode values")
    call.evcc.external_until = call.evcc.now() + EXTERNAL_SECONDS
    call.change("batteryModeExternal", word)
    call.change("batteryMode", "normal" if word == "unknown" else word)
    return BATTERY_MODES.index(word)
