import math
from typing import Any

import pytest

from bridge.extras.rest import Rest
from bridge.extras.telemetry import Telemetry
from tests.extras.recorded import NO_ROUTE, FakeEvcc, Wanted, reply

PATH = "/api/settings/telemetry"


@pytest.mark.parametrize(
    ("state", "answer", "topics", "asked"),
    [
        ({}, reply({"result": False}), {"site/telemetry": b"false"}, 1),
        ({}, reply(True), {"site/telemetry": b"true"}, 1),
        ({}, reply("maybe"), {}, 1),
        ({}, NO_ROUTE, {}, 1),
        ({}, reply({"error": "no"}, 400), {}, 1),
        ({"telemetry": True}, reply(False), {}, 0),
    ],
)
async def test_it_is_asked_for_where_the_state_does_not_say(
    state: dict[str, Any], answer: Any, topics: dict[str, bytes], asked: int
) -> None:
    evcc, wanted = FakeEvcc({PATH: answer}), Wanted()
    telemetry = Telemetry(Rest(evcc, lambda: 0.0), lambda: state, wanted)
    assert await telemetry.work(True) == math.inf
    assert wanted.sources == {"telemetry": topics}
    assert evcc.asked.count(PATH) == asked
