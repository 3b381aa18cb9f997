"""The operations of evcc's REST API as evcc documents them, and where each can be reached: a table for docs/evcc.md.

The list is of its API description of August 2026 (`openapi.yaml`, after 0.313.2), and of its documentation since.
"""

import re
from collections.abc import Iterator, Mapping

from bridge.extras.extras import PERIODICS
from bridge.extras.request_kinds import KINDS
from bridge.settable.lookup import ANYWHERE
from bridge.settable.setting import Setting
from bridge.settable.table import SETTINGS
from bridge.state.state import Scope

DESCRIBED = """
POST /batterydischargecontrol/{enable}
POST /batterygriddischarge/{enable}
POST /batterygridchargelimit/{cost}
DELETE /batterygridchargelimit
POST /batterymode/{batteryMode}
DELETE /batterymode
POST /buffersoc/{soc}
POST /bufferstartsoc/{soc}
POST /prioritysoc/{soc}
POST /residualpower/{power}
POST /gridexportlimit/{power}
POST /solaradjusted/{enable}
POST /smartcostlimit/{cost}
DELETE /smartcostlimit
POST /smartfeedinprioritylimit/{cost}
DELETE /smartfeedinprioritylimit
POST /settings/telemetry/{enable}
POST /loadpoints/{id}/batteryboost/{enable}
POST /loadpoints/{id}/batteryboostlimit/{soc}
POST /loadpoints/{id}/disable/delay/{delay}
POST /loadpoints/{id}/disable/threshold/{threshold}
POST /loadpoints/{id}/enable/delay/{delay}
POST /loadpoints/{id}/enable/threshold/{threshold}
POST /loadpoints/{id}/limitenergy/{energy}
POST /loadpoints/{id}/limitsoc/{soc}
POST /loadpoints/{id}/maxcurrent/{current}
POST /loadpoints/{id}/mincurrent/{current}
POST /loadpoints/{id}/mintemp/{temp}
POST /loadpoints/{id}/mode/{mode}
POST /loadpoints/{id}/phases/{phases}
POST /loadpoints/{id}/priority/{priority}
POST /loadpoints/{id}/smartcostlimit/{cost}
DELETE /loadpoints/{id}/smartcostlimit
POST /loadpoints/{id}/smartfeedinprioritylimit/{cost}
DELETE /loadpoints/{id}/smartfeedinprioritylimit
GET /loadpoints/{id}/plan
POST /loadpoints/{id}/plan/energy/{energy}/{timestamp}
DELETE /loadpoints/{id}/plan/energy
POST /loadpoints/{id}/plan/strategy
GET /loadpoints/{id}/plan/repeating/preview/{soc}/{weekdays}/{hourMinuteTime}/{timezone}
GET /loadpoints/{id}/plan/static/preview/soc/{soc}/{timestamp}
GET /loadpoints/{id}/plan/static/preview/energy/{energy}/{timestamp}
POST /loadpoints/{id}/vehicle/{name}
DELETE /loadpoints/{id}/vehicle
PATCH /loadpoints/{id}/vehicle
POST /vehicles/{name}/limitsoc/{soc}
POST /vehicles/{name}/minsoc/{soc}
POST /vehicles/{name}/mode/{mode}
DELETE /vehicles/{name}/mode
POST /vehicles/{name}/plan/soc/{soc}/{timestamp}
DELETE /vehicles/{name}/plan/soc
POST /vehicles/{name}/plan/repeating
POST /vehicles/{name}/plan/strategy
GET /state
GET /tariff/{type}
GET /sessions
PUT /session/{id}
DELETE /session/{id}
GET /gridsessions
GET /history/energy
POST /auth/login
POST /auth/logout
PUT /auth/password
GET /auth/status
GET /auth/apikey
POST /auth/apikey
GET /db/backup
POST /db/restore
POST /db/reset
GET /system/log
GET /system/log/areas
DELETE /system/cache
POST /system/shutdown
"""
LATER = """
POST /loadpoints/{id}/solarshare/{share}
POST /loadpoints/{id}/alwayscharge/{always}
POST /vehicles/{name}/alwayscharge/{always}
DELETE /vehicles/{name}/alwayscharge
GET /config/devices/vehicle/{name}/status
"""
OPERATIONS = tuple(filter(None, (DESCRIBED + LATER).splitlines()))

NEVER = {
    "/auth/": "not offered: who may log in to evcc is decided in evcc",
    "/db/": "not offered: evcc's database, which holds its passwords",
    "/system/": "not offered: evcc's log and its process belong to its administrator",
}
"""Why operations are left out, by the beginning of their paths."""
UNDESCRIBED = {
    "POST /optimizerchargingstrategy/{}",  # in evcc's source since 0.309.2
    "DELETE /loadpoints/{}/solarshare",  # what clears it is not documented: evcc may refuse it
}
"""Operations of settings that evcc does not describe."""

_FIELD = re.compile(r"\{\w*\}")
_BELOW = {Scope.SITE: "", Scope.LOADPOINT: "/loadpoints/{}", Scope.VEHICLE: "/vehicles/{}"}
_TOPICS = {
    "tariffs": "`tariffs/<type>`",
    "sessions": "`sessions/…`",
    "plans": "`loadpoints/<n>/planDetails`",
    "history": "`history/today/<group>`",
    "jq": "all of `site`, `loadpoints`, `vehicles`; `jq/<name>`",
    "vehicles": "`vehicles/<name>/soc`, … (`extras.vehicles`)",
}


def general(operation: str) -> str:
    """An operation whatever its fields are called."""
    return _FIELD.sub("{}", operation)


def of_setting(setting: Setting) -> Iterator[str]:
    """The operations of a setting, in general."""
    yield general(f"{setting.method} {_BELOW[setting.scope]}/{setting.path}")
    if setting.clear:
        yield f"DELETE {_BELOW[setting.scope]}/{setting.clear}"


def reached() -> Mapping[str, list[str]]:
    """Where each operation can be reached: topics and requests, in general."""
    found: dict[str, list[str]] = {}
    for periodic in PERIODICS:
        for operation in periodic.operations:
            found.setdefault(general(operation), []).append(_TOPICS[periodic.name])
    for setting in SETTINGS:
        for operation in of_setting(setting):
            clears = ", cleared" if operation.startswith("DELETE") else ""
            topic = f"`{ANYWHERE[setting.scope]}/{setting.leaf}/set`{clears}"
            found.setdefault(operation, []).append(topic)
    for kind in KINDS:
        for operation in kind.operations:
            found.setdefault(general(operation), []).append(f"`bridge/request/{kind.name}`")
    return found


def table() -> str:
    """Every documented operation with where it can be reached, or why it cannot, as Markdown."""
    where = reached()
    found = {operation: where.get(general(operation)) or [_reason(operation)] for operation in OPERATIONS}
    rows = [f"| `{operation}` | {', '.join(topics)} |" for operation, topics in found.items()]
    return "\n".join(["| operation, below `/api` | topic or request |", "|---|---|", *rows])


def _reason(operation: str) -> str:
    path = operation.partition(" ")[2]
    return next(reason for beginning, reason in NEVER.items() if path.startswith(beginning))
