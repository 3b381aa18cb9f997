import asyncio
import math
from typing import Any

import pytest

from bridge.evcc.client import Reply
from bridge.extras.telemetry import Telemetry
from bridge.state.state import Scope, Target
from tests.extras.house import House
from tests.extras.recorded import NO_ROUTE, FakeEvcc, reply
from tests.virtual import in_virtual_time

PATH = "/api/settings/telemetry"
SITE = Target(Scope.SITE)


@pytest.mark.parametrize(
    ("document", "answer", "topics", "asked"),
    [
        ({"siteTitle": "x"}, reply({"result": False}), {"site/telemetry": b"false"}, 1),
        ({"siteTitle": "x"}, reply(True), {"site/telemetry": b"true"}, 1),
        ({"siteTitle": "x"}, reply("maybe"), {}, 1),
        ({"siteTitle": "x"}, NO_ROUTE, {}, 1),
        ({"siteTitle": "x"}, reply({"error": "no"}, 400), {}, 1),
        ({"telemetry": True}, reply(False), {}, 0),
    ],
)
async def test_it_is_read_where_the_state_does_not_have_it(
    document: dict[str, Any], answer: Reply, topics: dict[str, bytes], asked: int
) -> None:
    house = House(FakeEvcc({PATH: answer}), document)
    telemetry = Telemetry(house.access)
    await telemetry.read()
    assert telemetry.due_in() == math.inf
    assert (house.mirror.aliases, house.mirror.sources) == (topics, {})
    assert house.evcc.asked.count(PATH) == asked


async def test_it_is_not_published_where_it_is_excluded() -> None:
    house = House(FakeEvcc({PATH: reply(True)}), {"siteTitle": "x"}, topics={"exclude": ["site/telemetry"]})
    await Telemetry(house.access).read()
    assert house.mirror.topics == {}


def test_it_gives_way_when_the_state_has_it_after_an_upgrade() -> None:
    async def main() -> None:
        house = House(FakeEvcc({PATH: reply(True)}), {"siteTitle": "x"})
        telemetry = Telemetry(house.access)
        house.rest.update(house.idle())
        task = asyncio.create_task(telemetry.run())
        await asyncio.sleep(1)
        assert house.mirror.aliases == {"site/telemetry": b"true"}
        telemetry.update(house.new({"siteTitle": "x", "telemetry": False}))
        await asyncio.sleep(1)
        assert house.mirror.aliases == {}
        task.cancel()

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("target", "key", "reads"),
    [
        (SITE, "telemetry", 2),
        (SITE, "prioritySoc", 1),
        (Target(Scope.LOADPOINT, "1"), "mode", 1),
        (Target(Scope.VEHICLE, "telemetry"), "telemetry", 1),
    ],
)
def test_only_a_telemetry_command_brings_another_read(target: Target, key: str, reads: int) -> None:
    async def main() -> None:
        house = House(FakeEvcc({PATH: reply(True)}), {"siteTitle": "x"})
        telemetry = Telemetry(house.access)
        house.rest.update(house.idle())
        task = asyncio.create_task(telemetry.run())
        await asyncio.sleep(1)
        telemetry.commanded(target, key)
        await asyncio.sleep(1)
        assert house.evcc.asked.count(PATH) == reads
        task.cancel()

    in_virtual_time(main())
