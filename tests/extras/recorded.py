"""What real evcc answered, and a fake one that answers so."""

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from bridge.errors import Unreachable
from bridge.evcc.client import Reply, Verdict

_RECORDINGS = Path(__file__).parent.parent / "recordings"
ERAS = ("0.131.4", "0.313.2")


@cache
def _routes(era: str) -> dict[str, dict[str, Any]]:
    lines = (_RECORDINGS / era / "routes.jsonl").read_text().splitlines()
    return {row["request"]: row for row in map(json.loads, lines)}


def body(era: str, request: str) -> bytes:
    """The body that evcc of that era answered."""
    text: str = _routes(era)[request]["body"]
    return text.encode()


def state(era: str) -> dict[str, Any]:
    """The recorded state document, without `result` around it."""
    document: dict[str, Any] = orjson.loads((_RECORDINGS / era / "state.json").read_bytes())
    found: dict[str, Any] = document.get("result", document)
    return found


def reply(value: Any, status: int = 200, content_type: str = "application/json") -> Reply:
    """A reply with a JSON body."""
    return Reply(status, content_type, orjson.dumps(value))


NO_ROUTE = Reply(404, "text/plain; charset=utf-8", b"404 page not found\n")

Answer = Reply | Exception | Callable[[Mapping[str, str]], Reply]


class FakeEvcc:
    """Answers by a table of paths, with the method before them unless it is GET; what is not in it is 404, but for the
    state. `asked` are the requests so far, `sent` the bodies of those that change something.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.answers: dict[str, Answer] = {"/api/state": reply(None), **(answers or {})}
        self.asked: list[str] = []
        self.sent: list[Any] = []
        self.down = False

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        timeout: float | None = None,  # noqa: ARG002  it answers at once
    ) -> Reply:
        await asyncio.sleep(0)
        if method != "GET":
            path = f"{method} {path}"
            self.sent.append(json)
        assert method == "PUT" or json is None
        self.asked.append(f"{path}?{urlencode(params)}" if params else path)
        if self.down:
            raise Unreachable("evcc cannot be reached")
        answer = self.answers.get(path, NO_ROUTE)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Reply) else answer(params or {})

    async def has_routes(self, timeout: float | None = None) -> bool:
        try:
            reply = await self.call("GET", "/api/state", params={"jq": "null"}, timeout=timeout)
        except Unreachable:
            return False
        return reply.verdict is Verdict.OK


def evcc_of(era: str) -> FakeEvcc:
    """A fake evcc that answers GET as the recorded one did, with prices all day long."""
    evcc = FakeEvcc()
    for row in _routes(era).values():
        method, _, path = row["request"].partition(" ")
        if method == "GET" and "?" not in path:
            evcc.answers[path] = Reply(row["status"], row["content_type"], row["body"].encode())
    forecast = state("0.313.2")["forecast"]
    for kind in ("grid", "feedin", "planner"):
        evcc.answers[f"/api/tariff/{kind}"] = reply({"rates": forecast[kind]})
    for number in (1, 2):
        evcc.answers[f"/api/loadpoints/{number}/plan"] = reply({"duration": 0, "plan": None, "power": 690})
    return evcc
