"""The base class of what can be requested through `bridge/request/<name>`, and fields that several requests have."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bridge.errors import Refused
from bridge.extras.periodic import Access, Periodic
from bridge.extras.request_schemas import Field, Text, Whole
from bridge.extras.sessions import TIMEOUT
from bridge.util.redact import redact_logins

Fields = Mapping[str, Any]

LOADPOINT = Whole("the number of a loadpoint, from 1", required=True, low=1, high=99_999)
FORMAT = Text("csv or json (a file such as xlsx does not fit into an answer, which is JSON)", pattern="csv|json")
LANGUAGE = Text("a language, such as de", pattern=r"[A-Za-z-]{2,20}")


class Request(ABC):
    """One kind of request: its name, its fields, and the operations that it is for, as evcc describes them."""

    name: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]] = {}
    operations: ClassVar[Sequence[str]] = ()

    def __init__(self, access: Access, periodics: Sequence[Periodic]) -> None:
        self._rest = access.rest
        self._reader = access.reader
        self._settings = access.settings
        self._periodics = periodics

    @abstractmethod
    async def answer(self, fields: Fields) -> Any:
        """The answer's `data`; Refused or EvccError where there is none."""

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
