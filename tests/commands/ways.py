"""Every way of writing a value for every row, what evcc is to receive, and what is to be refused."""

SOON = "2099-11-27T06:00:00Z"
PERCENT = {
    "30": "30",
    "30.0": "30",
    "30 %": "30",
    '"30"': "30",
    " 30 ": "30",
    "0": "0",
    "50": "50",
    "40.00000000000000003": "40",
}
NO_PERCENT = ("101", "-1", "30.5", "48.888888888888886", "30,5", "abc", "NaN", "on", "-", "\x00", "../30", "３０")
PLAN_TIMES = ("2099-11-27T06:00:00Z", "2099-11-27T07:00:00+01:00", "2099-11-27T07:00:00+0100", "2099-11-27T07:00:00")
ON = dict.fromkeys(("on", "ON", "true", "TRUE", "T", "1", "yes", '"on"'), "true")
OFF = dict.fromkeys(("off", "OFF", "false", "0", "no"), "false")
AMPERES = {"16": "16", "16.0": "16", "6.5": "6.5", "16 A": "16", "16A": "16"}
WATTS = {"-200": "-200", "0": "0", "-0": "0", "150.50": "150.5", "1e3": "1000", "+5": "5", "100 W": "100"}
COSTS = {"0.22": "0.22", "-0.01": "-0.01", "0": "0", "0.20 EUR/kWh": "0.2"}
SECONDS = {"60": "60", "60.0": "60", "90s": "90", "1m30s": "90", "0": "0"}
CLEARS = ("-", "nil", "null", "none", "NONE", '"null"')
MODES = {"pv": "pv", "PV": "pv", '"now"': "now", " off ": "off", "minpv": "minpv"}
STRATEGY = '{"continuous":true,"precondition":900}'
WEEK = '[{"weekdays":[1,2],"time":"07:00","tz":"Europe/Berlin","soc":80,"active":true}]'

# topic -> (call with `*` for the value, payloads and their values, payloads that are refused)
VALUES: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "site/prioritySoc": ("POST /api/prioritysoc/*", PERCENT, NO_PERCENT),
    "site/bufferSoc": ("POST /api/buffersoc/*", {"70": "70", "80 %": "80"}, NO_PERCENT),
    "site/bufferStartSoc": ("POST /api/bufferstartsoc/*", {"90": "90", "100 %": "100", "0": "0"}, NO_PERCENT),
    "site/residualPower": ("POST /api/residualpower/*", WATTS, ("x", "1,5", "5 kW", "inf", "1_000", "0x10", "-")),
    "site/gridExportLimit": ("POST /api/gridexportlimit/*", {"5000": "5000"}, ("-1", "x")),
    "site/batteryDischargeControl": ("POST /api/batterydischargecontrol/*", ON | OFF, ("maybe", "2", "-")),
    "site/batteryGridDischarge": ("POST /api/batterygriddischarge/*", ON | OFF, ("maybe",)),
    "site/solarAdjusted": ("POST /api/solaradjusted/*", ON | OFF, ("maybe",)),
    "site/batteryGridChargeLimit": ("POST /api/batterygridchargelimit/*", COSTS, ("x", "0,22", "22 ct")),
    "site/smartCostLimit": ("POST /api/smartcostlimit/*", COSTS, ("x", "0,22")),
    "site/smartFeedInPriorityLimit": ("POST /api/smartfeedinprioritylimit/*", COSTS, ("x", "0,22")),
    "site/batteryMode": (
        "POST /api/batterymode/*",
        {"hold": "hold", "HOLD": "hold", '"charge"': "charge"},
        ("a b", "../x"),
    ),
    "site/optimizerChargingStrategy": (
        "POST /api/optimizerchargingstrategy/*",
        {"attenuate_demand_peaks": "attenuate_demand_peaks", "none": "none"},
        ("a b", "a-b"),
    ),
    "loadpoints/1/mode": ("POST /api/loadpoints/1/mode/*", MODES, ("p v", "..", "%2e%2e", "pv1")),
    "loadpoints/1/alwaysCharge": (
        "POST /api/loadpoints/1/alwayscharge/*",
        {"on": "on", "Once": "once"},
        ("a b", "1", "maybe", "-"),
    ),
    "loadpoints/1/solarShare": (
        "POST /api/loadpoints/1/solarshare/*",
        {"0.5": "0.5", "1.0": "1", "0": "0", ".25": "0.25"},
        ("1.1", "-0.1", "0,5", "50 %", "x"),
    ),
    "loadpoints/1/limitSoc": ("POST /api/loadpoints/1/limitsoc/*", PERCENT, NO_PERCENT),
    "loadpoints/1/limitEnergy": ("POST /api/loadpoints/1/limitenergy/*", {"12.50 kWh": "12.5", "0": "0"}, ("-1", "x")),
    "loadpoints/1/minSoc": ("POST /api/loadpoints/1/mintemp/*", PERCENT, NO_PERCENT),
    "loadpoints/1/phasesConfigured": ("POST /api/loadpoints/1/phases/*", {"0": "0", "1": "1", "3.0": "3"}, ("2", "x")),
    "loadpoints/1/minCurrent": ("POST /api/loadpoints/1/mincurrent/*", {"6": "6", "6.5 A": "6.5"}, ("-1", "6,5")),
    "loadpoints/1/maxCurrent": ("POST /api/loadpoints/1/maxcurrent/*", AMPERES, ("-1", "16 W")),
    "loadpoints/1/enableThreshold": ("POST /api/loadpoints/1/enable/threshold/*", WATTS, ("x", "-")),
    "loadpoints/1/disableThreshold": ("POST /api/loadpoints/1/disable/threshold/*", WATTS, ("x", "-")),
    "loadpoints/1/enableDelay": ("POST /api/loadpoints/1/enable/delay/*", SECONDS, ("-1", "90.5", "x")),
    "loadpoints/1/disableDelay": ("POST /api/loadpoints/1/disable/delay/*", SECONDS, ("-1", "90.5", "x")),
    "loadpoints/1/priority": (
        "POST /api/loadpoints/1/priority/*",
        {"0": "0", "10": "10", "12": "12"},
        ("-1", "1.5", "x", "-"),
    ),
    "loadpoints/1/batteryBoost": (
        "POST /api/loadpoints/1/batteryboost/*",
        dict.fromkeys(ON, "1") | dict.fromkeys(OFF, "0"),
        ("2", "maybe"),
    ),
    "loadpoints/1/batteryBoostLimit": ("POST /api/loadpoints/1/batteryboostlimit/*", PERCENT, NO_PERCENT),
    "loadpoints/1/smartCostLimit": ("POST /api/loadpoints/1/smartcostlimit/*", COSTS, ("x",)),
    "loadpoints/1/smartFeedInPriorityLimit": ("POST /api/loadpoints/1/smartfeedinprioritylimit/*", COSTS, ("x",)),
    "loadpoints/2/planEnergy": (
        "POST /api/loadpoints/2/plan/energy/*",
        {f'{{"energy":10.5,"time":"{time}"}}': f"10.5/{SOON}" for time in PLAN_TIMES}
        | {'{"value":"10 kWh","time":4099442400}': f"10/{SOON}"},
        ("10", '{"energy":"10 %"}', '{"energy":10,"time":"2020-01-01T00:00:00Z"}', '{"energy":-1,"time":"07:00"}'),
    ),
    "loadpoints/1/vehicle": (
        "POST /api/loadpoints/1/vehicle/*",
        {"zoe:old": "zoe:old", "Blauer e-Golf": "my.car_2", "BIKE": "bike", 'Grüner Honda "e" / Zwei': "zoe:old"},
        ("nobody", "..", "zoe", "a/b"),
    ),
    "vehicles/my.car_2/minSoc": ("POST /api/vehicles/my.car_2/minsoc/*", PERCENT, NO_PERCENT),
    "vehicles/zoe:old/limitSoc": ("POST /api/vehicles/zoe:old/limitsoc/*", PERCENT, NO_PERCENT),
    "vehicles/bike/mode": ("POST /api/vehicles/bike/mode/*", MODES, ("p v", "..")),
    "vehicles/bike/alwaysCharge": (
        "POST /api/vehicles/bike/alwayscharge/*",
        {"off": "off", "ON": "on"},
        ("a b", "1", "once", "maybe"),
    ),
    "vehicles/my.car_2/planSoc": (
        "POST /api/vehicles/my.car_2/plan/soc/*",
        {f'{{"value":80,"time":"{time}"}}': f"80/{SOON}" for time in PLAN_TIMES}
        | {'{"soc":"80 %","time":4099442400000}': f"80/{SOON}"},
        ("80", '{"soc":"80 W"}', '{"soc":80,"time":"2020-01-01T00:00:00Z"}', '{"soc":101,"time":"07:00"}', "{"),
    ),
}
# evcc wants a sponsor for it
TELEMETRY = {"site/telemetry": ("POST /api/settings/telemetry/*", ON | OFF, ("maybe", "-"))}
BUTTON = {"loadpoints/1/vehicleDetection": "PATCH /api/loadpoints/1/vehicle"}
# topic -> (call, JSON that goes as its body, payloads that are refused)
BODIES = {
    "loadpoints/1/planStrategy": ("POST /api/loadpoints/1/plan/strategy", STRATEGY, ("x", "[]", "5")),
    "vehicles/bike/planStrategy": ("POST /api/vehicles/bike/plan/strategy", STRATEGY, ("x", "[]", "5")),
    "vehicles/bike/repeatingPlans": ("POST /api/vehicles/bike/plan/repeating", WEEK, ("x", "{}", "5")),
}
# topic of a field of the second repeating plan -> payloads and what the field becomes, payloads that are refused
ENTRIES: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "vehicles/my.car_2/repeatingPlans/2/active": ({"on": True, "0": False, '"true"': True}, ("maybe", "-")),
    "vehicles/my.car_2/repeatingPlans/2/soc": ({"55": 55, "60 %": 60, "100.0": 100}, ("101", "50.5", "x", "-")),
    "vehicles/my.car_2/repeatingPlans/2/time": ({"7:15": "07:15", '"23:59"': "23:59"}, ("24:00", "7", "x", "-")),
}
CLEARINGS = {
    "site/batteryGridChargeLimit": "DELETE /api/batterygridchargelimit",
    "site/smartCostLimit": "DELETE /api/smartcostlimit",
    "site/smartFeedInPriorityLimit": "DELETE /api/smartfeedinprioritylimit",
    "site/batteryMode": "DELETE /api/batterymode",
    "loadpoints/1/smartCostLimit": "DELETE /api/loadpoints/1/smartcostlimit",
    "loadpoints/1/smartFeedInPriorityLimit": "DELETE /api/loadpoints/1/smartfeedinprioritylimit",
    "loadpoints/1/solarShare": "DELETE /api/loadpoints/1/solarshare",
    "vehicles/bike/alwaysCharge": "DELETE /api/vehicles/bike/alwayscharge",
    "loadpoints/1/planEnergy": "DELETE /api/loadpoints/1/plan/energy",
    "loadpoints/1/vehicle": "DELETE /api/loadpoints/1/vehicle",
    "vehicles/bike/mode": "DELETE /api/vehicles/bike/mode",
    "vehicles/my.car_2/planSoc": "DELETE /api/vehicles/my.car_2/plan/soc",
}
NEWER_THAN_0_313 = {"site/gridExportLimit", "loadpoints/alwaysCharge", "loadpoints/solarShare", "vehicles/alwaysCharge"}
NEWER_THAN_0_131 = NEWER_THAN_0_313 | {
    "site/batteryGridDischarge", "site/solarAdjusted", "site/smartFeedInPriorityLimit", "site/batteryMode",
    "site/optimizerChargingStrategy", "loadpoints/minSoc", "loadpoints/batteryBoostLimit",
    "loadpoints/smartFeedInPriorityLimit", "loadpoints/planStrategy", "vehicles/mode", "vehicles/planStrategy",
    "vehicles/repeatingPlans",
}  # fmt: skip
NEWER = {"0.131.4": NEWER_THAN_0_131, "0.313.2": NEWER_THAN_0_313}
