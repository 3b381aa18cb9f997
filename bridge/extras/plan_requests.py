"""Requests for charging plans: the one in force, and the one that a goal would have."""

import time
from datetime import UTC, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from bridge.errors import Refused
from bridge.extras.request import LOADPOINT, Fields, Request
from bridge.extras.request_schemas import Future, Number, Weekdays, Whole, Zone
from bridge.settable.times import next_on, read_clock, read_time, written
from bridge.state.flatten import payload


class PlanRequest(Request):
    """`GET /api/loadpoints/<n>/plan`: the plan in force."""

    name = "plan"
    fields: ClassVar = {"loadpoint": LOADPOINT}
    operations = ("GET /loadpoints/{id}/plan",)

    async def answer(self, fields: Fields) -> Any:
        """Read the plan."""
        self._check_loadpoint(fields["loadpoint"])
        return await self._read(f"/api/loadpoints/{fields['loadpoint']}/plan")


class PlanPreviewRequest(Request):
    """`GET /api/loadpoints/<n>/plan/static/preview/…`: the plan that a goal would have; nothing is set.

    With `weekdays` it is the next plan of a repeating one. evcc's own route for that, which describes it still, is gone
    since 0.300; it was the preview of the next occurrence.
    """

    name = "plan_preview"
    fields: ClassVar = {
        "loadpoint": LOADPOINT,
        "soc": Whole("a soc in %, from 0 to 100", low=0, high=100),
        "energy": Number("an energy in kWh", low=0.001, high=10_000),
        "time": Future("a time to come, such as 07:00", required=True),
        "weekdays": Weekdays("a list of days of the week, from 0 for Sunday to 6 for Saturday"),
        "tz": Zone("a time zone, such as Europe/Berlin"),
    }
    operations = (
        "GET /loadpoints/{id}/plan/static/preview/soc/{soc}/{timestamp}",
        "GET /loadpoints/{id}/plan/static/preview/energy/{energy}/{timestamp}",
        "GET /loadpoints/{id}/plan/repeating/preview/{soc}/{weekdays}/{hourMinuteTime}/{timezone}",
    )

    async def answer(self, fields: Fields) -> Any:
        """Read the preview; older releases (0.131.4) have its route without `static`."""
        self._check_loadpoint(fields["loadpoint"])
        if ("soc" in fields) is ("energy" in fields):
            raise Refused("a preview takes either soc or energy")
        kind = "soc" if "soc" in fields else "energy"
        goal = f"preview/{kind}/{payload(fields[kind]).decode()}/{written(self._moment(fields))}"
        plan = f"/api/loadpoints/{fields['loadpoint']}/plan"
        return (await self._rest.get_first(f"{plan}/static/{goal}", f"{plan}/{goal}")).json()

    def _moment(self, fields: Fields) -> datetime:
        now, clock = datetime.fromtimestamp(time.time(), UTC), str(fields["time"]).strip()
        zone = ZoneInfo(fields["tz"]) if "tz" in fields else self._settings.commands.zone()
        try:
            if "weekdays" in fields:
                return next_on(fields["weekdays"], read_clock(clock).shown, now, zone)
            return read_time(clock, now, zone)
        except Refused as error:
            raise Refused(f"time {error}") from None
