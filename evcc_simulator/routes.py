"""Every route of evcc's REST API that needs no login, and what the others answer: one table an era."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from evcc_simulator import reads, settings, vehicles
from evcc_simulator.call import Call, Handler
from evcc_simulator.house import Era
from evcc_simulator.messages import NOT_FOUND, Answer, Refusal, success
from evcc_simulator.simulation import Simulation

_NAME = "{name:[a-zA-Z0-9_.:-]+}"
_TIME = "{time:[0-9TZ:.+-]+}"
_LOADPOINT = "/api/loadpoints/{id:[0-9]+}"
_VEHICLE = f"/api/vehicles/{_NAME}"
_ENERGY = f"plan/energy/{{value:[0-9.]+}}/{_TIME}"
_PREVIEW = f"preview/{{type:(?:soc|energy)}}/{{value:[0-9.]+}}/{_TIME}"


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    handler: Handler


def _route(method: str, template: str, handler: Handler) -> Route:
    """A template is a path with `{name:expression}` for each part that varies."""
    return Route(method, re.compile(re.sub(r"\{(\w+):((?:[^{}]|\{[^{}]*\})+)\}", r"(?P<\1>\2)", template)), handler)


def _constant(value: Any) -> Handler:
    return lambda _call: value


def _settings(prefix: str, settings: tuple[settings.Setting, ...], era: Era) -> list[Route]:
    routes = []
    for each in settings:
        if not (each.new and era.old):
            routes.append(_route("POST", f"{prefix}/{each.word}/{{value:{each.pattern}}}", each.write))
            if each.clear:
                routes.append(_route("DELETE", f"{prefix}/{each.word}", each.erase))
    return routes


def _everywhere(word: str, key: str) -> list[Route]:
    handler = settings.limit_everywhere(key)
    return [
        _route("POST", f"/api/{word}/{{value:{settings.SIGNED}}}", handler),
        _route("DELETE", f"/api/{word}", handler),
    ]


def _common() -> list[Route]:
    return [
        _route("GET", "/api/state", reads.state),
        _route("GET", "/api/tariff/{usage:[a-z]+}", reads.tariff),
        _route("GET", "/api/sessions", reads.sessions),
        _route("PUT", "/api/session/{id:[0-9]+}", settings.change_session),
        _route("DELETE", "/api/session/{id:[0-9]+}", settings.delete_session),
        _route("GET", "/api/auth/status", _constant(reads.NOT_IMPLEMENTED)),
        *_everywhere("smartcostlimit", "smartCostLimit"),
        _route("POST", f"{_VEHICLE}/minsoc/{{value:[0-9]+}}", vehicles.soc("minSoc")),
        _route("POST", f"{_VEHICLE}/limitsoc/{{value:[0-9]+}}", vehicles.soc("limitSoc")),
        _route("POST", f"{_VEHICLE}/plan/soc/{{value:[0-9]+}}/{_TIME}", vehicles.plan_soc),
        _route("DELETE", f"{_VEHICLE}/plan/soc", vehicles.delete_plan),
        _route("POST", f"{_LOADPOINT}/mode/{{value:[a-z]+}}", settings.change_mode),
        _route("POST", f"{_LOADPOINT}/phases/{{value:[0-9]+}}", settings.change_phases),
        _route("POST", f"{_LOADPOINT}/enable/delay/{{value:[0-9]+}}", settings.delay("enableDelay")),
        _route("POST", f"{_LOADPOINT}/disable/delay/{{value:[0-9]+}}", settings.delay("disableDelay")),
        _route("GET", f"{_LOADPOINT}/plan", reads.current_plan),
        _route("POST", f"{_LOADPOINT}/{_ENERGY}", vehicles.plan_energy),
        _route("DELETE", f"{_LOADPOINT}/plan/energy", vehicles.delete_energy),
        _route("POST", f"{_LOADPOINT}/vehicle/{_NAME}", vehicles.assign),
        _route("DELETE", f"{_LOADPOINT}/vehicle", vehicles.remove),
        _route("PATCH", f"{_LOADPOINT}/vehicle", vehicles.detect),
    ]


def _old() -> list[Route]:
    return [
        _route("GET", "/api/health", _constant(reads.HEALTHY)),
        _route("GET", "/api/settings/telemetry", reads.telemetry),
        _route("GET", "/api/config/site", reads.site_config),
        _route("GET", f"{_LOADPOINT}/plan/{_PREVIEW}", reads.plan_preview),
    ]


def _new() -> list[Route]:
    return [
        _route("GET", "/api/gridsessions", _constant([])),
        _route("GET", "/api/history/energy", reads.history),
        _route("GET", f"/api/config/devices/vehicle/{_NAME}/status", reads.vehicle_status),
        *_everywhere("smartfeedinprioritylimit", "smartFeedInPriorityLimit"),
        _route("POST", "/api/batterymode/{value:[a-z]+}", settings.battery_mode),
        _route("DELETE", "/api/batterymode", settings.battery_mode),
        _route("POST", f"{_VEHICLE}/mode/{{value:[a-z]+}}", vehicles.change_mode),
        _route("DELETE", f"{_VEHICLE}/mode", vehicles.change_mode),
        _route("POST", f"{_VEHICLE}/plan/repeating", vehicles.repeating_plans),
        _route("POST", f"{_VEHICLE}/plan/strategy", vehicles.plan_strategy),
        _route("GET", f"{_LOADPOINT}/plan/static/{_PREVIEW}", reads.plan_preview),
        _route("POST", f"{_LOADPOINT}/plan/strategy", vehicles.plan_strategy),
    ]


_PRICE_LIMIT = re.compile(r"/(?:smartcostlimit|smartfeedinprioritylimit|batterygridchargelimit)\b")
_LOCKED = [_route(method, "/api/(?:config|system)/.+", _constant(reads.UNAUTHORIZED)) for method in ("GET", "POST")]


@cache
def routes(era: Era) -> tuple[Route, ...]:
    """The era's table; of two routes that fit, the first counts."""
    boost = settings.OLD_BOOST if era.old else settings.BOOST
    return (
        *_common(),
        *(_old() if era.old else _new()),
        *_settings("/api", settings.SITE, era),
        *_settings(_LOADPOINT, (*settings.LOADPOINT, boost), era),
        *_LOCKED,
    )


def respond(evcc: Simulation, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
    """evcc's answer to a request; `path` is decoded."""
    era = evcc.house.era
    if evcc.optimizing and method in {"POST", "DELETE"} and _PRICE_LIMIT.search(path):
        return Refusal(evcc.optimizing, 409).answer
    for route in routes(era):
        if route.method == method and (found := route.pattern.fullmatch(path)):
            return _answer(route.handler, Call(evcc, _given(found), query, body), era)
    return NOT_FOUND


def _given(found: re.Match[str]) -> dict[str, str]:
    return {name: value for name, value in found.groupdict().items() if value is not None}


def _answer(handler: Handler, call: Call, era: Era) -> Answer:
    try:
        value = handler(call)
    except Refusal as refusal:
        return refusal.answer
    return value if isinstance(value, Answer) else success(era, value)
