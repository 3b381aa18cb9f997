"""What the bridge says about itself: the payloads of `bridge/info` and `bridge/health`."""

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from bridge import __version__

_PAGE = resource.getpagesize()


def info(facts: Mapping[str, Any]) -> bytes:
    """`bridge/info`: versions, push, poll interval, effective settings without secrets."""
    return orjson.dumps({"version": __version__, **facts})


def health(counters: Mapping[str, Any]) -> bytes:
    """`bridge/health`: counters since the start, and the resident memory in bytes."""
    return orjson.dumps({**counters, "memory": resident_memory()})


def resident_memory() -> int:
    """The resident memory of this process in bytes."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):  # not Linux: the peak is the best there is
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
