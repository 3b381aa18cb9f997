"""Requests for charging sessions and for the times at which the grid operator limited the power."""

from typing import Any, ClassVar

import orjson
import structlog

from bridge.errors import NotReady, Refused
from bridge.extras.request import FORMAT, LANGUAGE, LOADPOINT, Fields, Request
from bridge.extras.request_schemas import Flag, Number, Text, Whole
from bridge.extras.rest import SESSIONS
from bridge.extras.session_statistics import read_rows
from bridge.extras.sessions import TIMEOUT, Sessions
from bridge.settable.read import read_vehicle
from bridge.state.releases import release
from bridge.state.values import text

_ALL_FIELDS = (0, 209, 7)
"""Earlier releases write the vehicle alone, and an empty one where none is given."""


class SessionsRequest(Request):
    """`GET /api/sessions`: charging sessions, as JSON or as CSV."""

    name = "sessions"
    fields: ClassVar = {
        "format": FORMAT,
        "lang": LANGUAGE,
        "year": Whole("a year", low=1, high=9999),
        "month": Whole("a month, from 1 to 12", low=1, high=12),
    }
    operations = ("GET /sessions",)

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


class SessionRequest(Request):
    """`PUT` and `DELETE /api/session/<id>`: changes what a charging session has stored, or deletes it.

    Only with `requests.write`.
    """

    name = "session"
    fields: ClassVar = {
        "id": Whole("the id of a session", required=True, low=1, high=10**15),
        "vehicle": Text("the name or title of a vehicle, or null for none", nullable=True),
        "loadpoint": Whole(LOADPOINT.takes, low=1, high=99_999),
        "odometer": Number("a mileage in km, or null for none", nullable=True, high=100_000_000),
        "delete": Flag("true or false"),
    }
    operations = ("PUT /session/{id}", "DELETE /session/{id}")

    async def answer(self, fields: Fields) -> Any:
        """Change or delete the session; what has been changed, as evcc stores it."""
        if not self._settings.requests.write:
            raise Refused("charging sessions are not changed: requests.write is off")
        if not self._reader.state:
            raise NotReady("evcc has not answered yet")
        changed = self._changed(fields)
        if bool(changed) is fields.get("delete", False):
            raise Refused("a session takes either vehicle, loadpoint or odometer, or delete")
        await self._check_id(fields["id"])
        path = f"/api/session/{fields['id']}"
        await (self._rest.send("PUT", path, changed) if changed else self._rest.send("DELETE", path))
        structlog.get_logger().info("charging session changed", id=fields["id"], **(changed or {"deleted": True}))
        for periodic in self._periodics:
            if isinstance(periodic, Sessions):
                periodic.refresh()
        return changed

    def _changed(self, fields: Fields) -> dict[str, Any]:
        """The fields that evcc is to store: here it names vehicles and loadpoints by their titles."""
        changed = {key: fields[key] for key in ("vehicle", "loadpoint", "odometer") if key in fields}
        state = self._reader.state
        if changed.get("vehicle") is not None:
            name = read_vehicle(changed["vehicle"], state).shown
            changed["vehicle"] = state.vehicles[name].title or name
        if "loadpoint" in changed:
            self._check_loadpoint(changed["loadpoint"])
            changed["loadpoint"] = state.loadpoints[changed["loadpoint"] - 1].title
        running = release(state.version)
        if running is not None and running < _ALL_FIELDS and changed.keys() - {"vehicle"}:
            raise Refused("this evcc stores another vehicle only; loadpoint and odometer from 0.209.7 on")
        return changed

    async def _check_id(self, number: int) -> None:
        """Refuse a session that evcc does not have: evcc answers as if it had done something."""
        reply = await self._rest.get(SESSIONS, timeout=TIMEOUT)
        async for row in read_rows(reply.body):
            if row.get("id") == number:
                return
        raise Refused(f"there is no session {number}")


class GridSessionsRequest(Request):
    """`GET /api/gridsessions`: when the grid operator limited the power; not in every evcc."""

    name = "gridsessions"
    fields: ClassVar = {"format": FORMAT, "lang": LANGUAGE}
    operations = ("GET /gridsessions",)

    async def answer(self, fields: Fields) -> Any:
        """Read the limitations, as JSON or as CSV."""
        return await self._read("/api/gridsessions", fields)
