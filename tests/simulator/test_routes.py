"""Every recorded request, in order, against the simulated evcc."""

import re

import httpx
import pytest

from evcc_simulator import Evcc
from tests.simulator.recorded import ERAS, NIGHT, Exchange, exchanges

_CUT = re.compile(r"\.\.\.\((\d+) chars\)$")
_FINE = re.compile(r"\.\d{6}Z")
_FINER = re.compile(r"(\.\d{6})\d{3}Z")


def _as_it_was(evcc: Evcc) -> None:
    """The settings that the house had when its routes were recorded."""
    evcc.set("bufferSoc", 0)
    for index in (0, 1):
        evcc.set(("loadpoints", index, "minCurrent"), 0)
        evcc.set(("loadpoints", index, "maxCurrent"), 1)
    evcc.set("loadpoints.1.planEnergy", 0)
    evcc.set("loadpoints.1.planTime", None)


def _same(recorded: str, body: str) -> bool:
    """Equal; of a cut recording the beginning and the length. evcc writes instants to the ns, we to the us."""
    if cut := _CUT.search(recorded):
        length = len(body) + 3 * len(_FINE.findall(body))
        return body.startswith(recorded[: cut.start()]) and length == int(cut[1])
    return body == _FINER.sub(r"\1Z", recorded)


async def _differences(evcc: Evcc, recorded: list[Exchange]) -> list[tuple[int, str, tuple[int, str, str]]]:
    found = []
    async with httpx.AsyncClient(base_url=evcc.url) as client:
        for number, want in enumerate(recorded):
            reply = await client.request(want.method, want.target, json=want.json)
            body = reply.content.decode()
            same = _same(want.body, body)
            if not same or (reply.status_code, reply.headers["content-type"]) != (want.status, want.content_type):
                found.append((number, want.target, (reply.status_code, reply.headers["content-type"], body[:300])))
    return found


@pytest.mark.parametrize("era", ERAS)
async def test_answers_every_recorded_request_as_evcc_did(era: str) -> None:
    recorded = exchanges(era)
    async with Evcc(era, start=NIGHT, speed=0) as evcc:
        _as_it_was(evcc)
        assert await _differences(evcc, recorded) == []
    assert len(recorded) == 248
