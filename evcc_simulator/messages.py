"""HTTP as the simulated evcc has it: the requests that came in, and what is answered."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from evcc_simulator.house import JSON_UTF8, TEXT, Era, go_json, plain


class Pulse:
    """Wakes everybody who waits at each `beat`; who comes later waits for the next."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()


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
        self, method: str | None = None, path: str | None = None, *, after: int = 0, timeout: float | None = None
    ) -> Request:
        """The first such request, waited for if it has not come; TimeoutError after `timeout` seconds, where given."""
        async with asyncio.timeout(timeout):
            while not (found := self.matching(method, path, after)):
                await self._arrival.wait()
        return found[0]


class Delivery(Enum):
    """How an answer travels."""

    WHOLE = "whole"
    HANG = "hang"
    """Never."""
    RESET = "reset"
    """Half of the body, then a TCP reset."""
    CUT = "cut"
    """Half of the announced body, then an orderly close."""
    TRICKLE = "trickle"
    """A few bytes at a time."""
    RAW = "raw"
    """The body alone, with no HTTP around it."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 1
    """How often the body comes, one after another, in one answer."""
    delivery: Delivery = Delivery.WHOLE


class Refusal(Exception):
    """evcc refuses: 400 with the reason as JSON, unless stated otherwise."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.answer = Answer(status, JSON_UTF8, go_json({"error": reason}))


def success(era: Era, value: Any) -> Answer:
    """A value as the era answers it: bare, or in `result`."""
    value = plain(value)
    return Answer(200, era.content_type, go_json({"result": value} if era.wrapped else value))


def text(status: int, words: str) -> Answer:
    return Answer(status, TEXT, f"{words}\n".encode())


NOT_FOUND = text(404, "404 page not found")


class Missing(Refusal):
    """evcc has no such page: an unknown path, loadpoint or spelling of a value."""

    def __init__(self) -> None:
        super().__init__("404 page not found")
        self.answer = NOT_FOUND
