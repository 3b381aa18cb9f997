"""A nested value of evcc's state -> topics with payloads, by the rules of evcc's own MQTT integration."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.state.names import NULLS, SERIES, escape, is_secret, renamed
from bridge.state.payload import is_number, is_series, payload, text

_PHASES = ("l1", "l2", "l3")
_OF_PHASES = {"site": 2, "loadpoints": 3}  # levels of a topic directly below site, below a loadpoint


def flatten(prefix: str, value: Any) -> dict[str, bytes]:
    """`value` as topics at and below `prefix`; b"" stands for a topic that is erased.

    The first of two sources of one topic wins. Keys that name a secret are left out.
    """
    return flatten_all(prefix, value)[0]


def flatten_all(prefix: str, value: Any) -> tuple[dict[str, bytes], frozenset[str]]:
    """The same, and the topics that more than one source came to."""
    topics: dict[str, bytes] = {}
    contested = set()
    for topic, content in _walk(prefix, value):
        if topic in topics:
            contested.add(topic)
        else:
            topics[topic] = content
    return topics, frozenset(contested)


def _walk(prefix: str, value: Any) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if not is_secret(key):
                yield from _walk(f"{prefix}/{escape(renamed(prefix, key))}", child)
    elif isinstance(value, list):
        yield from _walk_list(prefix, value)
    else:
        yield prefix, NULLS.get(_kind(prefix), b"") if value is None else payload(value)


def _walk_list(prefix: str, value: list[Any]) -> Iterator[tuple[str, bytes]]:
    if is_series(value) or (not value and _is_series_topic(prefix)):
        yield prefix, text(value)
    elif _is_of_phases(prefix, value):
        yield prefix, payload(sum(value))
        yield from ((f"{prefix}/{phase}", payload(item)) for phase, item in zip(_PHASES, value, strict=True))
    else:
        yield prefix, payload(len(value))
        for number, item in enumerate(value, start=1):
            yield from _walk(f"{prefix}/{number}", item)


def _is_of_phases(prefix: str, value: list[Any]) -> bool:
    scope, *below = prefix.split("/")
    return len(below) + 1 == _OF_PHASES.get(scope) and len(value) == 3 and all(map(is_number, value))


def _is_series_topic(prefix: str) -> bool:
    return _kind(prefix) in SERIES or prefix.rpartition("/")[0] in SERIES


def _kind(topic: str) -> str:
    """`loadpoints/2/plan` -> `loadpoints/plan`: a topic without the number or name of its target."""
    levels = topic.split("/")
    return f"{levels[0]}/{levels[2]}" if len(levels) == 3 else ""
