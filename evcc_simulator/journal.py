"""Every request that came in, and waiting for the next one."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from evcc_simulator.pulse import Pulse


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire."""

    method: str
    target: str
    """The raw path and query, as sent."""
    path: str
    """Percent-decoded, without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)
    """Monotonic seconds."""

    def matches(self, method: str | None, path: str | None) -> bool:
        return method in (None, self.method) and (path is None or re.fullmatch(path, self.path) is not None)


class Journal(list[Request]):
    """The requests in the order of their arrival."""

    def __init__(self) -> None:
        super().__init__()
        self._arrival = Pulse()

    def add(self, request: Request) -> None:
        self.append(request)
        self._arrival.beat()

    def matching(self, method: str | None = None, path: str | None = None, after: int = 0) -> list[Request]:
        """The requests from number `after` on with this method and with a path that fits the whole expression."""
        return [request for request in self[after:] if request.matches(method, path)]

    async def find(
        self, method: str | None = None, path: str | None = None, *, after: int = 0, timeout: float = 5
    ) -> Request:
        """The first such request, waited for if it has not come; TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not (found := self.matching(method, path, after)):
                await self._arrival.wait()
        return found[0]
