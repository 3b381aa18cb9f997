"""What a request is answered with, and how it goes over the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from evcc_simulator.era import JSON_UTF8, TEXT, Era
from evcc_simulator.house import go_json, plain


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
    """evcc says no: 400 with the reason as JSON, unless stated otherwise."""

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
