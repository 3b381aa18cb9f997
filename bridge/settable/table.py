"""Every setting of evcc, one row each: topic, title, kind of value, REST call, meaning.

Sources: evcc's REST documentation of the 0.131 era, the routes in its server/http.go of each release up to 0.314
(`since` is the first that has the route), and the recorded requests in tests/recordings. A new endpoint of evcc is
one new row.
"""

from bridge.settable import setting as kinds
from bridge.settable.setting import Setting
from bridge.state.state import Scope

PERCENT = kinds.Number("%", 0, 100, whole=True)
WATTS = kinds.Number("W", offer=(-50_000, 50_000))
AMPERES = kinds.Number("A", 0, step=0.1, offer=(0, 125))
ENERGY = kinds.Number("kWh", 0, step=0.1, offer=(0, 500))
COST = kinds.Number("{cost}/kWh", step=0.001)
PRICE = kinds.Number("{currency}/kWh", step=0.001)
SOC_PLAN = kinds.Plan("soc", PERCENT, ("plan", "precondition"))
ENERGY_PLAN = kinds.Plan("energy", ENERGY, ("planPrecondition",))
_SECONDS = {"type": "integer", "minimum": 0}
STRATEGY = kinds.Json(
    dict,
    '{"continuous":false,"precondition":900}',
    {"type": "object", "properties": {"continuous": {"type": "boolean"}, "precondition": _SECONDS}},
)
_PLAN_OF_A_WEEK = {
    "weekdays": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 6}},
    "time": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
    "tz": {"type": "string"},
    "soc": {"type": "integer", "minimum": 0, "maximum": 100},
    "active": {"type": "boolean"},
}
REPEATING = kinds.Json(
    list,
    '[{"weekdays":[1,5],"time":"07:00","tz":"Europe/Berlin","soc":80,"active":true}]',
    {"type": "array", "items": {"type": "object", "properties": _PLAN_OF_A_WEEK, "required": [*_PLAN_OF_A_WEEK]}},
    wrapped=("plans", (0, 209, 4)),
)
_MODE = kinds.Word(usual=("off", "pv", "minpv", "now"), newer=("alwaysCharge", ("off", "smart", "now")))
_NO_ALWAYS_CHARGE = "set mode to minpv to always charge, to pv to charge with solar power only"
_BATTERY_MODES = ("normal", "hold", "charge")
_REPEATING_PATH = "plan/repeating"
_REPEATING_SINCE = (0, 131, 9)

# fmt: off
_SITE = (
    Setting(Scope.SITE, "prioritySoc", "Battery priority", PERCENT, "prioritysoc/{value}",
            "Below this charge the home battery comes before the vehicles."),
    Setting(Scope.SITE, "bufferSoc", "Battery buffer", PERCENT, "buffersoc/{value}",
            "Above this charge the home battery may support charging that has begun."),
    Setting(Scope.SITE, "bufferStartSoc", "Battery buffer start", PERCENT, "bufferstartsoc/{value}",
            "Above this charge the home battery may start charging a vehicle; 0: never."),
    Setting(Scope.SITE, "residualPower", "Residual power", WATTS, "residualpower/{value}",
            "Power that control aims at as import from the grid; negative: export."),
    Setting(Scope.SITE, "gridExportLimit", "Grid export limit", kinds.Number("W", 0, offer=(0, 100_000)),
            "gridexportlimit/{value}", "Most power that may be fed into the grid; 0: no limit.",
            since=(0, 314, 0), needs=("gridExportLimit",)),
    Setting(Scope.SITE, "batteryDischargeControl", "Battery discharge control", kinds.Switch(),
            "batterydischargecontrol/{value}",
            "Keeps the home battery from discharging into a vehicle that charges fast or by plan."),
    Setting(Scope.SITE, "batteryGridDischarge", "Battery grid discharge", kinds.Switch(),
            "batterygriddischarge/{value}", "Lets the home battery discharge into the grid.",
            since=(0, 313, 0), needs=("batteryGridDischarge",)),
    Setting(Scope.SITE, "solarAdjusted", "Adjusted solar forecast", kinds.Switch(), "solaradjusted/{value}",
            "Adjusts the solar forecast to what was really produced.",
            since=(0, 312, 0), needs=("solarAdjusted",)),
    Setting(Scope.SITE, "batteryGridChargeLimit", "Battery grid charge limit", COST, "batterygridchargelimit/{value}",
            "At or below this cost the home battery charges from the grid.", clear="batterygridchargelimit"),
    Setting(Scope.SITE, "smartCostLimit", "Smart cost limit of all", COST, "smartcostlimit/{value}",
            "At or below this cost every loadpoint charges fast; sets all loadpoints.", clear="smartcostlimit",
            lendable=False),
    Setting(Scope.SITE, "smartFeedInPriorityLimit", "Feed-in priority limit of all", PRICE,
            "smartfeedinprioritylimit/{value}",
            "At or above this feed-in price no loadpoint takes solar power; sets all loadpoints.",
            clear="smartfeedinprioritylimit", since=(0, 205, 0), needs=("smartFeedInPriorityAvailable",),
            lendable=False),
    Setting(Scope.SITE, "batteryMode", "Battery mode", kinds.Word(usual=_BATTERY_MODES), "batterymode/{value}",
            "Takes control of the home battery; evcc takes it back after 60 s without a repetition.",
            shown=("batteryModeExternal", "batteryMode"), aliases=("batteryModeExternal",), clear="batterymode",
            since=(0, 203, 0), needs=("batteryModeExternal",), lapses=True),
    Setting(Scope.SITE, "optimizerChargingStrategy", "Optimizer charging strategy",
            kinds.Word("a-z_", listed="optimizerChargingStrategies"), "optimizerchargingstrategy/{value}",
            "What the optimizer aims at.", since=(0, 309, 2), needs=("optimizerChargingStrategy",)),
    Setting(Scope.SITE, "telemetry", "Telemetry", kinds.Switch(), "settings/telemetry/{value}",
            "Sends anonymous charging data to the evcc community; for sponsors."),
)

_LOADPOINT = (
    Setting(Scope.LOADPOINT, "mode", "Mode", _MODE, "mode/{value}", "How the loadpoint charges."),
    Setting(Scope.LOADPOINT, "alwaysCharge", "Always charge", kinds.Word(usual=("off", "on", "once"), fixed=True),
            "alwayscharge/{value}", "Charges at least with the minimum current in smart mode; once: in this session.",
            since=(0, 316, 0), needs=("alwaysCharge",), instead=_NO_ALWAYS_CHARGE),
    Setting(Scope.LOADPOINT, "solarShare", "Solar share", kinds.Number("", 0, 1, step=0.01), "solarshare/{value}",
            "Part of the charge power that the sun must give before charging starts; 1: all of it.",
            clear="solarshare", since=(0, 315, 0), needs=("solarShare",)),
    Setting(Scope.LOADPOINT, "limitSoc", "Limit", PERCENT, "limitsoc/{value}",
            "Charging ends at this charge, in this session; 0: the vehicle's own limit."),
    Setting(Scope.LOADPOINT, "limitEnergy", "Energy limit", ENERGY, "limitenergy/{value}",
            "Charging ends after this energy, in this session; 0: no limit."),
    Setting(Scope.LOADPOINT, "minSoc", "Minimum temperature", PERCENT, "mintemp/{value}",
            "A heating device is kept at least at this temperature (evcc counts it as charge).",
            since=(0, 312, 0), needs=("minSoc",)),
    Setting(Scope.LOADPOINT, "phasesConfigured", "Phases", kinds.Choice((0, 1, 3)), "phases/{value}",
            "Phases to charge with; 0: switched by evcc.", aliases=("phases",)),
    Setting(Scope.LOADPOINT, "minCurrent", "Minimum current", AMPERES, "mincurrent/{value}",
            "Least current to charge with, per phase."),
    Setting(Scope.LOADPOINT, "maxCurrent", "Maximum current", AMPERES, "maxcurrent/{value}",
            "Most current to charge with, per phase."),
    Setting(Scope.LOADPOINT, "enableThreshold", "Enable threshold", WATTS, "enable/threshold/{value}",
            "Grid power below which solar charging starts; 0: when there is enough surplus."),
    Setting(Scope.LOADPOINT, "enableDelay", "Enable delay", kinds.Duration(), "enable/delay/{value}",
            "How long the enable threshold must hold before solar charging starts."),
    Setting(Scope.LOADPOINT, "disableThreshold", "Disable threshold", WATTS, "disable/threshold/{value}",
            "Grid power above which solar charging stops."),
    Setting(Scope.LOADPOINT, "disableDelay", "Disable delay", kinds.Duration(), "disable/delay/{value}",
            "How long the disable threshold must hold before solar charging stops."),
    Setting(Scope.LOADPOINT, "priority", "Priority", kinds.Number("", 0, whole=True, offer=(0, 10)), "priority/{value}",
            "Which loadpoint gets solar power first: the higher number."),
    # 0.131 takes 1 and 0 only
    Setting(Scope.LOADPOINT, "batteryBoost", "Battery boost", kinds.Switch("1", "0"), "batteryboost/{value}",
            "Charges with the home battery's power on top of solar power.",
            since=(0, 131, 0), needs=("batteryBoost",)),
    Setting(Scope.LOADPOINT, "batteryBoostLimit", "Battery boost limit", PERCENT, "batteryboostlimit/{value}",
            "Battery boost ends when the home battery is down to this charge; 100: no boost.",
            since=(0, 301, 0), needs=("batteryBoostLimit",)),
    Setting(Scope.LOADPOINT, "smartCostLimit", "Smart cost limit", COST, "smartcostlimit/{value}",
            "At or below this cost the loadpoint charges fast.", clear="smartcostlimit"),
    Setting(Scope.LOADPOINT, "smartFeedInPriorityLimit", "Feed-in priority limit", PRICE,
            "smartfeedinprioritylimit/{value}", "At or above this feed-in price the loadpoint takes no solar power.",
            clear="smartfeedinprioritylimit", since=(0, 205, 0), needs=("smartFeedInPriorityLimit",)),
    Setting(Scope.LOADPOINT, "planEnergy", "Energy plan", ENERGY_PLAN, "plan/energy/{energy}/{time}",
            "Energy to have charged by a time, for vehicles whose charge evcc cannot read.", clear="plan/energy"),
    Setting(Scope.LOADPOINT, "planStrategy", "Plan strategy", STRATEGY, "plan/strategy",
            "Whether a plan is charged in one go, and how many seconds just before its end.",
            shown=("planStrategy/continuous",), since=(0, 300, 0), needs=("planStrategy",)),
    Setting(Scope.LOADPOINT, "vehicle", "Vehicle", kinds.Vehicle(), "vehicle/{value}", "The vehicle that is connected.",
            shown=("vehicleName",), aliases=("vehicleName",), clear="vehicle"),
    Setting(Scope.LOADPOINT, "vehicleDetection", "Detect vehicle", kinds.Button(), "vehicle",
            "Starts to find out which vehicle is connected.", method="PATCH", once=True),
)

_VEHICLE = (
    Setting(Scope.VEHICLE, "minSoc", "Minimum charge", PERCENT, "minsoc/{value}",
            "Up to this charge the vehicle charges at once, whatever the mode; 0: off."),
    Setting(Scope.VEHICLE, "limitSoc", "Limit", PERCENT, "limitsoc/{value}",
            "The vehicle's limit for every session; 0: none."),
    Setting(Scope.VEHICLE, "mode", "Default mode", _MODE, "mode/{value}",
            "The mode that a loadpoint takes when the vehicle is connected.",
            clear="mode", since=(0, 312, 0), needs=("mode",)),
    Setting(Scope.VEHICLE, "alwaysCharge", "Always charge by default", kinds.Word(usual=("off", "on"), fixed=True),
            "alwayscharge/{value}", "Whether a loadpoint always charges when the vehicle is connected.",
            clear="alwayscharge", since=(0, 316, 0), needs=("alwaysCharge",), instead=_NO_ALWAYS_CHARGE),
    Setting(Scope.VEHICLE, "planSoc", "Plan", SOC_PLAN, "plan/soc/{soc}/{time}",
            "Charge that the vehicle is to have by a time.",
            shown=("plan/soc", "plans/1/soc"), aliases=("plan",), clear="plan/soc"),
    Setting(Scope.VEHICLE, "repeatingPlans", "Repeating plans", REPEATING, _REPEATING_PATH,
            "Plans that come back on days of the week; sets the whole list.",
            since=_REPEATING_SINCE, needs=("repeatingPlans",)),
    *(Setting(Scope.VEHICLE, f"repeatingPlans/<i>/{field}", title, kinds.Item("repeatingPlans", field, kind, REPEATING),
              _REPEATING_PATH, meaning, since=_REPEATING_SINCE, needs=("repeatingPlans",))
      for field, title, kind, meaning in (
          ("active", "Repeating plan active", kinds.Switch(), "Whether a repeating plan is followed."),
          ("soc", "Repeating plan charge", PERCENT, "Charge that the vehicle is to have by a repeating plan."),
          ("time", "Repeating plan time", kinds.Clock(), "Time of the day by which a repeating plan is to be reached."),
      )),
    Setting(Scope.VEHICLE, "planStrategy", "Plan strategy", STRATEGY, "plan/strategy",
            "Whether plans are charged in one go, and how many seconds just before their end.",
            shown=("planStrategy/continuous",), since=(0, 300, 0), needs=("planStrategy",)),
)
# fmt: on

SETTINGS = _SITE + _LOADPOINT + _VEHICLE
