"""What can be requested through `bridge/request/<name>`: each request is one class."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson

from bridge.errors import Refused
from bridge.extras.expressions import path
from bridge.extras.periodic import Access, Periodic
from bridge.extras.request_schemas import Field, Flag, Future, Moment, Number, Text, Whole, timestamp
from bridge.extras.rest import SESSIONS
from bridge.extras.session_statistics import read_rows
from bridge.extras.sessions import TIMEOUT
from bridge.settable.times import read_time, written
from bridge.state.flatten import payload
from bridge.state.values import text
from bridge.util.redact import redact_logins

Fields = Mapping[str, Any]

_LOADPOINT = Whole("the number of a loadpoint, from 1", required=True, low=1, high=99_999)
_FORMAT = Text("csv or json", pattern="csv|json")
_LANGUAGE = Text("a language, such as de", pattern=r"[A-Za-z-]{2,20}")
_WORD = r"[^\x00-\x1f]{1,200}"


class Request(ABC):
    """One kind of request: its name, its fields, and where evcc has the answer."""

    name: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]] = {}

    def __init__(self, access: Access, periodics: Sequence[Periodic]) -> None:
        self._rest = access.rest
        self._reader = access.reader
        self._settings = access.settings
        self._periodics = periodics

    @abstractmethod
    async def answer(self, fields: Fields) -> Any:
        """The answer's `data`; Refused, or another EvccError, where there is none."""

    async def _read(self, route: str, params: Mapping[str, str] | None = None) -> Any:
        """What a route of evcc answers: text where CSV is asked for, else JSON."""
        params = {key: value for key, value in (params or {}).items() if (key, value) != ("format", "json")}
        reply = await self._rest.get(route, params, timeout=TIMEOUT)
        if params.get("format") == "csv":
            return redact_logins(reply.body.decode(errors="replace"))
        return reply.json()

    def _check_loadpoint(self, number: int) -> None:
        count = len(self._reader.state.loadpoints)
        if number > count:
            raise Refused(f"there is no loadpoint {number}: evcc has {count}")


class StateRequest(Request):
    """The result of a jq expression over evcc's state, or of a path, as `requests.jq` allows."""

    name = "state"
    fields: ClassVar = {"jq": Text("a jq expression", required=True)}

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

    async def answer(self, fields: Fields) -> Any:
        """Read the rates."""
        return await self._read(f"/api/tariff/{fields['type']}")


class SessionsRequest(Request):
    """`GET /api/sessions`: charging sessions, as JSON or as CSV."""

    name = "sessions"
    fields: ClassVar = {
        "format": _FORMAT,
        "lang": _LANGUAGE,
        "year": Whole("a year", low=1, high=9999),
        "month": Whole("a month, from 1 to 12", low=1, high=12),
    }

    async def answer(self, fields: Fields) -> Any:
        """Read the sessions; JSON row by row, since there may be many, with `chargeDuration` in seconds."""
        if "month" in fields and "year" not in fields:
            raise Refused("a month needs its year")
        params = {key: str(value) for key, value in fields.items()}
        if params.get("format") == "csv":
            return await self._read(SESSIONS, params)
        params.pop("format", None)
        reply = await self._rest.get(SESSIONS, params, timeout=TIMEOUT)
        rows = [text(row) async for row in read_rows(reply.body)]
        return orjson.Fragment(b"[" + b",".join(rows) + b"]")


class GridSessionsRequest(Request):
    """`GET /api/gridsessions`: when the grid operator limited the power; not in every evcc."""

    name = "gridsessions"
    fields: ClassVar = {"format": _FORMAT, "lang": _LANGUAGE}

    async def answer(self, fields: Fields) -> Any:
        """Read the limitations, as JSON or as CSV."""
        return await self._read("/api/gridsessions", fields)


class HistoryRequest(Request):
    """`GET /api/history/energy`: energy by meter and time; not in every evcc."""

    name = "history"
    fields: ClassVar = {
        "from": Moment("a time, as RFC 3339 or in unix seconds"),
        "to": Moment("a time, as RFC 3339 or in unix seconds"),
        "aggregate": Text("an interval: 15m, 1h, day, month", pattern=r"[0-9a-z]{1,10}"),
        "grouped": Flag("true or false"),
        "group": Text("a group, such as battery", pattern=r"[a-z]{1,20}"),
        "name": Text("the name of a meter", pattern=_WORD),
        "title": Text("the title of a meter", pattern=_WORD),
        "format": _FORMAT,
        "lang": _LANGUAGE,
    }

    async def answer(self, fields: Fields) -> Any:
        """Read the history, as JSON or as CSV."""
        moments = {key: timestamp(fields[key]) for key in ("from", "to") if key in fields}
        flags = {"grouped": payload(fields["grouped"]).decode()} if "grouped" in fields else {}
        return await self._read("/api/history/energy", {**fields, **moments, **flags})


class PlanRequest(Request):
    """`GET /api/loadpoints/<n>/plan`: the plan in force."""

    name = "plan"
    fields: ClassVar = {"loadpoint": _LOADPOINT}

    async def answer(self, fields: Fields) -> Any:
        """Read the plan."""
        self._check_loadpoint(fields["loadpoint"])
        return await self._read(f"/api/loadpoints/{fields['loadpoint']}/plan")


class PlanPreviewRequest(Request):
    """`GET /api/loadpoints/<n>/plan/static/preview/…`: the plan that a goal would have; nothing is set."""

    name = "plan_preview"
    fields: ClassVar = {
        "loadpoint": _LOADPOINT,
        "soc": Whole("a soc in %, from 0 to 100", low=0, high=100),
        "energy": Number("an energy in kWh", low=0.001, high=10_000),
        "time": Future("a time to come, such as 07:00", required=True),
    }

    async def answer(self, fields: Fields) -> Any:
        """Read the preview; older releases (0.131.4) have its route without `static`."""
        self._check_loadpoint(fields["loadpoint"])
        if ("soc" in fields) is ("energy" in fields):
            raise Refused("a preview takes either soc or energy")
        kind = "soc" if "soc" in fields else "energy"
        goal = f"preview/{kind}/{payload(fields[kind]).decode()}/{self._moment(fields['time'])}"
        plan = f"/api/loadpoints/{fields['loadpoint']}/plan"
        return (await self._rest.get_first(f"{plan}/static/{goal}", f"{plan}/{goal}")).json()

    def _moment(self, value: Any) -> str:
        now = datetime.fromtimestamp(time.time(), UTC)
        try:
            return written(read_time(str(value).strip(), now, self._settings.commands.zone()))
        except Refused as error:
            raise Refused(f"time {error}") from None


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
    HistoryRequest,
    GridSessionsRequest,
    HealthRequest,
    RefreshRequest,
)
