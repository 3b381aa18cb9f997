"""What can be requested through `bridge/request/<name>`: each request is one class."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bridge.errors import Refused
from bridge.extras.expressions import path
from bridge.extras.history import ROUTE
from bridge.extras.plan_requests import PlanPreviewRequest, PlanRequest
from bridge.extras.request import FORMAT, LANGUAGE, Fields, Request
from bridge.extras.request_schemas import Flag, Moment, Text, timestamp
from bridge.extras.session_requests import GridSessionsRequest, SessionRequest, SessionsRequest
from bridge.util.redact import redact_logins

_WORD = r"[^\x00-\x1f]{1,200}"


class StateRequest(Request):
    """The result of a jq expression over evcc's state, or of a path, as `requests.jq` allows."""

    name = "state"
    fields: ClassVar = {"jq": Text("a jq expression", required=True)}
    operations = ("GET /state",)

    async def answer(self, fields: Fields) -> Any:
        """Have evcc compute it, without its secrets."""
        allowed = self._settings.requests.jq
        if allowed == "off":
            raise Refused("requests of evcc's state are switched off (requests.jq)")
        if allowed == "paths":
            return await self._rest.value(path(fields["jq"]))
        return await self._rest.jq(fields["jq"])


class TariffRequest(Request):
    """`GET /api/tariff/<type>`."""

    name = "tariff"
    fields: ClassVar = {"type": Text("a tariff, such as grid", required=True, pattern=r"[A-Za-z0-9_-]{1,40}")}
    operations = ("GET /tariff/{type}",)

    async def answer(self, fields: Fields) -> Any:
        """Read the rates."""
        return await self._read(f"/api/tariff/{fields['type']}")


# evcc's description has 1h, its releases take hour
_PARAMS: Mapping[Any, str] = {"1h": "hour", True: "true", False: "false"}


class HistoryRequest(Request):
    """`GET /api/history/energy`: energy by meter and time; not in every evcc."""

    name = "history"
    fields: ClassVar = {
        "from": Moment("a time, as RFC 3339 or in unix seconds"),
        "to": Moment("a time, as RFC 3339 or in unix seconds"),
        "aggregate": Text("15m, hour, day or month", pattern="15m|1h|hour|day|month"),
        "grouped": Flag("true or false"),
        "group": Text("a group, such as battery", pattern=r"[a-z]{1,20}"),
        "name": Text("the name of a meter", pattern=_WORD),
        "title": Text("the title of a meter", pattern=_WORD),
        "format": FORMAT,
        "lang": LANGUAGE,
    }
    operations = (f"GET {ROUTE.removeprefix('/api')}",)

    async def answer(self, fields: Fields) -> Any:
        """Read the history, as JSON or as CSV."""
        moments = {key: timestamp(fields[key]) for key in ("from", "to") if key in fields}
        if len(moments) == 2 and moments["from"] >= moments["to"]:
            raise Refused(f"from is to be before to, got {moments['from']} and {moments['to']}")
        words = {key: _PARAMS.get(value, value) for key, value in fields.items()}
        return await self._read(ROUTE, {**words, **moments})


class HealthRequest(Request):
    """`GET /api/health`: evcc's own health check; not in every evcc."""

    name = "health"

    async def answer(self, fields: Fields) -> Any:  # noqa: ARG002  it has none
        """Read it, as text."""
        return redact_logins((await self._rest.get("/api/health")).body.decode(errors="replace").strip())


class RefreshRequest(Request):
    """Read everything from evcc now."""

    name = "refresh"

    async def answer(self, fields: Fields) -> None:  # noqa: ARG002  it has none
        """Have the state read, and all that is read beside it."""
        self._reader.refresh()
        for periodic in self._periodics:
            periodic.refresh()


KINDS: tuple[type[Request], ...] = (
    StateRequest,
    TariffRequest,
    SessionsRequest,
    PlanRequest,
    PlanPreviewRequest,
    SessionRequest,
    HistoryRequest,
    GridSessionsRequest,
    HealthRequest,
    RefreshRequest,
)
