"""What can be wrong with an answer, or with what stands in evcc's place."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from evcc_simulator.house import JSON, TEXT
from evcc_simulator.messages import NOT_FOUND, Answer, Delivery, text

Spoil = Callable[[Answer], Answer]

_HTML = b"<!DOCTYPE html><html><head><title>Login</title></head><body>Please log in</body></html>\n"
_CHUNK = b" " * 65_536
_HUGE = 200_000_000
_DEPTH = 100_000


def _deliver(delivery: Delivery) -> Spoil:
    return lambda answer: replace(answer, delivery=delivery)


def _instead(answer: Answer) -> Spoil:
    return lambda _answer: answer


def _half(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _twisted(value: Any) -> Any:
    """Every leaf of another type: numbers as words, words as numbers, truths as lists."""
    match value:
        case dict():
            return {key: _twisted(item) for key, item in value.items()}
        case list():
            return {str(index): _twisted(item) for index, item in enumerate(value)}
        case bool():
            return [value]
        case int() | float():
            return "many"
        case str():
            return len(value)
        case _:
            return 0


def _wrong_types(answer: Answer) -> Answer:
    return replace(answer, body=orjson.dumps(_twisted(orjson.loads(answer.body))))


FAULTS: dict[str, Spoil] = {
    "hang": _deliver(Delivery.HANG),
    "reset": _deliver(Delivery.RESET),
    "cut": _deliver(Delivery.CUT),
    "trickle": _deliver(Delivery.TRICKLE),
    "garbage": _instead(Answer(200, TEXT, b"\x00\xff\xfe garbage \x01" * 20, delivery=Delivery.RAW)),
    "html": _instead(Answer(200, "text/html; charset=utf-8", _HTML)),
    "redirect": _instead(Answer(302, TEXT, b"", {"Location": "/login"})),
    "unauthorized": _instead(text(401, "Unauthorized")),
    "missing": _instead(NOT_FOUND),
    "broken": _instead(text(500, "Internal Server Error")),
    "gateway": _instead(text(502, "Bad Gateway")),
    "huge": _instead(Answer(200, JSON, _CHUNK, repeat=_HUGE // len(_CHUNK))),
    "truncated": _half,
    "types": _wrong_types,
    "deep": _instead(Answer(200, JSON, b"[" * _DEPTH + b"]" * _DEPTH)),
    "scalar": _instead(Answer(200, JSON, b"42\n")),
    "empty": _instead(Answer(200, JSON, b"")),
}
"""Each fault turns the right answer into what is sent in its place."""
_REFUSALS = frozenset({"redirect", "unauthorized", "missing"})  # a proxy's, say: evcc does not get the request


@dataclass(slots=True)
class Fault:
    """A fault that is switched on."""

    name: str
    path: str = "/"
    """The beginning of the paths that it hits."""
    times: int | None = None
    """How many requests it still hits; None for all."""

    def refuses(self, path: str) -> bool:
        """Whether a request is answered without being carried out."""
        return self.name in _REFUSALS and path.startswith(self.path) and self.times != 0

    def spoil(self, path: str, answer: Answer) -> Answer:
        if not path.startswith(self.path) or self.times == 0:
            return answer
        if self.times:
            self.times -= 1
        return FAULTS[self.name](answer)
