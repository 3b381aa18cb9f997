"""Every endpoint of evcc's REST documentation (0.131 era), and how a client of the broker gets at it."""

from typing import NamedTuple
from urllib.parse import urlencode

TIME = "2099-11-27T07:00:00Z"


class Write(NamedTuple):
    """A message on `<root>/<topic>/set`, and the request that it makes. `refusal`: evcc's reason, where it has one."""

    endpoint: str
    topic: str
    payload: str
    request: str
    refusal: str = ""


class Read(NamedTuple):
    """A message on `<root>/bridge/request/<name>`, and the request that it makes."""

    endpoint: str
    name: str
    payload: str
    request: str


REQUESTS = (
    Read("GET /api/state", "state", '{"jq": ".siteTitle"}', f"/api/state?{urlencode({'jq': '.siteTitle'})}"),
    Read("GET /api/health", "health", "{}", "/api/health"),
    Read("GET /api/tariff/<type>", "tariff", '{"type": "grid"}', "/api/tariff/grid"),
    Read("GET /api/sessions", "sessions", "{}", "/api/sessions"),
    Read(
        "GET /api/sessions?format=csv&lang=<lang>",
        "sessions",
        '{"format": "csv", "lang": "de"}',
        "/api/sessions?format=csv&lang=de",
    ),
    Read("GET /api/loadpoints/<id>/plan", "plan", '{"loadpoint": 2}', "/api/loadpoints/2/plan"),
)

# what is read without being asked for: endpoint -> (topic, only on these eras)
READ = {
    "GET /api/state": ("site/siteTitle", "0.131.4 0.313.2"),
    "GET /api/tariff/<type>": ("tariffs/grid", "0.131.4 0.313.2"),
    "GET /api/sessions": ("sessions/last", "0.131.4 0.313.2"),
    "GET /api/loadpoints/<id>/plan": ("loadpoints/2/planDetails", "0.131.4 0.313.2"),
    "GET /api/settings/telemetry": ("site/telemetry", "0.131.4 0.313.2"),
    "GET /api/health": ("bridge/evcc", "0.131.4"),
}

WRITES = (
    Write("POST /prioritysoc/<soc>", "site/prioritySoc", "30", "POST /api/prioritysoc/30"),
    Write("POST /buffersoc/<soc>", "site/bufferSoc", "80", "POST /api/buffersoc/80"),
    Write("POST /bufferstartsoc/<soc>", "site/bufferStartSoc", "90", "POST /api/bufferstartsoc/90"),
    Write("POST /residualpower/<power>", "site/residualPower", "-100", "POST /api/residualpower/-100"),
    Write(
        "POST /batterydischargecontrol/<status>",
        "site/batteryDischargeControl",
        "ON",
        "POST /api/batterydischargecontrol/true",
    ),
    Write(
        "POST /batterygridchargelimit/<cost>",
        "site/batteryGridChargeLimit",
        "0.1",
        "POST /api/batterygridchargelimit/0.1",
    ),
    Write("DELETE /batterygridchargelimit", "site/batteryGridChargeLimit", "-", "DELETE /api/batterygridchargelimit"),
    Write("POST /smartcostlimit/<cost>", "site/smartCostLimit", "0.2", "POST /api/smartcostlimit/0.2"),
    Write("DELETE /smartcostlimit", "site/smartCostLimit", "null", "DELETE /api/smartcostlimit"),
    Write(
        "POST /settings/telemetry/<status>",
        "site/telemetry",
        "true",
        "POST /api/settings/telemetry/true",
        "telemetry requires sponsorship",
    ),
    Write("POST /vehicles/<name>/minsoc/<soc>", "vehicles/bike/minSoc", "25", "POST /api/vehicles/bike/minsoc/25"),
    Write(
        "POST /vehicles/<name>/limitsoc/<soc>",
        "vehicles/zoe:old/limitSoc",
        "85",
        "POST /api/vehicles/zoe:old/limitsoc/85",
    ),
    Write(
        "POST /vehicles/<name>/plan/soc/<soc>/<time>",
        "vehicles/my.car_2/planSoc",
        f'{{"soc": 80, "time": "{TIME}"}}',
        f"POST /api/vehicles/my.car_2/plan/soc/80/{TIME}",
    ),
    Write(
        "DELETE /vehicles/<name>/plan/soc",
        "vehicles/my.car_2/planSoc",
        "none",
        "DELETE /api/vehicles/my.car_2/plan/soc",
    ),
    Write("POST /loadpoints/<id>/mode/<mode>", "loadpoints/1/mode", "now", "POST /api/loadpoints/1/mode/now"),
    Write("POST /loadpoints/<id>/limitsoc/<soc>", "loadpoints/1/limitSoc", "70", "POST /api/loadpoints/1/limitsoc/70"),
    Write(
        "POST /loadpoints/<id>/limitenergy/<energy>",
        "loadpoints/2/limitEnergy",
        "12.5",
        "POST /api/loadpoints/2/limitenergy/12.5",
    ),
    Write("POST /loadpoints/<id>/phases/<phases>", "loadpoints/1/phases", "3", "POST /api/loadpoints/1/phases/3"),
    Write(
        "POST /loadpoints/<id>/mincurrent/<current>",
        "loadpoints/1/minCurrent",
        "6",
        "POST /api/loadpoints/1/mincurrent/6",
    ),
    Write(
        "POST /loadpoints/<id>/maxcurrent/<current>",
        "loadpoints/1/maxCurrent",
        "16",
        "POST /api/loadpoints/1/maxcurrent/16",
    ),
    Write(
        "POST /loadpoints/<id>/enable/threshold/<threshold>",
        "loadpoints/1/enableThreshold",
        "-500",
        "POST /api/loadpoints/1/enable/threshold/-500",
    ),
    Write(
        "POST /loadpoints/<id>/enable/delay/<delay>",
        "loadpoints/1/enableDelay",
        "1m30s",
        "POST /api/loadpoints/1/enable/delay/90",
    ),
    Write(
        "POST /loadpoints/<id>/disable/threshold/<threshold>",
        "loadpoints/1/disableThreshold",
        "200",
        "POST /api/loadpoints/1/disable/threshold/200",
    ),
    Write(
        "POST /loadpoints/<id>/disable/delay/<delay>",
        "loadpoints/1/disableDelay",
        "180",
        "POST /api/loadpoints/1/disable/delay/180",
    ),
    Write(
        "POST /loadpoints/<id>/priority/<priority>", "loadpoints/1/priority", "3", "POST /api/loadpoints/1/priority/3"
    ),
    Write(
        "POST /loadpoints/<id>/batteryboost/<status>",
        "loadpoints/1/batteryBoost",
        "off",
        "POST /api/loadpoints/1/batteryboost/0",
    ),
    Write(
        "POST /loadpoints/<id>/smartcostlimit/<cost>",
        "loadpoints/1/smartCostLimit",
        "0.15",
        "POST /api/loadpoints/1/smartcostlimit/0.15",
    ),
    Write(
        "DELETE /loadpoints/<id>/smartcostlimit",
        "loadpoints/1/smartCostLimit",
        "-",
        "DELETE /api/loadpoints/1/smartcostlimit",
    ),
    Write(
        "POST /loadpoints/<id>/plan/energy/<energy>/<time>",
        "loadpoints/2/planEnergy",
        f'{{"energy": 10, "time": "{TIME}"}}',
        f"POST /api/loadpoints/2/plan/energy/10/{TIME}",
    ),
    Write(
        "DELETE /loadpoints/<id>/plan/energy",
        "loadpoints/2/planEnergy",
        "-",
        "DELETE /api/loadpoints/2/plan/energy",
    ),
    Write(
        "POST /loadpoints/<id>/vehicle/<name>",
        "loadpoints/2/vehicle",
        "VanMoof",
        "POST /api/loadpoints/2/vehicle/bike",
    ),
    Write("DELETE /loadpoints/<id>/vehicle", "loadpoints/2/vehicleName", "-", "DELETE /api/loadpoints/2/vehicle"),
    Write(
        "PATCH /loadpoints/<id>/vehicle", "loadpoints/2/vehicleDetection", "press", "PATCH /api/loadpoints/2/vehicle"
    ),
)
