"""Compares a tree of topics that the bridge publishes with a recording of evcc's own.

Allowed to differ: what the contract keeps back, the ghosts that evcc's own tree had, the running clock, (old era)
zero defaults of values that REST does not have, and floats that evcc cut to five digits there.
"""

import json
import math
import re
from collections.abc import Mapping

_KEPT_BACK = re.compile(
    r"site/(auth|authDisabled|config|database|deviceColors|eebus|hems/config|influx|mcp|messaging|messagingEvents|"
    r"modbusproxy|mqtt|network|ocpp|ocppforwarder|remote|shm|sponsor|tariffs)(/|$)"
)
_GHOSTS = re.compile(r"vehicles/(bike|zoe:old)/(plan/|plans/1/)")
_CLOCK = {"status", "updated"}
# zero defaults of the old era that nobody reads and REST does not have
_OLD_ZEROS = re.compile(
    r"(site/(pv|aux|battery)/\d+/(energy|excessDCPower)"
    r"|vehicles/[^/]+/(minCurrent|maxCurrent|phases|priority|plans|capacity))$"
)
_ABSENT = "(absent)"


def compared(own: Mapping[str, str], ours: Mapping[str, str]) -> tuple[int, list[str]]:
    """How many topics must be equal, and a line for each that is not."""
    must = {topic: payload for topic, payload in own.items() if _must_be(topic, payload, ours)}
    return len(must), [
        f"{topic}: own {payload[:60]!r}, bridge {ours.get(topic, _ABSENT)[:60]!r}"
        for topic, payload in must.items()
        if not _equal(payload, ours.get(topic, _ABSENT))
    ]


def _must_be(topic: str, payload: str, ours: Mapping[str, str]) -> bool:
    if topic in _CLOCK or _KEPT_BACK.match(topic) or _GHOSTS.match(topic):
        return False
    return topic in ours or payload != "0" or not _OLD_ZEROS.match(topic)


def _equal(own: str, ours: str) -> bool:
    if own == ours:
        return True
    try:
        one, other = json.loads(own), json.loads(ours)
    except ValueError:
        return False
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=6e-5, abs_tol=6e-4)
    return bool(one == other)
